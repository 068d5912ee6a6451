// Reads the events that somebody follows: few at a time, just after they were recorded.
#pragma once

#include <optional>

#include "eventfold/changes.hpp"
#include "eventfold/connection.hpp"
#include "eventfold/event_log.hpp"

namespace eventfold {

// What lies after the mark; none: nothing. A few events are read at once; if there are more, or if the listener (null:
// there is none) reads one of them, `until` is left 0.
std::optional<PendingChanges> read_pending_changes(Connection& connection, const WantedChanges* wanted,
                                                   const AppendListener* listener);

// One short read, at most a batch.
FoundChanges read_changes(Connection& connection, const WantedChanges& wanted, Position after, Position until);

}  // namespace eventfold
