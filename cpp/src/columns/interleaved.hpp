// The events of several types in the order of their positions, in pieces of one type each.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "columns/event_columns.hpp"

namespace eventfold {

class Interleaved {
 public:
  struct Piece {
    std::size_t type;   // which of the columns
    std::size_t first;  // its events [first, last)
    std::size_t last;
  };
  // Of the positions (after, until]. The columns must outlive it.
  Interleaved(std::span<const EventColumns> types, Position after, Position until);
  // The next piece, of at most so many events; none: that was all.
  std::optional<Piece> next(std::size_t most);

 private:
  Position position(const Piece& left) const { return types_[left.type].position(left.first); }

  std::span<const EventColumns> types_;
  std::vector<Piece> left_;  // what is left of each type
};

}  // namespace eventfold
