#include "fold/handled.hpp"

namespace eventfold {

void HandledEvents::add(const EventView& event, std::uint32_t row) {
  const auto [found, is_new] = numbers_.try_emplace(row, rows_.size());
  if (is_new) rows_.push_back(row);
  events_.push_back({event, std::string(event.data), std::string(event.stream), found->second});
  bytes_ += event.data.size();
}

std::vector<Fold::Batch::Event> HandledEvents::events() const {
  std::vector<Fold::Batch::Event> events;
  events.reserve(events_.size());
  for (const Kept& kept : events_) {
    events.push_back({kept.event, kept.row});
    events.back().event.data = kept.data;
    events.back().event.stream = kept.stream;
  }
  return events;
}

void HandledEvents::clear() {
  events_.clear();
  rows_.clear();
  numbers_.clear();
  bytes_ = 0;
}

}  // namespace eventfold
