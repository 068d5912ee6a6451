// Using the SQLite, and the connections, of the host program: only in the build that links no SQLite of its own.
//
// A second copy of SQLite on the same file would drop the first one's locks. So the host's library calls
// sqlite3_extension_init (by load_extension, or for each new connection by sqlite3_auto_extension), which hands over
// its routines; then the SQL function eventfold_borrow, run by the host on one of its connections, hands over that one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "eventfold/managed_connection.hpp"

struct sqlite3;
struct sqlite3_api_routines;

// The first library that calls one of these is the one that this process uses; for any other they do nothing and report
// success. The first is for load_extension, the second for sqlite3_auto_extension.
extern "C" __attribute__((visibility("default"))) int sqlite3_extension_init(sqlite3* database, char** message,
                                                                             const sqlite3_api_routines* routines);
extern "C" int eventfold_auto_extension_init(sqlite3* database, char** message, const sqlite3_api_routines* routines);

namespace eventfold {

// Version of the library that is in use, e.g. "3.40.1"; empty: none yet.
std::string bound_sqlite_version();
// The file that it was loaded from; empty: none yet, or not known.
std::string bound_sqlite_file();

// 1. expect_borrow() gives a number; 2. on this thread, the host runs SELECT eventfold_borrow(number);
// 3. take_borrowed() gives the connection: the same each time, until it is closed. Null: step 2 reached no library that
// is in use. Step 3 runs SQL, so without Python's GIL.
std::int64_t expect_borrow();
struct Borrowed {
  std::shared_ptr<ManagedConnection> connection;
  std::string way;  // "load_extension" or "auto_extension": which brought us to this connection first
};
Borrowed take_borrowed();

}  // namespace eventfold
