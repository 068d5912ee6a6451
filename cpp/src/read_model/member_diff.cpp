#include "read_model/member_diff.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "eventfold/error.hpp"
#include "fold/operations.hpp"
#include "read_model/members.hpp"
#include "read_model/table_sql.hpp"

namespace eventfold {

namespace {

class MemberComparison : public RowVisitor {
 public:
  MemberComparison(const Fold& fold, MemberDifferences& differences)
      : fold_(fold), spec_(fold.spec()), differences_(differences), side_key_(spec_) {
    for (std::size_t column = 0; column < spec_.columns.size(); ++column) {
      if (spec_.columns[column].operation != Operation::distinct) continue;
      const auto& sources = spec_.columns[column].from;
      const bool of_bytes = !sources.empty() && spec_.kind_of(sources[0].type, sources[0].field) == Kind::binary;
      columns_.push_back({column, of_bytes});
    }
    found_.resize(fold.slots() * columns_.size());
  }

  // Key, column, value: those of one key in a row.
  void row(std::span<const Value> stored) override {
    take_key(stored[0]);
    if (!row_) return;
    for (std::size_t index = 0; index < columns_.size(); ++index) {
      const Counting& counting = columns_[index];
      if (spec_.columns[counting.column].column != stored[1].view()) continue;
      if (!fold_.has_member(*row_, counting.column, member_of(stored[2], counting.of_bytes))) break;
      ++found_[*row_ * columns_.size() + index];
      return;
    }
    differences_.extra(*row_, stored[0], stored[1].view(), stored[2]);
  }

  void tell_missing(std::size_t row) {
    for (std::size_t index = 0; index < columns_.size(); ++index) {
      const std::size_t wanted = fold_.members(row, columns_[index].column);
      const std::size_t found = found_[row * columns_.size() + index];
      if (found < wanted) differences_.missing(row, columns_[index].column, wanted - found);
    }
  }

 private:
  struct Counting {
    std::size_t column;
    bool of_bytes;
  };

  void take_key(const Value& stored) {
    if (last_ && last_->view() == stored) return;
    last_.emplace(stored);
    const Value key = last_->view();
    const bool is_key = side_key_.read(key, parts_);
    if (!is_key) parts_.clear();
    row_ = is_key ? fold_.find(parts_) : std::nullopt;
    if (!row_) differences_.stray(key, parts_);
  }

  const Fold& fold_;
  const ProjectionSpec& spec_;
  MemberDifferences& differences_;
  SideKey side_key_;
  std::vector<Counting> columns_;
  std::vector<std::uint32_t> found_;  // by row, then by column
  std::optional<OwnedValue> last_;    // key
  std::vector<CellView> parts_;
  std::optional<std::size_t> row_;  // of that key
};

void read_keys(Connection& connection, const ProjectionSpec& spec, const MemberSql& sql, std::span<const RowKey> keys,
               MemberComparison& comparison) {
  Statement& statement = connection.prepare(sql.select_key);
  SideKey side_key(spec);
  std::vector<CellView> parts;
  for (const RowKey& key : keys) {
    parts.clear();
    for (const OwnedCell& part : key) parts.push_back(part.view());
    const Value stored = side_key.of(parts);
    ResetGuard guard(statement);
    statement.bind({std::string_view(spec.name), stored});
    while (statement.step()) comparison.row(std::vector<Value>{stored, statement.column(0), statement.column(1)});
  }
}

class ToMend : public MemberDifferences {
 public:
  struct Extra {
    OwnedValue key;
    std::string column;
    OwnedValue value;
  };
  void stray(const Value& key, std::span<const CellView> parts) override {
    strays.emplace_back(key);
    RowKey& row_key = keys.emplace_back();
    for (const CellView& part : parts) row_key.push_back({part, std::string(part.view())});
  }
  void extra(std::size_t row, const Value& key, std::string_view column, const Value& value) override {
    extras.push_back({OwnedValue(key), std::string(column), OwnedValue(value)});
    add(row);
  }
  void missing(std::size_t row, std::size_t column, std::size_t) override {
    missed.emplace_back(row, column);
    add(row);
  }

  std::vector<OwnedValue> strays;
  std::vector<RowKey> keys;  // of these
  std::vector<Extra> extras;
  std::vector<std::pair<std::size_t, std::size_t>> missed;
  std::vector<std::size_t> rows;

 private:
  void add(std::size_t row) {
    if (rows.empty() || rows.back() != row) rows.push_back(row);
  }
};

// So that the table grows at its end.
void sort_missed(const Fold& fold, std::vector<std::pair<std::size_t, std::size_t>>& missed) {
  const std::size_t parts = fold.spec().key.size();
  std::sort(missed.begin(), missed.end(), [&](const auto& left, const auto& right) {
    for (std::size_t part = 0; part < parts && left.first != right.first; ++part) {
      const CellView left_key = fold.key(left.first, part);
      const CellView right_key = fold.key(right.first, part);
      if (less(left_key, right_key)) return true;
      if (less(right_key, left_key)) return false;
    }
    return left.second < right.second;
  });
}

}  // namespace

void compare_members(Connection& connection, const Fold& fold, const std::span<const RowKey>* keys,
                     MemberDifferences& differences) {
  const ProjectionSpec& spec = fold.spec();
  const MemberSql sql(spec);
  MemberComparison comparison(fold, differences);
  try {
    if (keys != nullptr) {
      read_keys(connection, spec, sql, *keys, comparison);
    } else {
      const Value name = std::string_view(spec.name);
      connection.visit("key, column_name, value", sql.from, std::span(&name, 1), comparison);
    }
  } catch (const LogNotFound&) {
    throw_no_member_table(spec);
  }
  if (keys == nullptr) {
    for (std::size_t row = 0; row < fold.slots(); ++row) {
      if (fold.alive(row)) comparison.tell_missing(row);
    }
    return;
  }
  std::vector<CellView> parts;
  for (const RowKey& key : *keys) {
    parts.clear();
    for (const OwnedCell& part : key) parts.push_back(part.view());
    if (const auto row = fold.find(parts)) comparison.tell_missing(*row);
  }
}

std::vector<std::size_t> write_members(Connection& connection, const Fold& fold, const std::span<const RowKey>* keys,
                                       std::vector<RowKey>& strays) {
  const MemberSql sql(fold.spec());
  ToMend found;
  compare_members(connection, fold, keys, found);
  MemberTable table(connection, fold.spec(), sql);
  for (const OwnedValue& key : found.strays) table.remove_key(key.view());
  for (const ToMend::Extra& extra : found.extras) table.remove(extra.key.view(), extra.column, extra.value.view());
  sort_missed(fold, found.missed);
  std::vector<CellView> key;
  std::vector<CellView> values;
  for (const auto& [row, column] : found.missed) {
    key.clear();
    for (std::size_t part = 0; part < fold.spec().key.size(); ++part) key.push_back(fold.key(row, part));
    values.clear();
    fold.visit_members(row, column, [&](const CellView& value) { values.push_back(value); });
    std::sort(values.begin(), values.end(), less);
    for (const CellView& value : values) table.insert(key, column, value);
  }
  strays = std::move(found.keys);
  std::sort(found.rows.begin(), found.rows.end());
  found.rows.erase(std::unique(found.rows.begin(), found.rows.end()), found.rows.end());
  return std::move(found.rows);
}

}  // namespace eventfold
