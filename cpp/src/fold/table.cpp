#include "fold/table.hpp"

#include <cstring>
#include <string_view>

#include "eventfold/error.hpp"

namespace eventfold {

namespace {

std::uint64_t hash_bytes(std::string_view bytes) {
  std::uint64_t hash = bytes.size();
  std::uint64_t word = 0;
  for (; bytes.size() > 8; bytes.remove_prefix(8)) {
    std::memcpy(&word, bytes.data(), 8);
    hash = (std::rotl(hash, 5) ^ word) * 0x9e3779b97f4a7c15;
  }
  word = 0;
  if (!bytes.empty()) std::memcpy(&word, bytes.data(), bytes.size());
  return (std::rotl(hash, 5) ^ word) * 0x9e3779b97f4a7c15;
}

constexpr std::size_t kKeptRows = 1024;
constexpr std::align_val_t kCacheLine{64};  // a row of four cells lies in one

}  // namespace

Table::Block::Block(std::size_t cell_count)
    : cells(static_cast<Cell*>(::operator new(cell_count * sizeof(Cell), kCacheLine))) {}

Table::Block::~Block() {
  for (std::size_t index = 0; index < used; ++index) cells[index].~Cell();
  ::operator delete(static_cast<void*>(cells), kCacheLine);
}

std::uint64_t Table::bits(const CellView& part) {
  const CellView value = as_key(part);
  if (value.has_bytes()) return hash_bytes(value.view());
  return static_cast<std::uint64_t>(value.integer);
}

Cell* Table::insert(std::span<const CellView> key, std::uint32_t hash) {
  if (rows_ * 2 >= index_.size()) grow();
  const std::size_t slot = slot_of(key, hash);
  if (rows_ >= kNone / 2) throw ProjectionError("a fold holds at most 2,147,483,647 rows");
  Cell* const own = add_row();
  const auto row = static_cast<std::uint32_t>(rows_++);
  index_[slot] = {hash, row};
  return own;
}

std::uint32_t Table::find_or_take(std::span<const CellView> key, std::uint32_t hash, bool& inserted, Table& other,
                                  std::size_t row) {
  const std::uint32_t found = index_[slot_of(key, hash)].row;
  inserted = found == kNone;
  if (!inserted) return found;
  Cell* const own = insert(key, hash);
  for (std::size_t part = 0; part < keys_; ++part) {
    own[part] = std::move(other.key(row, part));
    own[part].flags = 0;
  }
  return static_cast<std::uint32_t>(rows_ - 1);
}

Cell* Table::add_row() {
  const std::size_t number = rows_ + kFirstBlock;
  const auto at = static_cast<std::size_t>(std::bit_width(number)) - 5;
  if (at == blocks_.size()) blocks_.emplace_back((kFirstBlock << at) * stride_);
  Block& block = blocks_[at];
  Cell* const own = cells(rows_);
  for (std::size_t index = 0; index < stride_; ++index) {
    if (own + index < block.cells + block.used) {
      own[index].set_null();
      own[index].flags = 0;
    } else {
      new (own + index) Cell();
      ++block.used;
    }
  }
  return own;
}

void Table::grow() {
  const std::vector<Entry> before = std::exchange(index_, std::vector<Entry>(index_.size() * 2));
  const std::size_t mask = index_.size() - 1;
  for (const Entry& entry : before) {
    if (entry.row == kNone) continue;
    std::size_t slot = entry.hash & mask;
    while (index_[slot].row != kNone) slot = (slot + 1) & mask;
    index_[slot] = entry;
  }
}

void Table::clear() {
  if (rows_ > kKeptRows) {
    blocks_.clear();
    arena_.clear();
    index_ = std::vector<Entry>(16);
  } else if (rows_ > 0) {
    index_.assign(index_.size(), {});
  }
  rows_ = 0;
}

}  // namespace eventfold
