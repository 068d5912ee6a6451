#include "read_model/diff.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "eventfold/error.hpp"
#include "fold/operations.hpp"
#include "read_model/lookup_table.hpp"
#include "read_model/member_diff.hpp"
#include "read_model/row_writer.hpp"
#include "read_model/table_sql.hpp"

namespace eventfold {

namespace {

OwnedCell owned(const CellView& cell) { return {cell, std::string(cell.view())}; }

RowKey owned_key(std::span<const CellView> parts) {
  RowKey key;
  for (const CellView& part : parts) key.push_back(owned(part));
  return key;
}

// Told of each live row that is not as the fold has it, while the table is read.
class Differences {
 public:
  virtual ~Differences() = default;
  // `columns`: what the table has, from the column on that is the first to differ.
  virtual void changed(std::size_t row, std::size_t first, std::span<const Value> columns) = 0;
  // A row that the fold does not have.
  virtual void extra(std::span<const CellView> key) = 0;
  // Several rows of one key, which the table ought to forbid: told of the second one.
  virtual void doubled(std::size_t row, std::span<const CellView> key) = 0;
};

// Takes rows in blocks, so that the memory of what the fold has of them is fetched while others are compared.
class Comparison : public RowVisitor {
 public:
  Comparison(const Fold& fold, Differences& differences)
      : fold_(fold), differences_(differences), seen_(fold.slots()), parts_(fold.spec().key.size()) {}

  void row(std::span<const Value> columns) override {
    width_ = columns.size();
    values_.insert(values_.end(), columns.begin(), columns.end());
    for (const Value& value : columns) bytes_.append(value.view());
    if (++waiting_ == kAtOnce) compare();
  }
  // Compares the rows that wait yet.
  void finish() { compare(); }

  std::int64_t rows() const { return rows_; }
  bool is_doubled(std::size_t row) const { return doubled_.contains(row); }
  // Whether the table has no row of a key that the fold has.
  bool misses(std::size_t row) const { return fold_.alive(row) && !seen_[row]; }

 private:
  static constexpr std::size_t kAtOnce = 32;

  void compare() {
    const char* at = bytes_.data();
    for (Value& value : values_) {
      if (value.type != ValueType::text && value.type != ValueType::blob) continue;
      value.data = at;
      at += value.size;
    }
    keys_.clear();
    const auto& key = fold_.spec().key;
    for (std::size_t row = 0; row < waiting_; ++row) {
      for (std::size_t part = 0; part < parts_; ++part) {
        keys_.push_back(cell_of(key[part].kind, values_[row * width_ + part]));
      }
    }
    fold_.fetch(keys_);
    for (std::size_t row = 0; row < waiting_; ++row) {
      compare(std::span(keys_).subspan(row * parts_, parts_),
              std::span(values_).subspan(row * width_ + parts_, width_ - parts_));
    }
    rows_ += static_cast<std::int64_t>(std::exchange(waiting_, 0));
    values_.clear();
    bytes_.clear();
  }

  void compare(std::span<const CellView> key, std::span<const Value> live) {
    const auto& columns = fold_.spec().columns;
    const auto found = fold_.find(key);
    if (!found) return differences_.extra(key);
    if (seen_[*found]) {
      if (doubled_.insert(*found).second) differences_.doubled(*found, key);
      return;
    }
    seen_[*found] = true;
    for (std::size_t column = 0; column < columns.size(); ++column) {
      if (!same_as_stored(columns[column].kind, fold_.column(*found, column), live[column])) {
        return differences_.changed(*found, column, live);
      }
    }
  }

  const Fold& fold_;
  Differences& differences_;
  std::int64_t rows_ = 0;
  std::vector<bool> seen_;
  std::set<std::size_t> doubled_;
  std::size_t parts_;  // of a key
  std::size_t width_ = 0;
  std::size_t waiting_ = 0;  // rows
  std::vector<Value> values_;
  std::string bytes_;  // of the values
  std::vector<CellView> keys_;
};

// What is to be written. Nothing can be while the table is read.
class ToWrite : public Differences {
 public:
  void changed(std::size_t row, std::size_t, std::span<const Value>) override { update.push_back(row); }
  void extra(std::span<const CellView> key) override { remove.push_back(owned_key(key)); }
  // All go, and one is written anew.
  void doubled(std::size_t, std::span<const CellView> key) override { extra(key); }

  std::vector<std::size_t> update;
  std::vector<std::vector<OwnedCell>> remove;
};

// How many there are, and the first of them.
class Report : public Differences, public MemberDifferences {
 public:
  Report(const Fold& fold, std::size_t limit) : fold_(fold), limit_(limit) {
    if (fold.spec().keeps_members()) differs_.resize(fold.slots());
  }

