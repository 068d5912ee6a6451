// What SQLite's result codes mean for an event log, in one place for the C API and the DB-API.
#pragma once

#include <string>

#include "eventfold/error.hpp"

namespace eventfold {

// A DatabaseError that knows SQLite's extended result code, e.g. 2067 for a unique constraint.
class SqliteError : public DatabaseError {
 public:
  SqliteError(const std::string& what, int extended_code) : DatabaseError(what), code(extended_code) {}
  int code;
};

// Throws the error of error.hpp that fits. `writing`: the statement would have changed the database.
[[noreturn]] void throw_sqlite_error(int extended_code, const std::string& message, bool writing);

}  // namespace eventfold
