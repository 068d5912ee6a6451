// Events that are decoded, but not yet folded, so that the memory of their rows can be fetched meanwhile.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "fold/plan.hpp"

namespace eventfold {

struct PendingEvent {
  Plan* plan = nullptr;
  Position position = 0;
  std::int64_t created = 0;
  std::uint32_t hash = 0;
  Plan::ConditionSet holds = 0;
  std::vector<CellView> fields;
  std::string bytes;  // of the fields: the event's own are gone by then

  // Copies the fields.
  void take(std::span<const CellView> values) {
    std::size_t size = 0;
    for (const CellView& value : values) size += value.view().size();
    if (bytes.size() < size) bytes.resize(size);
    fields.assign(values.begin(), values.end());
    char* at = bytes.data();
    for (CellView& field : fields) {
      if (!field.has_bytes()) continue;
      at = std::copy_n(field.data, field.size, at);
      field.data = at - field.size;
    }
  }
};

// A ring, the oldest first.
class PendingEvents {
 public:
  static constexpr std::size_t kSize = 16;

  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == kSize; }
  PendingEvent& push() { return ring_[(first_ + count_++) % kSize]; }
  PendingEvent& pop() {
    PendingEvent& event = ring_[first_];
    first_ = (first_ + 1) % kSize;
    --count_;
    return event;
  }
  // The one that was pushed `back` pushes before the last; null if there is none.
  const PendingEvent* at(std::size_t back) const {
    return back < count_ ? &ring_[(first_ + count_ - 1 - back) % kSize] : nullptr;
  }
  void clear() { count_ = 0; }

 private:
  std::array<PendingEvent, kSize> ring_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

}  // namespace eventfold
