// The one header that chooses the SQLite: the system's for plain C++, a borrowed one for the Python extension.
// Borrowed: only routines up to 3.38 may be called (kMinimumSqlite), since newer ones lie beyond an older table.
#pragma once

#ifdef EVENTFOLD_BORROW_SQLITE
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3
#else
#include <sqlite3.h>
#endif

namespace eventfold {
inline constexpr int kMinimumSqlite = 3038000;
}
