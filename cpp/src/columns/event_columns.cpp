#include "columns/event_columns.hpp"

#include <atomic>

#include "eventfold/error.hpp"

namespace eventfold {

void EventColumns::begin(std::size_t events) {
  static std::atomic<std::uint64_t> serials{0};
  events_ = events;
  serial_ = ++serials;
  used_ = 0;
  positions_ = nullptr;
  created_ = nullptr;
}

void EventColumns::add(std::string_view name, std::string_view content) {
  if (used_ == columns_.size()) columns_.push_back(std::make_unique<Named>());
  Named& named = *columns_[used_];
  named.name = name;
  named.content = content;
  named.column = Column(named.content, events_);
  ++used_;
  const Column** const pseudo = name == kPositionColumn ? &positions_ : name == kCreatedColumn ? &created_ : nullptr;
  if (pseudo == nullptr) return;
  if (!named.column.all(CellType::integer)) throw CorruptLog("a sealed segment has other positions than numbers");
  *pseudo = &named.column;
}

const Column* EventColumns::find(std::string_view name) const {
  for (std::size_t index = 0; index < used_; ++index) {
    if (columns_[index]->name == name) return &columns_[index]->column;
  }
  return nullptr;
}

std::size_t EventColumns::up_to(Position last) const {
  std::size_t first = 0;
  std::size_t count = events_;
  while (count > 0) {
    const std::size_t half = count / 2;
    if (position(first + half) > last) {
      count = half;
    } else {
      first += half + 1;
      count -= half + 1;
    }
  }
  return first;
}

}  // namespace eventfold
