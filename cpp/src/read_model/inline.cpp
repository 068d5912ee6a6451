#include <algorithm>
#include <mutex>
#include <optional>

#include "base/sql.hpp"
#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "read_model/folding_guard.hpp"
#include "read_model/lookup_table.hpp"
#include "read_model/members.hpp"
#include "read_model/row_writer.hpp"
#include "read_model/table_sql.hpp"

namespace eventfold {

namespace {

// Finds stored rows by key. The row's bytes are copied, since the statement is reset before the fold goes on.
class RowLoader {
 public:
  RowLoader(Connection& connection, const ProjectionSpec& spec, const TableSql& sql)
      : connection_(connection), spec_(spec), sql_(sql) {}

  bool operator()(std::span<const CellView> key, std::vector<CellView>& columns) {
    try {
      return load(key, columns);
    } catch (const DatabaseError&) {
      rethrow_table_error(spec_);
    }
  }

 private:
  bool load(std::span<const CellView> key, std::vector<CellView>& columns) {
    parameters_.clear();
    for (std::size_t part = 0; part < key.size(); ++part) {
      parameters_.push_back(value_of(spec_.key[part].kind, key[part]));
    }
    Statement& statement = connection_.prepare(sql_.select_row);
    ResetGuard guard(statement);
    statement.bind(parameters_);
    if (!statement.step()) return false;
    columns.clear();
    bytes_.resize(spec_.columns.size());
    for (std::size_t column = 0; column < spec_.columns.size(); ++column) {
      CellView cell = cell_of(spec_.columns[column].kind, statement.column(static_cast<int>(column)));
      if (cell.has_bytes()) {
        bytes_[column] = cell.view();
        cell = CellView(cell.type, bytes_[column]);
      }
      columns.push_back(cell);
    }
    return true;
  }

  Connection& connection_;
  const ProjectionSpec& spec_;
  const TableSql& sql_;
  std::vector<Value> parameters_;
  std::vector<std::string> bytes_;
};

void write_back(Connection& connection, const Fold& fold, const TableSql& sql) {
  ReadModelWriter writer(connection, fold, sql);
  for (std::size_t row = 0; row < fold.slots(); ++row) {
    if (fold.alive(row)) {
      fold.loaded(row) ? writer.update(row) : writer.insert(row);
    } else if (fold.loaded(row)) {
      writer.remove(row);
    }
  }
}

// Asked in the transaction of each append, since another process may hand a read model over at any time.
std::vector<std::string> followed_read_models(Connection& connection) {
  std::vector<std::string> names;
  try {
    Statement& statement = connection.prepare(sql::list_followed);
    ResetGuard guard(statement);
    statement.bind({});
    while (statement.step()) names.emplace_back(statement.column(0).view());
  } catch (const LogNotFound&) {
    // a log that was installed before there were followers, and not migrated since
  }
  return names;
}

bool reads_any(const ProjectionSpec& spec, std::span<const EventView> events) {
  std::string_view last_type;
  for (const EventView& event : events) {
    if (event.type == last_type) continue;
    last_type = event.type;
    for (const EventSpec& wanted : spec.events) {
      if (wanted.type == event.type) return true;
    }
  }
  return false;
}

}  // namespace

class InlineReadModels::Model {
 public:
  explicit Model(Projection projection) : projection_(std::move(projection)), sql_(*projection_.spec) {
    if (projection_.spec->keeps_members()) member_sql_.emplace(*projection_.spec);
    if (!projection_.spec->lookups.empty()) lookup_sql_.emplace(*projection_.spec);
  }

  const ProjectionSpec& spec() const { return *projection_.spec; }

  void appended(Connection& connection, std::span<const EventView> events) {
    try {
      fold_and_write(connection, events);
    } catch (const LogNotFound&) {  // when a statement is prepared, or not before it is run
      if (member_sql_) throw_no_member_table(spec());
      if (lookup_sql_) throw_no_lookup_table(spec());
      throw;
    }
  }

