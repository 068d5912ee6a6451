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

// The first library that calls it is the one that this process uses; for any other it does nothing and reports success.
extern "C" __attribute__((visibility("default"))) int sqlite3_extension_init(sqlite3* database, char** message,
                                                                             const sqlite3_api_routines* routines);

namespace eventfold {

// Version of the library that is in use, e.g. "3.40.1"; empty: none yet.
std::string bound_sqlite_version();
// The file that it was loaded from; empty: none yet, or not known.
std::string bound_sqlite_file();

// 1. expect_borrow() gives a number; 2. on this thread, the host runs SELECT eventfold_borrow(number);
// 3. take_borrowed() gives the connection: the same each time, until it is closed. Null: step 2 reached no library that
// is in use. Step 3 runs SQL, so without Python's GIL.
std::int64_t expect_borrow();
std::shared_ptr<ManagedConnection> take_borrowed();

}  // namespace eventfold
