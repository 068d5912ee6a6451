// A cell of a fold's table: 16 bytes; bytes longer than that in a buffer of its own or of the table's arena, which is
// used again. Or a collection, which is json to those who do not ask for it.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "eventfold/projection.hpp"
#include "fold/arena.hpp"

namespace eventfold {

class Collection;

class Cell {
 public:
  // Of a column, what a relative fold knows of it; of a row's first key cell, the state of the row.
  enum Flag : std::uint8_t {
    touched = 1,
    absolute = 2,  // what came before does not matter
    row_alive = 1,
    row_loaded = 2,
    row_reset = 4,  // deleted within a relative fold
  };

  CellType type = CellType::null;
  std::uint8_t flags = 0;

 private:
  // A buffer even where the type is null: its capacity stands before it.
  enum class Owns : std::uint8_t { nothing, buffer, arena, collection };
  Owns owns_ = Owns::nothing;
  std::uint32_t size_ = 0;
  union {
    std::int64_t integer_;
    double real_;
    char* data_;
    Collection* collection_;
  };

 public:
  Cell() : integer_(0) {}
  Cell(Cell&& other) noexcept { take(other); }
  Cell& operator=(Cell&& other) noexcept {
    if (this != &other) {
      release();
      take(other);
    }
    return *this;
  }
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;
  ~Cell() { release(); }

  std::int64_t integer() const { return integer_; }
  double real() const { return real_; }
  void set_null() { type = CellType::null; }
  void set_integer(std::int64_t number) {
    release();
    type = CellType::integer;
    integer_ = number;
  }
  void set_real(double number) {
    release();
    type = CellType::real;
    real_ = number;
  }
  // Of a cell that is an integer, and stays one.
  void add_unchecked(std::int64_t number) { integer_ += number; }

  [[gnu::always_inline]] void prefetch_bytes() const {
    if (owns_ != Owns::nothing) __builtin_prefetch(data_);
  }

  // Null: it has none.
  Collection* collection() const { return owns_ == Owns::collection && type == CellType::json ? collection_ : nullptr; }
  void adopt(std::unique_ptr<Collection> collection);

  CellView view() const {
    CellView view;
    view.type = type;
    if (type == CellType::null) return view;
    view.size = size_;
    view.integer = integer_;
    if (view.has_bytes()) view.data = data_;
    return view;
  }

  void set(CellView value) {
    if (value.type == CellType::null) return set_null();
    if (!value.has_bytes()) {
      release();
      type = value.type;
      integer_ = value.integer;
      return;
    }
    if (!has_buffer() || capacity() < value.size) grow(value.size);
    if (value.size != 0) std::memcpy(data_, value.data, value.size);
    size_ = value.size;
    type = value.type;
  }

 private:
  bool has_buffer() const { return owns_ == Owns::buffer || owns_ == Owns::arena; }
  std::uint32_t capacity() const {
    std::uint32_t size;
    std::memcpy(&size, data_ - sizeof size, sizeof size);
    return size;
  }
  void grow(std::uint32_t size) {
    release();
    // 12 and the capacity fill one block of malloc's smallest size
    const std::uint32_t wanted = size < 12 ? 12 : size + size / 4;
    Arena* const arena = Arena::current;
    char* const block = arena != nullptr ? arena->allocate(sizeof wanted + wanted) : own_block(sizeof wanted + wanted);
    std::memcpy(block, &wanted, sizeof wanted);
    data_ = block + sizeof wanted;
    owns_ = arena != nullptr ? Owns::arena : Owns::buffer;
  }
  static char* own_block(std::size_t size) {
    auto* const block = static_cast<char*>(std::malloc(size));
    if (block == nullptr) throw std::bad_alloc();
    return block;
  }
  void release() {
    if (owns_ != Owns::nothing) give_back();
    owns_ = Owns::nothing;
    size_ = 0;
  }
  void give_back() {
    if (owns_ == Owns::buffer) return std::free(data_ - sizeof(std::uint32_t));
    if (owns_ == Owns::collection) delete_collection();
  }
  void delete_collection();
  void take(Cell& other) noexcept {
    type = other.type;
    flags = other.flags;
    owns_ = other.owns_;
    size_ = other.size_;
    integer_ = other.integer_;
    other.owns_ = Owns::nothing;
    other.type = CellType::null;
  }
};
static_assert(sizeof(Cell) == 16);

}  // namespace eventfold
