#include <optional>

#include "eventfold/read_model.hpp"
#include "read_model/folding_guard.hpp"
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

 private:
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

void fold_batch(Connection& connection, const Projection& projection, std::span<const EventView> events) {
  const TableSql sql(*projection.spec);
  RowLoader loader(connection, *projection.spec, sql);
  Fold fold(projection.spec);
  fold.set_loader([&](std::span<const CellView> key, std::vector<CellView>& columns) { return loader(key, columns); });
  if (projection.handler) {
    fold.set_handler([&](Fold::Row& row, const EventView& event) {
      FoldingGuard guard(connection);
      projection.handler(row, event);
    });
  }
  std::string_view last_type;
  int plan = -1;
  for (const EventView& event : events) {
    if (event.type != last_type) {
      plan = fold.plan_of(event.type);
      last_type = event.type;
    }
    if (plan >= 0) fold.apply(plan, event);
  }
  write_back(connection, fold, sql);
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

InlineReadModels::InlineReadModels(std::vector<Projection> projections) : projections_(std::move(projections)) {}

void InlineReadModels::appended(Connection& connection, std::span<const EventView> events) {
  for (const Projection& projection : projections_) {
    if (reads_any(*projection.spec, events)) fold_batch(connection, projection, events);
  }
}

}  // namespace eventfold
