// The rows of a fold, found by key: open addressing over the hashes of the keys.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fold/cell.hpp"

namespace eventfold {

class Table {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  Table(std::size_t keys, std::size_t columns) : keys_(keys), stride_(keys + columns) { index_.assign(16, kNone); }

  // The row of a key, or kNone.
  std::uint32_t find(std::span<const CellView> key) const { return index_[slot_of(key, hash(key))]; }
  // The row of a key; a new one has null cells and state 0.
  std::uint32_t find_or_insert(std::span<const CellView> key, bool& inserted);

  void clear();

  std::size_t rows() const { return states_.size(); }
  Cell& key(std::size_t row, std::size_t part) { return cells_[row * stride_ + part]; }
  const Cell& key(std::size_t row, std::size_t part) const { return cells_[row * stride_ + part]; }
  Cell& column(std::size_t row, std::size_t column) { return cells_[row * stride_ + keys_ + column]; }
  const Cell& column(std::size_t row, std::size_t column) const { return cells_[row * stride_ + keys_ + column]; }
  std::uint8_t& state(std::size_t row) { return states_[row]; }
  std::uint8_t state(std::size_t row) const { return states_[row]; }

 private:
  static std::uint64_t hash(std::span<const CellView> key);
  bool equals(std::uint32_t row, std::span<const CellView> key) const;
  std::size_t slot_of(std::span<const CellView> key, std::uint64_t hash) const;
  void grow();

  std::size_t keys_;
  std::size_t stride_;
  std::vector<Cell> cells_;
  std::vector<std::uint8_t> states_;
  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint32_t> index_;  // a power of two in size, at most half full
};

}  // namespace eventfold
