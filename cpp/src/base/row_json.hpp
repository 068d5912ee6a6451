// The SQL function eventfold_row_json(shape, value, ...): what the SQL of `tracking/encoding_sql.py` makes of a row, at
// a fraction of its cost. A bootstrap calls it for each row of a table; triggers cannot, since other programs fire
// them.
#pragma once

#include "base/sqlite_api.hpp"

namespace eventfold {

// `shape` has a line for each value: how it is written, a tab, and the text before it, such as `,"new_title":`. A brace
// follows the last one. How: `=` as its storage class says, `r` as a float, `b` as a boolean, `d2` as a decimal of two
// places, `t` and `z` as a moment without and with Z, `u` as a UUID, `x` is JSON already. What is stored otherwise than
// expected is written as what it is. Returns SQLite's result code.
int register_row_json(sqlite3* handle);

}  // namespace eventfold
