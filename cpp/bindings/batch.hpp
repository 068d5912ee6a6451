// Events encoded and ready to append. Owns their bytes; nothing in it is Python's, so it is used without the GIL.
#pragma once

#include <algorithm>
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
  // Kept small: what few events have is elsewhere, by index.
  struct Row {
    const std::string* type = nullptr;
    Piece data;
    Piece stream;
    Piece metadata;
    std::ptrdiff_t id = -1;       // in `ids`
    std::ptrdiff_t indexed = -1;  // in `indexed`
  };
  struct Indexed {
    const std::string* names = nullptr;
    std::size_t first_slot = 0;
    std::size_t slot_count = 0;
  };

  std::string bytes;
  std::vector<Row> rows;
  std::vector<Uuid> ids;
  std::vector<Indexed> indexed;
  std::vector<Slot> slots;

  // Room for `size` events that are about as long as the first: without it the bytes move, and each page is touched
  // twice.
  void reserve_like_first(std::size_t size) { bytes.reserve(std::min(kRoomAtOnce, bytes.size() * size / 8 * 9)); }
  const std::string* intern_type(std::string_view name) { return intern(types_, name); }
  const std::string* intern_indexed_names(std::string_view names) { return intern(indexed_names_, names); }
  // Views into this batch, which must not grow while they are used.
  std::vector<NewEvent> events() const;

 private:
  static constexpr std::size_t kRoomAtOnce = 32 << 20;
  static const std::string* intern(std::deque<std::string>& known, std::string_view text) {
    if (known.empty() || known.back() != text) known.emplace_back(text);
    return &known.back();
  }
  std::deque<std::string> types_, indexed_names_;  // addresses stay
  mutable std::vector<Value> slot_values_;
  mutable std::vector<IndexedValues> indexed_values_;
};

}  // namespace eventfold::bindings
