#include "read_model/lookup_table.hpp"

#include <algorithm>

#include "eventfold/error.hpp"
#include "read_model/table_sql.hpp"

namespace eventfold {

void throw_no_lookup_table(const ProjectionSpec& spec) {
  throw ProjectionError(spec.name +
                        " looks rows up, and the log was installed by a release that kept no copies of them: run "
                        "`manage.py migrate` (Django), or install() of the log");
}

namespace {

class LookupComparison : public RowVisitor {
 public:
  using Differs = std::function<void(const LookupDifference& difference)>;

  LookupComparison(const Fold& fold, const Differs& differs) : fold_(fold), differs_(differs) {
    for (std::size_t number = 0; number < fold.spec().lookups.size(); ++number) {
      const Fold& side = fold.lookup(number);
      sides_.push_back({side, SideKey(side.spec()), std::vector<bool>(side.slots())});
    }
  }

  // Source, key, value.
  void row(std::span<const Value> stored) override {
    const auto& lookups = fold_.spec().lookups;
    const auto lookup = std::ranges::find(lookups, stored[0].view(), &LookupSpec::name);
    if (lookup == lookups.end()) return tell(stored, {}, {});
    const auto number = static_cast<std::size_t>(lookup - lookups.begin());
    Side& side = sides_[number];
    const auto row = side.key.read(stored[1], parts_) ? side.fold.find(parts_) : std::nullopt;
    if (!row) return tell(stored, number, row);
    side.seen[*row] = true;
    const Kind kind = side.fold.spec().columns[lookup->column].kind;
    if (!same_as_stored(kind, side.fold.column(*row, lookup->column), stored[2])) tell(stored, number, row);
  }

  void tell_missing() {
    for (std::size_t number = 0; number < sides_.size(); ++number) {
      for (std::size_t row = 0; row < sides_[number].seen.size(); ++row) {
        if (sides_[number].seen[row] || !sides_[number].fold.alive(row)) continue;
        differs_({fold_.spec().lookups[number].name, OwnedValue(Value()), number, row, {}});
      }
    }
  }

 private:
  struct Side {
    const Fold& fold;
    SideKey key;
    std::vector<bool> seen;
  };

  void tell(std::span<const Value> stored, std::optional<std::size_t> number, std::optional<std::size_t> row) {
    differs_({std::string(stored[0].view()), OwnedValue(stored[1]), number, row, OwnedValue(stored[2])});
  }

  const Fold& fold_;
  const Differs& differs_;
  std::deque<Side> sides_;
  std::vector<CellView> parts_;
};

}  // namespace

LookupSql::LookupSql(const ProjectionSpec& spec) {
  const std::string table = spec.temporary ? "temp.eventfold_live_lookup" : "main.eventfold_lookup";
  from = "FROM " + table + " WHERE name = ?";
  find = "SELECT value FROM " + table + " WHERE name = ? AND source = ? AND key = ?";
  write = "INSERT INTO " + table +
          " (name, source, key, value) VALUES (?, ?, ?, ?) "
          "ON CONFLICT (name, source, key) DO UPDATE SET value = excluded.value";
  remove = "DELETE FROM " + table + " WHERE name = ? AND source = ? AND key = ?";
}

LookupTable::LookupTable(Connection& connection, const ProjectionSpec& spec, const LookupSql& sql)
    : connection_(connection), spec_(spec), sql_(sql) {
  for (const LookupSpec& lookup : spec.lookups) side_keys_.emplace_back(*lookup.projection);
}

void LookupTable::attach(Fold& fold) {
  for (std::size_t number = 0; number < spec_.lookups.size(); ++number) {
    fold.lookup(number).set_loader([this, number](std::span<const CellView> key, std::vector<CellView>& columns) {
      return load(number, key, columns);
    });
  }
}

bool LookupTable::load(std::size_t number, std::span<const CellView> key, std::vector<CellView>& columns) {
  const LookupSpec& lookup = spec_.lookups[number];
  Statement& statement = connection_.prepare(sql_.find);
  ResetGuard guard(statement);
  statement.bind({std::string_view(spec_.name), std::string_view(lookup.name), side_keys_[number].of(key)});
  if (!statement.step()) return false;
  // what else its projection has only makes rows
  columns.assign(lookup.projection->columns.size(), CellView(std::int64_t{0}));
  CellView cell = cell_of(lookup.projection->columns[lookup.column].kind, statement.column(0));
  if (cell.has_bytes()) {
    bytes_ = cell.view();
    cell = CellView(cell.type, bytes_);
  }
  columns[lookup.column] = cell;
  return true;
}

Value LookupTable::key_of(std::size_t number, const Fold& side, std::size_t row) {
  key_.clear();
  for (std::size_t part = 0; part < side.spec().key.size(); ++part) key_.push_back(side.key(row, part));
  return side_keys_[number].of(key_);
}

void LookupTable::write(std::size_t number, const Fold& side, std::size_t row) {
  const LookupSpec& lookup = spec_.lookups[number];
  Statement& statement = connection_.prepare(sql_.write);
  ResetGuard guard(statement);
  statement.run({std::string_view(spec_.name), std::string_view(lookup.name), key_of(number, side, row),
                 value_of(side.spec().columns[lookup.column].kind, side.column(row, lookup.column))});
}

void LookupTable::remove(std::string_view source, const Value& key) {
  Statement& statement = connection_.prepare(sql_.remove);
  ResetGuard guard(statement);
  statement.run({std::string_view(spec_.name), source, key});
}

void LookupTable::write_back(const Fold& fold) {
  for (std::size_t number = 0; number < spec_.lookups.size(); ++number) {
    const Fold& side = fold.lookup(number);
    for (std::size_t row = 0; row < side.slots(); ++row) {
      if (side.alive(row)) {
        if (!side.loaded(row) || side.touched(row, spec_.lookups[number].column)) write(number, side, row);
      } else if (side.loaded(row)) {
        remove(spec_.lookups[number].name, key_of(number, side, row));
      }
    }
  }
}

void compare_lookups(Connection& connection, const Fold& fold,
                     const std::function<void(const LookupDifference& difference)>& differs) {
  const LookupSql sql(fold.spec());
  LookupComparison comparison(fold, differs);
  const Value name = std::string_view(fold.spec().name);
  try {
    connection.visit("source, key, value", sql.from, std::span(&name, 1), comparison);
  } catch (const LogNotFound&) {
    throw_no_lookup_table(fold.spec());
  }
  comparison.tell_missing();
}

std::size_t write_lookups(Connection& connection, const Fold& fold) {
  std::vector<LookupDifference> found;  // nothing can be written while the table is read
  compare_lookups(connection, fold, [&](const LookupDifference& difference) { found.push_back(difference); });
  const LookupSql sql(fold.spec());
  LookupTable table(connection, fold.spec(), sql);
  for (const LookupDifference& each : found) {
    if (each.row) {
      table.write(*each.lookup, fold.lookup(*each.lookup), *each.row);
    } else {
      table.remove(each.source, each.key.view());
    }
  }
  return found.size();
}

}  // namespace eventfold
