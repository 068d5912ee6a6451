// Events encoded and ready to append. Owns their bytes; nothing in it is Python's, so it is used without the GIL.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "eventfold/event.hpp"

namespace eventfold::bindings {

class Batch {
 public:
  // A piece of `bytes`. Offsets, since the buffer moves while it grows.
  struct Piece {
    std::size_t offset = 0;
    std::size_t size = 0;
  };
  struct Slot {
    Value value;  // text: `piece` says where
    Piece piece;
  };
  struct Row {
    const std::string* type = nullptr;
    Piece data;
    Piece stream;
    Piece metadata;
    bool has_id = false;
    Uuid id{};
    std::size_t first_slot = 0;
    std::size_t slot_count = 0;
  };

  std::string bytes;
  std::vector<Row> rows;
  std::vector<Slot> slots;

  const std::string* intern_type(std::string_view name) {
    if (types_.empty() || types_.back() != name) types_.emplace_back(name);
    return &types_.back();
  }
  // Views into this batch, which must not grow while they are used.
  std::vector<NewEvent> events() const;

 private:
  std::deque<std::string> types_;  // addresses stay
  mutable std::vector<Value> slot_values_;
};

}  // namespace eventfold::bindings