 private:
  void fold_and_write(Connection& connection, std::span<const EventView> events) {
    Fold fold = take_fold();
    std::optional<MemberTable> members;
    if (member_sql_) {
      members.emplace(connection, spec(), *member_sql_);
      fold.set_member_loader([&](std::span<const CellView> key, std::size_t column, const CellView& value) {
        return members->has(key, column, value);
      });
    }
    std::optional<LookupTable> lookups;
    if (lookup_sql_) lookups.emplace(connection, spec(), *lookup_sql_).attach(fold);
    fold_batch(connection, fold, events);
    write_back(connection, fold, sql_);
    if (members) members->write_back(fold);
    if (lookups) lookups->write_back(fold);
    give_back(std::move(fold));
  }

  void fold_batch(Connection& connection, Fold& fold, std::span<const EventView> events) {
    RowLoader loader(connection, *projection_.spec, sql_);
    fold.set_loader(
        [&](std::span<const CellView> key, std::vector<CellView>& columns) { return loader(key, columns); });
    Fold::Handler handler;
    if (projection_.handler.each) {
      handler.each = [&](Fold::Row& row, const EventView& event) {
        FoldingGuard guard(connection);
        projection_.handler.each(row, event);
        guard.check(spec(), event);
      };
    }
    if (projection_.handler.batch) {
      handler.batch = [&](Fold::Batch& batch) {
        FoldingGuard guard(connection);
        projection_.handler.batch(batch);
        guard.check(spec(), batch.events().back().event);
      };
    }
    fold.set_handler(std::move(handler));
    std::string_view last_type;
    int plan = -1;
    for (const EventView& event : events) {
      if (event.type != last_type) {
        plan = fold.plan_of(event.type);
        last_type = event.type;
      }
      if (plan >= 0) fold.apply(plan, event);
    }
    fold.finish();
  }

  // A fold that was used before knows the order of the events' keys and has its buffers. The lock is held for a move
  // of pointers, and never waited for: in a child of a fork it may stay locked for ever, which costs a new fold.
  Fold take_fold() {
    if (std::unique_lock lock(mutex_, std::try_to_lock); lock && !idle_.empty()) {
      Fold fold = std::move(idle_.back());
      idle_.pop_back();
      return fold;
    }
    return Fold(projection_.spec);
  }

  void give_back(Fold fold) {
    if (fold.slots() > kKept) return;
    fold.clear();
    if (std::unique_lock lock(mutex_, std::try_to_lock); lock && idle_.size() < kIdle) idle_.push_back(std::move(fold));
  }

  static constexpr std::size_t kKept = 1024;  // rows of a fold that is worth keeping; a larger one holds memory
  static constexpr std::size_t kIdle = 16;

  Projection projection_;
  TableSql sql_;
  std::optional<MemberSql> member_sql_;
  std::optional<LookupSql> lookup_sql_;
  std::mutex mutex_;
  std::vector<Fold> idle_;
};

InlineReadModels::InlineReadModels(std::vector<Projection> projections, bool for_follower)
    : for_follower_(for_follower) {
  for (Projection& projection : projections) {
    for (const EventSpec& event : projection.spec->events) types_.insert(event.type);
    models_.push_back(std::make_unique<Model>(std::move(projection)));
  }
}

InlineReadModels::~InlineReadModels() = default;

std::vector<std::string> InlineReadModels::types() const { return {types_.begin(), types_.end()}; }

bool InlineReadModels::reads(std::string_view type) const { return types_.contains(type); }

void InlineReadModels::appended(Connection& connection, std::span<const EventView> events) {
  std::optional<std::vector<std::string>> followed;
  for (const auto& model : models_) {
    if (!reads_any(model->spec(), events)) continue;
    if (!for_follower_) {
      if (!followed) followed = followed_read_models(connection);
      if (std::ranges::find(*followed, model->spec().name) != followed->end()) continue;
    }
    model->appended(connection, events);
  }
}

}  // namespace eventfold
