#include "segment/segment_range.hpp"

#include "base/sql.hpp"

namespace eventfold {

bool has_segment_tables(Connection& connection) {
  Statement& statement = connection.prepare(sql::find_segments);
  ResetGuard guard(statement);
  statement.bind({});
  return statement.step();
}

std::optional<SegmentRange> next_segment(Connection& connection, Position after) {
  Statement& statement = connection.prepare(sql::next_segment);
  ResetGuard guard(statement);
  statement.bind({after});
  if (!statement.step()) return std::nullopt;
  return SegmentRange{statement.column(0).integer, statement.column(1).integer,
                      statement.column(2).integer == kSegmentFormat};
}

Position sealed_until(Connection& connection, Position after) {
  if (!has_segment_tables(connection)) return after;
  for (;;) {
    const auto next = next_segment(connection, after);
    if (!next || next->after > after || !next->readable) return after;
    after = next->until;
  }
}

}  // namespace eventfold
