// Ids and request keys that the caller supplies: a repeated batch returns its recorded positions and does nothing.
#pragma once

#include <optional>
#include <span>

#include "eventfold/event_log.hpp"

namespace eventfold {

// What was recorded under the request key or the ids of this batch; none if it is new.
// Throws IdempotencyConflict for other content, or where only a part of the batch is recorded.
std::optional<Appended> find_recorded(Connection& connection, std::span<const NewEvent> events,
                                      std::string_view request);

// Remembers the request key and the ids that came with the events, the first of which is at `first`.
void record_request(Connection& connection, std::span<const NewEvent> events, std::string_view request, Position first);

}  // namespace eventfold
