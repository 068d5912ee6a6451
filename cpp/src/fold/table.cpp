#include "fold/table.hpp"

#include <functional>
#include <string_view>

#include "eventfold/error.hpp"

namespace eventfold {

namespace {

// The finalizer of MurmurHash3: every bit of the input reaches every bit of the output.
std::uint64_t mix(std::uint64_t bits) {
  bits ^= bits >> 33;
  bits *= 0xff51afd7ed558ccd;
  bits ^= bits >> 33;
  bits *= 0xc4ceb9fe1a85ec53;
  return bits ^ (bits >> 33);
}

}  // namespace

std::uint64_t Table::hash(std::span<const CellView> key) {
  std::uint64_t hash = 0;
  for (const CellView& part : key) {
    const std::uint64_t bits =
        part.has_bytes() ? std::hash<std::string_view>{}(part.view()) : static_cast<std::uint64_t>(part.integer);
    hash = mix(hash * 31 + bits + static_cast<std::uint64_t>(part.type));
  }
  return hash;
}

bool Table::equals(std::uint32_t row, std::span<const CellView> key) const {
  for (std::size_t part = 0; part < keys_; ++part) {
    if (!(this->key(row, part).view() == key[part])) return false;
  }
  return true;
}

std::size_t Table::slot_of(std::span<const CellView> key, std::uint64_t hash) const {
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = hash & mask;
  while (index_[slot] != kNone && !(hashes_[index_[slot]] == hash && equals(index_[slot], key))) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

std::uint32_t Table::find_or_insert(std::span<const CellView> key, bool& inserted) {
  const std::uint64_t hashed = hash(key);
  std::size_t slot = slot_of(key, hashed);
  inserted = index_[slot] == kNone;
  if (!inserted) return index_[slot];
  if (rows() * 2 >= index_.size()) {
    grow();
    slot = slot_of(key, hashed);
  }
  if (rows() >= kNone) throw ProjectionError("a fold holds at most 4,294,967,295 rows");
  const auto row = static_cast<std::uint32_t>(rows());
  index_[slot] = row;
  hashes_.push_back(hashed);
  states_.push_back(0);
  for (const CellView& part : key) cells_.emplace_back().set(part);
  for (std::size_t column = keys_; column < stride_; ++column) cells_.emplace_back();
  return row;
}

void Table::clear() {
  cells_.clear();
  states_.clear();
  hashes_.clear();
  index_.assign(index_.size(), kNone);
}

void Table::grow() {
  index_.assign(index_.size() * 2, kNone);
  const std::size_t mask = index_.size() - 1;
  for (std::uint32_t row = 0; row < hashes_.size(); ++row) {
    std::size_t slot = hashes_[row] & mask;
    while (index_[slot] != kNone) slot = (slot + 1) & mask;
    index_[slot] = row;
  }
}

}  // namespace eventfold
