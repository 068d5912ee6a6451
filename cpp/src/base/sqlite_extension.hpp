// What one connection of the host keeps for us, from its opening to its close. Only where SQLite is borrowed.
#pragma once

#include <memory>

#include "base/sqlite_connection.hpp"

#ifdef EVENTFOLD_BORROW_SQLITE
namespace eventfold {

struct HostConnection {
  sqlite3* handle;
  const char* way;                               // that first brought us here
  std::shared_ptr<SqliteConnection> connection;  // null until it is borrowed
};

}  // namespace eventfold
#endif
