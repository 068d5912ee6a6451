#include "read_model/table_sql.hpp"

#include "eventfold/error.hpp"

namespace eventfold {

namespace {

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char letter : name) {
    text += letter;
    if (letter == '"') text += letter;
  }
  return text + '"';
}

// `before`: of each name. In an expression it has to be the table: SQLite takes a name in quotes that is no column for
// a text.
template <class Items>
std::string list(const Items& items, const std::string& before, const char* separator, const char* suffix) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += separator;
    text += before + quoted(item.column) + suffix;
  }
  return text;
}

}  // namespace

TableSql::TableSql(const ProjectionSpec& spec) {
  const std::string table = quoted(spec.table);
  const std::string of_table = table + ".";
  const std::string keys = list(spec.key, of_table, ", ", "");
  const std::string columns = list(spec.columns, of_table, ", ", "");
  const std::string by_key = " WHERE " + list(spec.key, of_table, " AND ", " = ?");
  select_all = columns.empty() ? keys : keys + ", " + columns;
  from = "FROM " + table;
  select_row = "SELECT " + (columns.empty() ? "1" : columns) + " FROM " + table + by_key;
  insert_row = "INSERT INTO " + table + " (" + list(spec.key, "", ", ", "");
  for (const auto& column : spec.columns) insert_row += ", " + quoted(column.column);
  insert_row += ") VALUES (";
  for (std::size_t index = 0; index < spec.key.size() + spec.columns.size(); ++index) insert_row += index ? ", ?" : "?";
  insert_row += ")";
  if (!columns.empty()) update_row = "UPDATE " + table + " SET " + list(spec.columns, "", ", ", " = ?") + by_key;
  where_key = " WHERE " + list(spec.key, of_table, " AND ", " IS ?");
  delete_row = "DELETE FROM " + table + where_key;
}

void rethrow_table_error(const ProjectionSpec& spec) {
  try {
    throw;
  } catch (const DatabaseError& error) {
    const std::string_view message = error.what();
    if (!message.starts_with("no such table: ") && !message.starts_with("no such column: ") &&
        message.find(" has no column named ") == std::string_view::npos) {
      throw;
    }
    throw ProjectionError("The table of " + spec.name + " is missing, or is not as its class says: run `manage.py " +
                          "migrate`, by the code that is running (" + error.what() + ")");
  }
}

Value value_of(Kind kind, const CellView& cell) {
  switch (cell.type) {
    case CellType::null:
      return {};
    case CellType::integer:
      return kind == Kind::real ? Value(static_cast<double>(cell.integer)) : Value(cell.integer);
    case CellType::boolean:
      return Value(cell.integer);
    case CellType::real:
      return Value(cell.real);
    case CellType::blob:
      return Value::blob(cell.view());
    default:
      return Value(cell.view());
  }
}

bool same_as_stored(Kind kind, const CellView& folded, const Value& live) {
  const Value value = value_of(kind, folded);
  if (value == live) return true;
  // NUMERIC affinity stores a whole number as an integer, REAL gives it back as a double
  const auto same_number = [](const Value& whole, const Value& number) {
    return whole.type == ValueType::integer && number.type == ValueType::real && number.real >= -0x1p63 &&
           number.real < 0x1p63 && static_cast<std::int64_t>(number.real) == whole.integer &&
           static_cast<double>(whole.integer) == number.real;
  };
  return same_number(value, live) || same_number(live, value);
}

CellView cell_of(Kind kind, const Value& value) {
  switch (value.type) {
    case ValueType::null:
      return {};
    case ValueType::integer: {
      if (kind == Kind::real) return CellView(static_cast<double>(value.integer));
      CellView cell(value.integer);
      if (kind == Kind::boolean) cell.type = CellType::boolean;
      return cell;
    }
    case ValueType::real:
      return CellView(value.real);
    case ValueType::blob:
      return CellView(CellType::blob, value.view());
    case ValueType::text:
      return CellView(kind == Kind::json ? CellType::json : CellType::text, value.view());
  }
  return {};
}

}  // namespace eventfold
