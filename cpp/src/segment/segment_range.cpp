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

}  // namespace eventfold
