// Making, finding and emptying the log's tables.
#pragma once

#include "eventfold/connection.hpp"

namespace eventfold {

bool log_installed(Connection& connection);
// Idempotent. Throws UnsupportedSchema for a newer log, or for tables of these names that are not ours.
void install_log(Connection& connection);
void empty_log(Connection& connection);

}  // namespace eventfold
