// Finds the items of a vector by their hashes: open addressing over their numbers.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace eventfold {

class HashIndex {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // The item with this hash that `equals` is true for, or kNone.
  template <class Equals>
  std::uint32_t find(std::uint32_t hash, const Equals& equals) const {
    if (slots_.empty()) return kNone;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = hash & mask; slots_[slot].item != kNone; slot = (slot + 1) & mask) {
      if (slots_[slot].hash == hash && equals(slots_[slot].item)) return slots_[slot].item;
    }
    return kNone;
  }
  // Of an item that it does not have.
  void insert(std::uint32_t hash, std::uint32_t item) {
    if (++items_ * 2 > slots_.size()) grow();
    place({hash, item});
  }
  void clear() {
    slots_.clear();
    items_ = 0;
  }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t item = kNone;
  };

  void grow() {
    const std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(slots_.empty() ? 8 : slots_.size() * 2));
    for (const Slot& slot : before) {
      if (slot.item != kNone) place(slot);
    }
  }
  void place(const Slot& placed) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = placed.hash & mask;
    while (slots_[slot].item != kNone) slot = (slot + 1) & mask;
    slots_[slot] = placed;
  }

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::size_t items_ = 0;
};

}  // namespace eventfold
