// Some events of one type, decoded before their turn comes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "fold/decode.hpp"

namespace eventfold {

class EventBlock {
 public:
  static constexpr std::size_t kEvents = 64;  // their rows fit into the first cache of a core

  // Of so many fields an event; those that the decoder does not know are left for others to fill.
  explicit EventBlock(std::size_t fields) : fields_(fields) {}

  bool has(const EventColumns& columns, std::size_t event) const {
    return event - first_ < count_ && columns.serial() == serial_;
  }
  // Those from `first` on, at most so many. Throws CorruptLog; it has none then.
  void read(Decoder& decoder, const EventColumns& columns, std::size_t first, std::size_t most) {
    count_ = 0;
    cells_.resize(kEvents * fields_);
    const std::size_t count = std::min(most, columns.events() - first);
    made_.clear();
    decoder.decode(columns, first, count, cells_.data(), fields_, made_);
    serial_ = columns.serial();
    first_ = first;
    count_ = count;
  }

  // None, to be added one by one.
  void begin() {
    cells_.resize(kEvents * fields_);
    serial_ = 0;
    first_ = 0;
    count_ = 0;
  }
  // The number of one more, whose fields are to be filled in. At most kEvents.
  std::size_t add() { return count_++; }

  std::size_t count() const { return count_; }
  std::span<CellView> fields(std::size_t event) { return {cells_.data() + (event - first_) * fields_, fields_}; }
  // Of its key, where somebody has reckoned it.
  std::uint32_t& hash(std::size_t event) { return hashes_[event - first_]; }

 private:
  std::size_t fields_;
  std::uint64_t serial_ = 0;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::vector<CellView> cells_;  // one event after the other
  Arena made_;
  std::array<std::uint32_t, kEvents> hashes_{};
};

}  // namespace eventfold
