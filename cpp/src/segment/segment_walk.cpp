#include "segment/segment_walk.hpp"

#include <algorithm>

namespace eventfold {

SegmentWalk::Stretch SegmentWalk::next(Position after, Position until) {
  while (any_ && !(next_ && next_->readable && next_->until > after)) {
    next_ = next_segment(connection_, next_ ? std::max(after, next_->until) : after);
    any_ = next_.has_value();
  }
  if (!any_) return {until, false};
  if (next_->after > after) return {std::min(until, next_->after), false};
  if (after < events_until_) return {std::min(until, events_until_), false};
  return {next_->until, true};
}

}  // namespace eventfold
