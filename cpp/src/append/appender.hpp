// Writes a batch of events: positions, ids, interned names, versions, the header, and then whoever listens.
#pragma once

#include <span>

#include "eventfold/event_log.hpp"
#include "log/header.hpp"
#include "log/interns.hpp"

namespace eventfold {

// Within the caller's transaction.
Appended append_events(Connection& connection, Interns& interns, std::span<const NewEvent> events,
                       const AppendOptions& options, AppendListener* listener);

}  // namespace eventfold
