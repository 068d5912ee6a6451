// Further connections to a log's file, for as many threads.
#pragma once

#include <memory>
#include <vector>

#include "eventfold/event_log.hpp"

namespace eventfold {

// Empty where the log must be read through its own connection: in memory, or in a transaction that may have events of
// its own.
std::vector<std::unique_ptr<Connection>> open_readers(EventLog& log, std::size_t count);

}  // namespace eventfold
