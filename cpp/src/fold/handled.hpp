// Handled events of a fold that wait for a handler which takes many at once, and the rows that they concern.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "eventfold/projection.hpp"

namespace eventfold {

class HandledEvents {
 public:
  void add(const EventView& event, std::uint32_t row);
  bool concern(std::uint32_t row) const { return numbers_.contains(row); }
  bool empty() const { return events_.empty(); }
  // As much as is worth giving at once; more would only take memory.
  bool full() const { return events_.size() >= kMostEvents || bytes_ >= kMostBytes; }
  // Rows of the fold's table, in the order in which they were first concerned.
  const std::vector<std::uint32_t>& rows() const { return rows_; }
  // Valid until the next call of anything else.
  std::vector<Fold::Batch::Event> events() const;
  void clear();

 private:
  static constexpr std::size_t kMostEvents = 8192;
  static constexpr std::size_t kMostBytes = 4 << 20;

  struct Kept {
    EventView event;  // but for these
    std::string data;
    std::string stream;
    std::size_t row;  // index into rows_
  };
  std::vector<Kept> events_;
  std::vector<std::uint32_t> rows_;
  std::unordered_map<std::uint32_t, std::size_t> numbers_;
  std::size_t bytes_ = 0;
};

}  // namespace eventfold
