#include "columns/interleaved.hpp"

#include <algorithm>

namespace eventfold {

Interleaved::Interleaved(std::span<const EventColumns> types, Position after, Position until) : types_(types) {
  for (std::size_t type = 0; type < types.size(); ++type) {
    const std::size_t first = types[type].up_to(after);
    const std::size_t last = types[type].up_to(until);
    if (first < last) left_.push_back({type, first, last});
  }
}

std::optional<Interleaved::Piece> Interleaved::next(std::size_t most) {
  if (left_.empty()) return std::nullopt;
  auto from = left_.begin();
  Position first = position(*from);
  Position bound = INT64_MAX;  // the first position of all others
  for (auto other = from + 1; other != left_.end(); ++other) {
    const Position theirs = position(*other);
    bound = std::min(bound, std::max(theirs, first));
    if (theirs > first) continue;
    first = theirs;
    from = other;
  }
  Piece piece = *from;
  const std::size_t end = piece.first + std::min(piece.last - piece.first, most);
  if (left_.size() == 1) {
    piece.last = end;
  } else {
    piece.last = piece.first + 1;
    while (piece.last < end && types_[piece.type].position(piece.last) < bound) ++piece.last;
  }
  from->first = piece.last;
  if (from->first == from->last) left_.erase(from);
  return piece;
}

}  // namespace eventfold