  void changed(std::size_t row, std::size_t first, std::span<const Value> columns) override {
    ++compared.changed;
    if (Difference* found = add(Difference::What::changed, row)) add_columns(*found, row, first, columns);
  }
  void extra(std::span<const CellView> key) override {
    ++compared.extra;
    if (full()) return;
    Difference& found = compared.first.emplace_back();
    found.what = Difference::What::extra;
    for (std::size_t part = 0; part < key.size(); ++part) {
      found.key.push_back(as_stored(fold_.spec().key[part].kind, key[part]));
    }
  }
  void doubled(std::size_t row, std::span<const CellView>) override {
    ++compared.doubled;
    add(Difference::What::doubled, row);
  }
  void missing(std::size_t row) {
    ++compared.missing;
    add(Difference::What::missing, row);
  }
  bool full() const { return compared.first.size() >= limit_; }

  void stray(const Value&, std::span<const CellView> parts) override { strays.push_back(owned_key(parts)); }
  void extra(std::size_t row, const Value&, std::string_view column, const Value&) override {
    if (Difference::Values* values = values_of(row, column)) ++values->extra;
  }
  void missing(std::size_t row, std::size_t column, std::size_t number) override {
    Difference::Values* const values = values_of(row, fold_.spec().columns[column].column);
    if (values != nullptr) values->missing += number;
  }
  // Nothing is told of what is kept beside this row: it is missing itself.
  void set_aside(std::size_t row) { differs_[row] = true; }
  // What is kept of a row that neither the log nor the table has.
  void left_behind(const RowKey& key) {
    ++compared.extra;
    if (full()) return;
    Difference& found = compared.first.emplace_back();
    found.what = Difference::What::extra;
    found.key = key;
    found.key.resize(fold_.spec().key.size());
  }

  void kept(const LookupDifference& difference) {
    ++compared.kept;
    if (full()) return;
    Difference& found = compared.first.emplace_back();
    found.what = Difference::What::kept;
    found.source = difference.source;
    const Value key = difference.key.view();
    Difference::Column& column = found.columns.emplace_back();
    if (difference.stored) column.in_table = owned(cell_of(Kind::any, difference.stored->view()));
    if (difference.row) {
      const LookupSpec& lookup = fold_.spec().lookups[*difference.lookup];
      const Fold& side = fold_.lookup(*difference.lookup);
      column.column = *difference.lookup;
      const Kind kind = side.spec().columns[lookup.column].kind;
      column.in_log = as_stored(kind, side.column(*difference.row, lookup.column));
      for (std::size_t part = 0; part < side.spec().key.size(); ++part) {
        found.key.push_back(as_stored(side.spec().key[part].kind, side.key(*difference.row, part)));
      }
    } else {
      found.key.push_back(owned(cell_of(Kind::any, key)));
    }
  }

  std::vector<RowKey> strays;

  Compared compared;

 private:
  // What the database has for it, as the cell of such a value.
  static OwnedCell as_stored(Kind kind, const CellView& cell) {
    return owned(cell_of(Kind::any, value_of(kind, cell)));
  }

  // Of a row that is there once, as one that has changed. Null: it is not among the first ones.
  Difference::Values* values_of(std::size_t row, std::string_view column) {
    if (!differs_[row]) {
      ++compared.changed;
      add(Difference::What::changed, row);
    }
    const auto number = numbers_.find(row);
    if (number == numbers_.end() || compared.first[number->second].what != Difference::What::changed) return nullptr;
    auto& all = compared.first[number->second].values;
    const auto found = std::ranges::find(all, column, &Difference::Values::column);
    if (found != all.end()) return &*found;
    return &all.emplace_back(Difference::Values{std::string(column), 0, 0});
  }

  Difference* add(Difference::What what, std::size_t row) {
    if (!differs_.empty()) differs_[row] = true;
    if (full()) return nullptr;
    if (!differs_.empty()) numbers_[row] = compared.first.size();
    Difference& found = compared.first.emplace_back();
    found.what = what;
    for (std::size_t part = 0; part < fold_.spec().key.size(); ++part) {
      found.key.push_back(as_stored(fold_.spec().key[part].kind, fold_.key(row, part)));
    }
    return &found;
  }
  void add_columns(Difference& found, std::size_t row, std::size_t first, std::span<const Value> live) {
    const auto& columns = fold_.spec().columns;
    for (std::size_t column = first; column < columns.size(); ++column) {
      const Kind kind = columns[column].kind;
      const CellView folded = fold_.column(row, column);
      if (same_as_stored(kind, folded, live[column])) continue;
      found.columns.push_back({column, as_stored(kind, folded), owned(cell_of(Kind::any, live[column]))});
    }
  }

