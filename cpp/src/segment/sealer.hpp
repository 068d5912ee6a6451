// Makes segments: whole stretches of the log as columns, kept beside it.
#pragma once

#include <optional>

#include "eventfold/event_log.hpp"

namespace eventfold {

// Seals the first stretch after a position that is not sealed; returns where it ends. None: too few events are left for
// a segment. The columns are made first; then one short transaction writes them. Throws CorruptLog for an event whose
// data is no JSON object.
std::optional<Position> seal_next(Connection& connection, const SealOptions& options, Position after);
void drop_segments(Connection& connection);
SegmentStats read_segment_stats(Connection& connection);

}  // namespace eventfold
