// The rows of a fold, found by key: open addressing over the hashes of the keys.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "fold/cell.hpp"

namespace eventfold {

// As keys, 1, 1.0 and true are the same, as they are to SQLite and to Python.
inline CellView as_key(CellView value) {
  if (value.type == CellType::boolean) return CellView(value.integer);
  if (value.type == CellType::real && value.real >= -0x1p63 && value.real < 0x1p63) {
    const auto whole = static_cast<std::int64_t>(value.real);
    if (static_cast<double>(whole) == value.real) return CellView(whole);
  }
  return value;
}

class Table {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  Table(std::size_t keys, std::size_t columns) : keys_(keys), stride_(keys + columns) { index_.assign(16, {}); }
  Table(Table&&) noexcept = default;
  Table& operator=(Table&&) noexcept = default;

  static std::uint32_t hash(std::span<const CellView> key) {
    std::uint64_t hash = 0;
    for (const CellView& part : key) {
      hash = mix(hash * 31 + (part.type == CellType::integer ? static_cast<std::uint64_t>(part.integer) : bits(part)));
    }
    return static_cast<std::uint32_t>(hash);
  }
  // Each starts to bring into the cache what the next one, and at last find_or_insert() and the row's change, will
  // need.
  void prefetch_index(std::uint32_t hash) const { __builtin_prefetch(&index_[hash & (index_.size() - 1)]); }
  [[gnu::always_inline]] void prefetch_row(std::uint32_t hash) const {
    const std::uint32_t row = index_[hash & (index_.size() - 1)].row;
    if (row != kNone) prefetch(row);
  }
  [[gnu::always_inline]] void prefetch(std::uint32_t row) const {
    constexpr std::size_t kLine = 64 / sizeof(Cell);
    for (std::size_t cell = 0; cell < stride_; cell += kLine) __builtin_prefetch(cells(row) + cell);
  }
  [[gnu::always_inline]] void prefetch_bytes(std::uint32_t hash) const {
    const std::uint32_t row = index_[hash & (index_.size() - 1)].row;
    if (row != kNone) prefetch_bytes_of(row);
  }
  [[gnu::always_inline]] void prefetch_bytes_of(std::uint32_t row) const {
    for (std::size_t cell = 0; cell < stride_; ++cell) cells(row)[cell].prefetch_bytes();
  }

  // The row of a key, or kNone.
  std::uint32_t find(std::span<const CellView> key) const { return index_[slot_of(key, hash(key))].row; }
  // The row of a key; a new one has null columns and no flags.
  std::uint32_t find_or_insert(std::span<const CellView> key, std::uint32_t hash, bool& inserted) {
    const std::uint32_t row = index_[slot_of(key, hash)].row;
    inserted = row == kNone;
    if (!inserted) return row;
    Cell* const own = insert(key, hash);
    for (std::size_t part = 0; part < keys_; ++part) own[part].set(key[part]);
    return static_cast<std::uint32_t>(rows_ - 1);
  }
  // The same, which takes the key's cells out of a row of another table; its arena has to be taken too.
  std::uint32_t find_or_take(std::span<const CellView> key, std::uint32_t hash, bool& inserted, Table& other,
                             std::size_t row);

  std::size_t rows() const { return rows_; }
  Cell& key(std::size_t row, std::size_t part) { return cells(row)[part]; }
  const Cell& key(std::size_t row, std::size_t part) const { return cells(row)[part]; }
  Cell& column(std::size_t row, std::size_t column) { return cells(row)[keys_ + column]; }
  const Cell& column(std::size_t row, std::size_t column) const { return cells(row)[keys_ + column]; }
  // The state of a row lies in its first cell, so that finding a row brings it along.
  std::uint8_t& state(std::size_t row) { return cells(row)->flags; }
  std::uint8_t state(std::size_t row) const { return cells(row)->flags; }

  // For the bytes of its cells, while they are many: see Arena::Use.
  Arena& arena() { return arena_; }

  // No rows, but the memory of a few for the next ones.
  void clear();

 private:
  struct Entry {
    std::uint32_t hash = 0;
    std::uint32_t row = kNone;
  };
  // Rows lie in blocks of twice the size of the one before: none moves when the table grows.
  struct Block {
    explicit Block(std::size_t cell_count);
    Block(Block&& other) noexcept : cells(std::exchange(other.cells, nullptr)), used(std::exchange(other.used, 0)) {}
    Block& operator=(Block&&) = delete;
    ~Block();
    Cell* cells;           // raw memory; those up to `used` are made
    std::size_t used = 0;  // they keep their buffers over clear()
  };
  static constexpr std::size_t kFirstBlock = 16;  // rows

  Cell* cells(std::size_t row) const {
    const std::size_t number = row + kFirstBlock;
    const auto block = static_cast<std::size_t>(std::bit_width(number)) - 5;
    return blocks_[block].cells + (number - (kFirstBlock << block)) * stride_;
  }
  // The finalizer of MurmurHash3: every bit of the input reaches every bit of the output.
  static std::uint64_t mix(std::uint64_t bits) {
    bits ^= bits >> 33;
    bits *= 0xff51afd7ed558ccd;
    bits ^= bits >> 33;
    bits *= 0xc4ceb9fe1a85ec53;
    return bits ^ (bits >> 33);
  }
  static std::uint64_t bits(const CellView& part);
  bool equals(std::uint32_t row, std::span<const CellView> key) const {
    const Cell* const own = cells(row);
    for (std::size_t part = 0; part < keys_; ++part) {
      if (own[part].type == CellType::integer && key[part].type == CellType::integer) {
        if (own[part].integer() != key[part].integer) return false;
      } else if (!(as_key(own[part].view()) == as_key(key[part]))) {
        return false;
      }
    }
    return true;
  }
  std::size_t slot_of(std::span<const CellView> key, std::uint32_t hash) const {
    const std::size_t mask = index_.size() - 1;
    std::size_t slot = hash & mask;
    while (index_[slot].row != kNone && !(index_[slot].hash == hash && equals(index_[slot].row, key))) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }
  // The cells of a new row, which is the last one; its key is still to be filled in.
  Cell* insert(std::span<const CellView> key, std::uint32_t hash);
  void grow();
  Cell* add_row();

  std::size_t keys_;
  std::size_t stride_;
  std::size_t rows_ = 0;
  Arena arena_;
  std::vector<Block> blocks_;
  std::vector<Entry> index_;  // a power of two in size, at most half full
};

}  // namespace eventfold