  const Fold& fold_;
  std::size_t limit_;
  std::vector<bool> differs_;                   // by row, where values are kept beside them
  std::map<std::size_t, std::size_t> numbers_;  // of those rows that are among the first, by row
};

void read_rows(Connection& connection, const ProjectionSpec& spec, const TableSql& sql, std::span<const RowKey> keys,
               Comparison& comparison) {
  Statement& statement = connection.prepare("SELECT " + sql.select_all + " " + sql.from + sql.where_key);
  std::vector<Value> parameters;
  std::vector<Value> row(spec.key.size() + spec.columns.size());
  for (const RowKey& key : keys) {
    parameters.clear();
    for (std::size_t part = 0; part < key.size(); ++part) {
      parameters.push_back(value_of(spec.key[part].kind, key[part].view()));
    }
    ResetGuard guard(statement);
    statement.bind(parameters);
    while (statement.step()) {
      for (std::size_t index = 0; index < row.size(); ++index) row[index] = statement.column(static_cast<int>(index));
      comparison.row(row);
    }
  }
}

void read_table(Connection& connection, const ProjectionSpec& spec, const TableSql& sql,
                const std::span<const RowKey>* keys, Comparison& comparison) {
  try {
    if (keys == nullptr) {
      connection.visit(sql.select_all, sql.from, {}, comparison);
    } else {
      read_rows(connection, spec, sql, *keys, comparison);
    }
    comparison.finish();
  } catch (const DatabaseError&) {
    rethrow_table_error(spec);
  }
}

bool has_row(Connection& connection, const ProjectionSpec& spec, const TableSql& sql, const RowKey& key) {
  if (key.size() != spec.key.size()) return false;
  Statement& statement = connection.prepare("SELECT 1 " + sql.from + sql.where_key);
  std::vector<Value> parameters;
  for (std::size_t part = 0; part < key.size(); ++part) {
    parameters.push_back(value_of(spec.key[part].kind, key[part].view()));
  }
  ResetGuard guard(statement);
  statement.bind(parameters);
  return statement.step();
}

// The rows of a fold that are concerned.
std::vector<std::size_t> concerned(const Fold& fold, const std::span<const RowKey>* keys) {
  std::vector<std::size_t> rows;
  if (keys == nullptr) {
    rows.resize(fold.slots());
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    return rows;
  }
  std::vector<CellView> key;
  for (const RowKey& parts : *keys) {
    key.clear();
    for (const OwnedCell& part : parts) key.push_back(part.view());
    if (const auto row = fold.find(key)) rows.push_back(*row);
  }
  return rows;
}

// Of several keys each once, however often it was given.
std::vector<RowKey> without_repetitions(const ProjectionSpec& spec, std::span<const RowKey> keys) {
  std::vector<RowKey> found(keys.begin(), keys.end());
  for (const RowKey& key : found) {
    if (key.size() != spec.key.size())
      throw ProjectionError("a key of " + spec.name + " has as many parts as it has key fields");
  }
  const auto before = [](const RowKey& left, const RowKey& right) {
    for (std::size_t part = 0; part < left.size(); ++part) {
      if (less(left[part].view(), right[part].view())) return true;
      if (less(right[part].view(), left[part].view())) return false;
    }
    return false;
  };
  std::sort(found.begin(), found.end(), before);
  const auto same_key = [&](const RowKey& left, const RowKey& right) {
    return !before(left, right) && !before(right, left);
  };
  found.erase(std::unique(found.begin(), found.end(), same_key), found.end());
  return found;
}

RowKey key_of(const Fold& fold, std::size_t row) {
  RowKey key;
  for (std::size_t part = 0; part < fold.spec().key.size(); ++part) key.push_back(owned(fold.key(row, part)));
  return key;
}

// As many keys as are worth looking up one by one.
class Keys : public Differences, public MemberDifferences {
 public:
  struct TooMany {};

  Keys(const Fold& fold, std::size_t most) : fold_(fold), most_(most) {}

  void changed(std::size_t row, std::size_t, std::span<const Value>) override { add(key_of(fold_, row)); }
  void extra(std::span<const CellView> key) override { add(owned_key(key)); }
  void doubled(std::size_t row, std::span<const CellView>) override { add(key_of(fold_, row)); }
  void add(RowKey key) {
    if (keys.size() == most_) throw TooMany();
    keys.push_back(std::move(key));
  }
  void stray(const Value&, std::span<const CellView> parts) override {
    if (parts.empty()) throw TooMany();  // it cannot be looked up
    extra(parts);
  }
  void extra(std::size_t row, const Value&, std::string_view, const Value&) override { add_once(row); }
  void missing(std::size_t row, std::size_t, std::size_t) override { add_once(row); }

  std::vector<RowKey> keys;

