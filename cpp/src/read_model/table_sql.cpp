#include "read_model/table_sql.hpp"

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

template <class Items>
std::string list(const Items& items, const char* separator, const char* suffix) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += separator;
    text += quoted(item.column) + suffix;
  }
  return text;
}

}  // namespace

TableSql::TableSql(const ProjectionSpec& spec) {
  const std::string table = quoted(spec.table);
  const std::string keys = list(spec.key, ", ", "");
  const std::string columns = list(spec.columns, ", ", "");
  const std::string by_key = " WHERE " + list(spec.key, " AND ", " = ?");
  const std::string both = columns.empty() ? keys : keys + ", " + columns;
  select_all = both;
  from = "FROM " + table;
  select_row = "SELECT " + (columns.empty() ? "1" : columns) + " FROM " + table + by_key;
  insert_row = "INSERT INTO " + table + " (" + both + ") VALUES (";
  for (std::size_t index = 0; index < spec.key.size() + spec.columns.size(); ++index) insert_row += index ? ", ?" : "?";
  insert_row += ")";
  if (!columns.empty()) update_row = "UPDATE " + table + " SET " + list(spec.columns, ", ", " = ?") + by_key;
  delete_row = "DELETE FROM " + table + " WHERE " + list(spec.key, " AND ", " IS ?");
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
