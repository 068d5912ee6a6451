// One value of each of many events: how a column of them is written down, and how the cells come out of it again.
//
// Written down, everything little-endian and nothing aligned:
//   header   ColumnHeader
//   types    a CellType (one byte) for each event, unless all are the same
//   numbers  `number_width` bytes for each event, to which `base` is added: integers and booleans; or the bits of
//   doubles sizes    `size_width` bytes for each event: of texts, blobs and whatever else has bytes bytes    of the
//   events, one after the other
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "eventfold/projection.hpp"

namespace eventfold {

struct ColumnHeader {
  std::uint32_t events = 0;
  CellType type = CellType::absent;  // of all, where `mixed` is 0
  std::uint8_t mixed = 0;
  std::uint8_t number_width = 0;  // 0 (there are none), 1, 2, 4 or 8
  std::uint8_t size_width = 0;    // 0 (there are none), 1, 2 or 4
  std::int64_t base = 0;
  std::uint64_t bytes = 0;
};
static_assert(sizeof(ColumnHeader) == 24);

class ColumnWriter {
 public:
  // The cell of event number `event`; those of events that were passed over are absent.
  void add(std::size_t event, CellView cell);
  // The column of so many events.
  std::string finish(std::size_t events);

 private:
  void pad(std::size_t events);

  std::vector<CellType> types_;
  std::vector<std::int64_t> numbers_;  // of doubles, the bits
  std::vector<std::uint32_t> sizes_;
  std::string bytes_;
};

// A column that was written down. Views go into `content`, which must live as long.
class Column {
 public:
  // Of no events.
  Column() = default;
  // Throws CorruptLog for what no ColumnWriter has written: cells never lie outside of `content`.
  Column(std::string_view content, std::size_t events);

  std::size_t events() const { return header_.events; }
  // Whether each cell is of this type.
  bool all(CellType type) const { return !header_.mixed && header_.type == type; }
  bool may_be_absent() const { return header_.mixed || header_.type == CellType::absent; }
  // Of a column of integers only.
  std::int64_t integer(std::size_t event) const;

 private:
  friend class ColumnCursor;
  ColumnHeader header_;
  const CellType* types_ = nullptr;
  const char* numbers_ = nullptr;
  const char* sizes_ = nullptr;
  const char* bytes_ = nullptr;
};

// Goes through a column from one event to the next.
class ColumnCursor {
 public:
  explicit ColumnCursor(const Column& column, std::size_t event = 0);
  // The cells of the next `count` events, which there must be: cells[0], cells[stride], cells[2 * stride] ...
  void take(std::size_t count, CellView* cells, std::size_t stride);

 private:
  template <class Width>
  void take_numbers(std::size_t count, CellView* cells, std::size_t stride);
  template <class Width>
  void take_bytes(std::size_t count, CellView* cells, std::size_t stride);
  void take_mixed(std::size_t count, CellView* cells, std::size_t stride);

  const Column* column_;
  std::size_t event_;
  std::size_t offset_ = 0;  // of its bytes
};

}  // namespace eventfold