 private:
  void add_once(std::size_t row) {
    if (row != last_) add(key_of(fold_, row));
    last_ = row;
  }

  const Fold& fold_;
  std::size_t most_;
  std::size_t last_ = SIZE_MAX;
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

void report_members(Connection& connection, const Fold& fold, const TableSql& sql, const std::span<const RowKey>* keys,
                    std::span<const std::size_t> missing, Report& report) {
  for (const std::size_t row : missing) report.set_aside(row);
  compare_members(connection, fold, keys, report);
  for (const RowKey& key : report.strays) {
    if (!has_row(connection, fold.spec(), sql, key)) report.left_behind(key);
  }
}

}  // namespace

Compared find_differences(Connection& connection, const Fold& fold, std::size_t limit,
                          const std::span<const RowKey>* keys) {
  const TableSql sql(fold.spec());
  Report report(fold, limit);
  Comparison comparison(fold, report);
  const std::vector<RowKey> chosen = keys ? without_repetitions(fold.spec(), *keys) : std::vector<RowKey>();
  const std::span<const RowKey> wanted(chosen);
  read_table(connection, fold.spec(), sql, keys ? &wanted : nullptr, comparison);

  std::vector<std::size_t> missing;
  for (const std::size_t row : concerned(fold, keys ? &wanted : nullptr)) {
    if (comparison.misses(row)) missing.push_back(row);
  }
  if (fold.spec().keeps_members()) report_members(connection, fold, sql, keys ? &wanted : nullptr, missing, report);
  if (!report.full()) sort_by_key(fold, missing);
  for (const std::size_t row : missing) report.missing(row);
  if (keys == nullptr && !fold.spec().lookups.empty()) {
    compare_lookups(connection, fold, [&](const LookupDifference& difference) { report.kept(difference); });
  }
  report.compared.rows = comparison.rows();
  return std::move(report.compared);
}

std::optional<std::vector<RowKey>> find_differing(Connection& connection, const Fold& fold, std::size_t most) {
  const TableSql sql(fold.spec());
  Keys keys(fold, most);
  Comparison comparison(fold, keys);
  try {
    read_table(connection, fold.spec(), sql, nullptr, comparison);
    for (std::size_t row = 0; row < fold.slots(); ++row) {
      if (comparison.misses(row)) keys.add(key_of(fold, row));
    }
    if (fold.spec().keeps_members()) compare_members(connection, fold, nullptr, keys);
  } catch (const Keys::TooMany&) {
    return std::nullopt;
  }
  return std::move(keys.keys);
}

Written write_difference(Connection& connection, const Fold& fold, const std::span<const RowKey>* keys) {
  const TableSql sql(fold.spec());
  ToWrite differences;
  Comparison comparison(fold, differences);
  const std::vector<RowKey> chosen = keys ? without_repetitions(fold.spec(), *keys) : std::vector<RowKey>();
  const std::span<const RowKey> wanted(chosen);
  read_table(connection, fold.spec(), sql, keys ? &wanted : nullptr, comparison);

  std::vector<std::size_t> beside;  // rows of which only what is kept beside them differs
  std::vector<RowKey> strays;
  if (fold.spec().keeps_members()) {
    beside = write_members(connection, fold, keys ? &wanted : nullptr, strays);
    std::vector<bool> updated(fold.slots());
    for (const std::size_t row : differences.update) updated[row] = true;
    std::erase_if(
        beside, [&](std::size_t row) { return updated[row] || comparison.misses(row) || comparison.is_doubled(row); });
    std::erase_if(strays, [&](const RowKey& key) { return has_row(connection, fold.spec(), sql, key); });
  }

  const std::vector<std::size_t> rows = concerned(fold, keys ? &wanted : nullptr);
  std::vector<std::size_t> missing;
  for (const std::size_t row : rows) {
    if (comparison.misses(row) || comparison.is_doubled(row)) missing.push_back(row);
  }
  sort_by_key(fold, missing);  // so that the table grows at its end

  ReadModelWriter writer(connection, fold, sql);
  for (const auto& key : differences.remove) writer.remove(key);
  update_all(writer, differences.update);
  for (const std::size_t row : missing) writer.insert(row);

  std::size_t copied = 0;
  if (keys == nullptr && !fold.spec().lookups.empty()) copied = write_lookups(connection, fold);

  Written written;
  written.deleted = static_cast<std::int64_t>(differences.remove.size() + strays.size());
  written.updated = static_cast<std::int64_t>(differences.update.size() + beside.size() + copied);
  written.inserted = static_cast<std::int64_t>(missing.size());
  written.rows = static_cast<std::int64_t>(keys ? rows.size() : fold.size());
  return written;
}

}  // namespace eventfold
