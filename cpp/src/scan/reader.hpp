// Reads recorded events for people and programs: whole rows, by position, stream and type, in either direction.
// (Folds read through Connection::visit instead.)
#pragma once

#include <functional>
#include <span>

#include "eventfold/event_log.hpp"

namespace eventfold {

// One short read for each batch. Throws InvalidEvent for a negative limit, UnknownEventType.
void read_events(Connection& connection, const Query& query, std::size_t batch_size,
                 const std::function<void(std::span<const RecordedEvent>)>& sink);

}  // namespace eventfold
