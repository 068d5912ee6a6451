#include "segment/sealer.hpp"

#include <algorithm>
#include <map>

#include "base/sql.hpp"
#include "columns/event_columns.hpp"
#include "eventfold/error.hpp"
#include "log/header.hpp"
#include "segment/segment_range.hpp"

namespace eventfold {

namespace {

// Columns of the events of a stretch, by type.
class Builder : public RowVisitor {
 public:
  struct Full {};

  Builder(Position end, std::size_t most_bytes) : until(end), most_bytes_(most_bytes) {}

  void row(std::span<const Value> values) override {
    const Position position = values[0].integer;
    if (bytes_ >= most_bytes_) {
      until = last_;
      throw Full();
    }
    if (values[3].type != ValueType::text) {
      throw CorruptLog("the data of the event at position " + std::to_string(position) + " is not a text");
    }
    types[values[1].integer].add(position, values[2].integer, values[3].view());
    bytes_ += values[3].view().size();
    last_ = position;
  }

  Position until;
  std::map<std::int64_t, EventColumnsWriter> types;

 private:
  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  Position last_ = 0;
};

std::optional<Position> first_position(Connection& connection, Position after) {
  Statement& statement = connection.prepare(sql::first_position);
  ResetGuard guard(statement);
  statement.bind({after});
  if (!statement.step() || statement.column(0).is_null()) return std::nullopt;
  return statement.column(0).integer;
}

void read(Connection& connection, Position after, Builder& builder) {
  try {
    connection.visit("position, type_id, created, data",
                     "FROM eventfold_event NOT INDEXED WHERE position > ? AND position <= ?",
                     std::vector<Value>{after, builder.until}, builder);
  } catch (const Builder::Full&) {
  }
}

void write(Connection& connection, Position after, Builder& builder) {
  connection.prepare(sql::insert_segment).run({builder.until, after, kSegmentFormat});
  Statement& insert = connection.prepare(sql::insert_segment_column);
  for (auto& [type_id, writer] : builder.types) {
    const auto events = static_cast<std::int64_t>(writer.events());
    const auto columns = writer.finish();
    if (columns.empty()) insert.run({builder.until, type_id, "", events, Value::blob("")});
    for (const auto& [name, content] : columns) {
      insert.run({builder.until, type_id, std::string_view(name), events, Value::blob(content)});
    }
  }
}

}  // namespace

std::optional<Position> seal_next(Connection& connection, const SealOptions& options, Position after) {
  const LogInfo log = read_header(connection).info;
  for (;;) {
    const auto next = next_segment(connection, after);
    if (next && !next->readable) {
      drop_segments(connection);
      continue;
    }
    if (next && next->after <= after) {
      after = next->until;
      continue;
    }
    const auto first = first_position(connection, after);
    if (!first) return std::nullopt;
    after = *first - 1;  // an emptied log begins far from 1
    if (next && after >= next->after) continue;
    const Position end = next ? next->after : log.head;
    if (!next && end - after < options.positions) return std::nullopt;
    Builder builder(std::min(end, after + options.positions), options.bytes);
    read(connection, after, builder);

    Transaction transaction(connection);
    const auto other = next_segment(connection, after);
    if (read_header(connection).info.epoch != log.epoch) return std::nullopt;
    if (other && other->after < builder.until) continue;  // somebody else was faster
    write(connection, after, builder);
    transaction.commit();
    return builder.until;
  }
}

void drop_segments(Connection& connection) {
  if (has_segment_tables(connection)) connection.execute_script(sql::drop_segments);
}

SegmentStats read_segment_stats(Connection& connection) {
  SegmentStats stats;
  if (!has_segment_tables(connection)) return stats;
  Statement& statement = connection.prepare(sql::segment_stats);
  ResetGuard guard(statement);
  statement.bind({});
  if (!statement.step()) return stats;
  stats.segments = statement.column(0).integer;
  stats.positions = statement.column(1).integer;
  stats.bytes = statement.column(2).integer;
  return stats;
}

}  // namespace eventfold
