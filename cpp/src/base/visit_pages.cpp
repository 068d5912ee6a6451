#include <algorithm>
#include <cstdlib>
#include <optional>
#include <vector>

#include "base/page_file.hpp"
#include "base/sqlite_connection.hpp"
#include "base/table_pages.hpp"

namespace eventfold {
namespace {

// EVENTFOLD_READ_PAGES=0 in the environment: all by SQL, to see whether it makes a difference.
bool is_allowed() {
  static const bool allowed = [] {
    const char* const said = std::getenv("EVENTFOLD_READ_PAGES");
    return said == nullptr || std::string_view(said) != "0";
  }();
  return allowed;
}

bool says(Connection& connection, std::string_view pragma, std::string_view value) {
  Statement& statement = connection.prepare(pragma);
  ResetGuard guard(statement);
  statement.bind({});
  return statement.step() && statement.column(0).view() == value;
}

// Where the table begins; none: it is no table.
std::optional<std::uint32_t> root_of(Connection& connection, std::string_view table) {
  Statement& statement =
      connection.prepare("SELECT rootpage FROM main.sqlite_master WHERE type = 'table' AND name = ?");
  ResetGuard guard(statement);
  statement.bind({table});
  if (!statement.step() || statement.column(0).type != ValueType::integer) return std::nullopt;
  return static_cast<std::uint32_t>(statement.column(0).integer);
}

// As TablePages wants them; empty: not all are there. Columns that are not stored would upset the numbers.
std::vector<int> numbers_of(Connection& connection, std::string_view table, std::span<const std::string_view> columns) {
  std::vector<int> numbers(columns.size(), INT32_MIN);
  Statement& statement =
      connection.prepare("SELECT name, cid, pk, type, hidden FROM pragma_table_xinfo(?, 'main') ORDER BY cid");
  ResetGuard guard(statement);
  statement.bind({table});
  while (statement.step()) {
    if (statement.column(4).integer != 0) return {};
    const auto column = std::ranges::find(columns, statement.column(0).view());
    if (column == columns.end()) continue;
    const bool is_rowid = statement.column(2).integer == 1 && statement.column(3).view() == "INTEGER";
    numbers[static_cast<std::size_t>(column - columns.begin())] =
        is_rowid ? kRowid : static_cast<int>(statement.column(1).integer);
  }
  if (std::ranges::find(numbers, INT32_MIN) != numbers.end()) return {};
  return numbers;
}

}  // namespace

std::int64_t SqliteConnection::visit_pages(std::string_view table, std::span<const std::string_view> columns,
                                           std::int64_t after, std::int64_t until, RowVisitor& visitor) {
  if (!is_file_ || !is_allowed() || in_transaction()) return after;
  const ReadTransaction one_state(*this);
  const auto root = root_of(*this, table);
  // a process that has the file for itself keeps the index of its WAL in memory of its own
  if (!root || !says(*this, "PRAGMA main.locking_mode", "normal")) return after;
  const std::vector<int> numbers = numbers_of(*this, table, columns);
  const auto file =
      numbers.empty() ? nullptr : PageFile::open(handle(), says(*this, "PRAGMA main.journal_mode", "wal"));
  if (!file) return after;
  return TablePages(*file, *root, numbers).visit(after, until, visitor);
}

}  // namespace eventfold
