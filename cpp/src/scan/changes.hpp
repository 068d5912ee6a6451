// Reads the events that somebody follows: few at a time, just after they were recorded.
#pragma once

#include "eventfold/changes.hpp"
#include "eventfold/connection.hpp"

namespace eventfold {

// One short read, at most a batch.
FoundChanges read_changes(Connection& connection, const WantedChanges& wanted, Position after, Position until);

}  // namespace eventfold
