// eventfold._core.Database: a connection and how it was come by. bind_log and bind_fold take it by reference.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "eventfold/managed_connection.hpp"

namespace eventfold {

struct DatabaseHandle {
  std::shared_ptr<ManagedConnection> connection;  // closed, perhaps, but never null
  std::string way;                                // "load_extension", "auto_extension", "own" or "dbapi"
  std::string library;                            // file of the SQLite library, or how it is reached
  std::string version;                            // of that SQLite
  std::string reason;                             // why not a better way; empty for the native ones
};

// The frame of every native operation on a database: begins with the GIL, runs without it and with the connection to
// itself, ends with the GIL.
//
//   py::list read(DatabaseHandle& database, ...) {
//     std::vector<RecordedEvent> events;
//     { NativeCall call(database); events = log.read(...); }
class NativeCall {
 public:
  explicit NativeCall(DatabaseHandle& database)
      : connection_((database.connection->use_lock.renew_after_fork(), database.connection)), use_(*connection_) {}

 private:
  std::shared_ptr<ManagedConnection> connection_;
  pybind11::gil_scoped_release release_;
  Use use_;
};

}  // namespace eventfold
