// From the log into a fold.
#pragma once

#include <memory>
#include <optional>

#include "eventfold/projection.hpp"
#include "scan/event_scan.hpp"
#include "segment/segment_reader.hpp"
#include "segment/segment_walk.hpp"

namespace eventfold {

// The types that a projection reads; their index is the plan's number.
ScanTypes scan_types(Connection& connection, const ProjectionSpec& spec);

// Event by event, as they stand in the log.
void fold_range(Connection& connection, Fold& fold, const ScanTypes& types, Position after, Position until);

// The same for long ranges, out of sealed segments where there are any.
class RangeFolder {
 public:
  // All must outlive it.
  RangeFolder(Connection& connection, Fold& fold, const ScanTypes& types);
  // Folds what comes after a position: the rest of a segment, or else of `batch` positions. Returns how far it came, at
  // most `until`.
  Position fold_next(Position after, Position batch, Position until);

 private:
  void fold_segment(Position after, Position until);

  Connection& connection_;
  Fold& fold_;
  const ScanTypes& types_;
  SegmentWalk walk_;
  std::optional<SegmentReader> segments_;  // none: there are no segments, or the fold needs more than they have
};

// What a projection, or several of them, want of each type that is scanned.
std::vector<SegmentReader::Wanted> wanted_columns(const ScanTypes& types, std::span<const EventSpec> events);

}  // namespace eventfold
