// The way through the log: which stretches are to be read out of segments, and which as events.
#pragma once

#include <optional>

#include "segment/segment_range.hpp"

namespace eventfold {

class SegmentWalk {
 public:
  struct Stretch {
    Position until;  // where it ends
    bool sealed;     // it is in the segment that ends there
  };
  // `wanted`: whether segments may serve at all. The connection must outlive it.
  SegmentWalk(Connection& connection, bool wanted)
      : connection_(connection), any_(wanted && has_segment_tables(connection)) {}

  bool any() const { return any_; }
  // What comes after a position, which never goes down; at most up to `until` where it is to be read as events. A
  // segment may be thrown away before it is read.
  Stretch next(Position after, Position until);
  // A segment that turned out to be of no use: what is in it is to be read as events.
  void pass_over(Position segment_until) { events_until_ = segment_until; }

 private:
  Connection& connection_;
  bool any_;                          // there may be one
  std::optional<SegmentRange> next_;  // the first that ends after the last position
  Position events_until_ = 0;
};

}  // namespace eventfold
