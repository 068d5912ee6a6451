// The SQL that reads and writes the table of one read model, and its values.
#pragma once

#include <string>
#include <vector>

#include "eventfold/projection.hpp"
#include "eventfold/value.hpp"

namespace eventfold {

struct TableSql {
  explicit TableSql(const ProjectionSpec& spec);
  std::string select_all;  // "<keys>, <columns>" and "FROM <table>", for Connection::visit
  std::string from;
  std::string select_row;  // columns by key
  std::string where_key;   // what follows FROM <table>; as in delete_row
  std::string insert_row;  // keys, columns
  std::string update_row;  // columns, then keys
  std::string delete_row;  // by key, which may be null: no row of a fold has such a one
};

// What is stored for a cell; its bytes are the cell's.
Value value_of(Kind kind, const CellView& cell);
// What was stored, as the fold keeps it; its bytes are the value's.
CellView cell_of(Kind kind, const Value& value);

// Whether a column holds what a fold has; a whole number may come back as a double, or the other way round.
bool same_as_stored(Kind kind, const CellView& folded, const Value& live);

// Throws the error that is being handled, as a ProjectionError where it says that the table is missing, or is not as
// the specification says.
[[noreturn]] void rethrow_table_error(const ProjectionSpec& spec);

}  // namespace eventfold
