// The EventLog of one Database, as Python holds it.
#pragma once

#include <memory>

#include "database.hpp"
#include "eventfold/event_log.hpp"

namespace eventfold::bindings {

// Native calls on it go through NativeCall(*database): without the GIL, one thread at a time.
struct LogHandle {
  explicit LogHandle(std::shared_ptr<DatabaseHandle> handle) : database(std::move(handle)), log(database->connection) {}
  std::shared_ptr<DatabaseHandle> database;
  EventLog log;
};

}  // namespace eventfold::bindings
