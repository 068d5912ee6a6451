#include "read_model/diff.hpp"

#include <algorithm>
#include <set>
#include <span>

#include "eventfold/error.hpp"
#include "fold/operations.hpp"
#include "read_model/row_writer.hpp"
#include "read_model/table_sql.hpp"

namespace eventfold {

namespace {

bool same(Kind kind, const CellView& folded, const Value& live) {
  const Value value = value_of(kind, folded);
  if (value == live) return true;
  // NUMERIC affinity stores a whole number as an integer, REAL gives it back as a double
  const auto is_number = [](const Value& number) {
    return number.type == ValueType::integer || number.type == ValueType::real;
  };
  if (!is_number(value) || !is_number(live) || value.type == live.type) return false;
  const auto as_double = [](const Value& number) {
    return number.type == ValueType::integer ? static_cast<double>(number.integer) : number.real;
  };
  return as_double(value) == as_double(live);
}

// Sorts the live rows into those that are right, those to update and those to delete.
class Comparison : public RowVisitor {
 public:
  explicit Comparison(const Fold& fold) : fold_(fold), seen(fold.slots()), key_(fold.spec().key.size()) {}

  void row(std::span<const Value> columns) override {
    const auto& spec = fold_.spec();
    for (std::size_t part = 0; part < key_.size(); ++part) key_[part] = cell_of(spec.key[part].kind, columns[part]);
    const auto found = fold_.find(key_);
    if (!found) return remove();
    if (doubled.contains(*found)) return;
    if (seen[*found]) {
      // several rows of one key, which the table ought to forbid: all go, and one is written anew
      doubled.insert(*found);
      return remove();
    }
    seen[*found] = true;
    for (std::size_t column = 0; column < spec.columns.size(); ++column) {
      if (!same(spec.columns[column].kind, fold_.column(*found, column), columns[key_.size() + column])) {
        to_update.push_back(*found);
        return;
      }
    }
  }

 private:
  const Fold& fold_;

 public:
  std::vector<bool> seen;
  std::set<std::size_t> doubled;
  std::vector<std::size_t> to_update;
  std::vector<std::vector<OwnedCell>> to_delete;

 private:
  void remove() {
    std::vector<OwnedCell>& owned = to_delete.emplace_back();
    for (const CellView& part : key_) owned.push_back({part, std::string(part.view())});
  }

  std::vector<CellView> key_;
};

void sort_by_key(const Fold& fold, std::vector<std::size_t>& rows) {
  const std::size_t parts = fold.spec().key.size();
  std::sort(rows.begin(), rows.end(), [&](std::size_t left, std::size_t right) {
    for (std::size_t part = 0; part < parts; ++part) {
      const CellView left_key = fold.key(left, part);
      const CellView right_key = fold.key(right, part);
      if (less(left_key, right_key)) return true;
      if (less(right_key, left_key)) return false;
    }
    return false;
  });
}

// Rows may have exchanged values of a unique column: those go first, and come back together.
void update_all(ReadModelWriter& writer, std::span<const std::size_t> rows) {
  std::vector<std::size_t> refused;
  for (const std::size_t row : rows) {
    try {
      writer.update(row);
    } catch (const ProjectionError&) {
      refused.push_back(row);
    }
  }
  for (const std::size_t row : refused) writer.remove(row);
  for (const std::size_t row : refused) writer.insert(row);
}

}  // namespace

Written write_difference(Connection& connection, const Fold& fold) {
  const TableSql sql(fold.spec());
  Comparison comparison(fold);
  connection.visit(sql.select_all, sql.from, {}, comparison);

  std::vector<std::size_t> missing;
  for (std::size_t row = 0; row < fold.slots(); ++row) {
    if (fold.alive(row) && (!comparison.seen[row] || comparison.doubled.contains(row))) missing.push_back(row);
  }
  sort_by_key(fold, missing);  // so that the table grows at its end

  ReadModelWriter writer(connection, fold, sql);
  for (const auto& key : comparison.to_delete) writer.remove(key);
  update_all(writer, comparison.to_update);
  for (const std::size_t row : missing) writer.insert(row);

  Written written;
  written.deleted = static_cast<std::int64_t>(comparison.to_delete.size());
  written.updated = static_cast<std::int64_t>(comparison.to_update.size());
  written.inserted = static_cast<std::int64_t>(missing.size());
  written.rows = static_cast<std::int64_t>(fold.size());
  return written;
}

}  // namespace eventfold
