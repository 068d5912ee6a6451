#include "read_model/members.hpp"

#include "eventfold/error.hpp"
#include "read_model/table_sql.hpp"

namespace eventfold {

MemberSql::MemberSql(const ProjectionSpec& spec) {
  const std::string table = spec.temporary ? "temp.eventfold_live_distinct" : "main.eventfold_distinct";
  const std::string by_key = " WHERE name = ? AND key = ?";
  const std::string by_column = by_key + " AND column_name = ?";
  const std::string by_all = by_column + " AND value = ?";
  from = "FROM " + table + " WHERE name = ?";
  select_key = "SELECT column_name, value FROM " + table + by_key;
  find = "SELECT 1 FROM " + table + by_all;
  insert = "INSERT OR IGNORE INTO " + table + " (name, key, column_name, value) VALUES (?, ?, ?, ?)";
  remove = "DELETE FROM " + table + by_all;
  remove_column = "DELETE FROM " + table + by_column;
  remove_key = "DELETE FROM " + table + by_key;
}

Value stored_member(const CellView& value) {
  if (value.type == CellType::number) return Value::blob(value.view());
  return value_of(Kind::any, value);
}

CellView member_of(const Value& stored, bool of_bytes) {
  if (stored.type == ValueType::blob && !of_bytes) return CellView(CellType::number, stored.view());
  return cell_of(Kind::any, stored);
}

void throw_no_member_table(const ProjectionSpec& spec) {
  throw ProjectionError(spec.name +
                        " counts different values, and the log was installed by a release that kept none: run "
                        "`manage.py migrate` (Django), or install() of the log");
}

MemberTable::MemberTable(Connection& connection, const ProjectionSpec& spec, const MemberSql& sql)
    : connection_(connection), spec_(spec), sql_(sql), side_key_(spec) {}

bool MemberTable::has(std::span<const CellView> key, std::size_t column, const CellView& value) {
  Statement& statement = connection_.prepare(sql_.find);
  ResetGuard guard(statement);
  statement.bind({std::string_view(spec_.name), side_key_.of(key), std::string_view(spec_.columns[column].column),
                  stored_member(value)});
  return statement.step();
}

void MemberTable::insert(std::span<const CellView> key, std::size_t column, const CellView& value) {
  Statement& statement = connection_.prepare(sql_.insert);
  ResetGuard guard(statement);
  statement.run({std::string_view(spec_.name), side_key_.of(key), std::string_view(spec_.columns[column].column),
                 stored_member(value)});
}

void MemberTable::remove(const Value& key, std::string_view column, const Value& value) {
  Statement& statement = connection_.prepare(sql_.remove);
  ResetGuard guard(statement);
  statement.run({std::string_view(spec_.name), key, column, value});
}

void MemberTable::remove_key(const Value& key) {
  Statement& statement = connection_.prepare(sql_.remove_key);
  ResetGuard guard(statement);
  statement.run({std::string_view(spec_.name), key});
}

void MemberTable::write_back(const Fold& fold) {
  std::vector<CellView> key;
  for (std::size_t row = 0; row < fold.slots(); ++row) {
    if (!fold.alive(row) && !fold.loaded(row)) continue;
    key.clear();
    for (std::size_t part = 0; part < spec_.key.size(); ++part) key.push_back(fold.key(row, part));
    // what a row left behind that was deleted by hand must not count for a new one
    if (!fold.alive(row) || !fold.loaded(row)) remove_key(side_key_.of(key));
    if (fold.alive(row)) write_back(fold, row, key);
  }
}

void MemberTable::write_back(const Fold& fold, std::size_t row, std::span<const CellView> key) {
  for (std::size_t column = 0; column < spec_.columns.size(); ++column) {
    if (spec_.columns[column].operation != Operation::distinct) continue;
    if (fold.loaded(row) && fold.forgets_members(row, column)) {
      Statement& statement = connection_.prepare(sql_.remove_column);
      ResetGuard guard(statement);
      statement.run({std::string_view(spec_.name), side_key_.of(key), std::string_view(spec_.columns[column].column)});
    }
    fold.visit_members(row, column, [&](const CellView& value) { insert(key, column, value); });
  }
}

}  // namespace eventfold
