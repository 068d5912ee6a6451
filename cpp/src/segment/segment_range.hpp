// Which stretches of the log are sealed.
#pragma once

#include <optional>

#include "eventfold/connection.hpp"
#include "eventfold/event.hpp"

namespace eventfold {

// Of what the columns of a segment look like: those of another release are as if they were not there.
inline constexpr std::int64_t kSegmentFormat = 1;

struct SegmentRange {
  Position after = 0;
  Position until = 0;
  bool readable = false;
};

// Logs of earlier releases, opened for reading only, have no segments.
bool has_segment_tables(Connection& connection);
// The first segment that ends after a position.
std::optional<SegmentRange> next_segment(Connection& connection, Position after);

// As far as everything after a position is sealed.
Position sealed_until(Connection& connection, Position after);

}  // namespace eventfold
