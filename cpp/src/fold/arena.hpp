// Memory for the bytes of many cells, given back as a whole: a fold of a million keys needs two million pieces.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace eventfold {

class Arena {
 public:
  Arena() = default;
  Arena(Arena&& other) noexcept { *this = std::move(other); }
  Arena& operator=(Arena&& other) noexcept {
    chunks_ = std::move(other.chunks_);
    at_ = std::exchange(other.at_, nullptr);
    left_ = std::exchange(other.left_, 0);
    other.chunks_.clear();
    return *this;
  }

  // At least so many bytes, aligned for nothing wider than 4.
  char* allocate(std::size_t size) {
    size = (size + 3) & ~std::size_t{3};
    if (size > left_) [[unlikely]]
      add_chunk(size);
    left_ -= size;
    return std::exchange(at_, at_ + size);
  }
  // Bytes of its own that say the same.
  const char* copy(const char* bytes, std::size_t size) { return std::copy_n(bytes, size, allocate(size)) - size; }
  // Keeps the memory of another one, whose cells have come over.
  void take(Arena& other) {
    std::move(other.chunks_.begin(), other.chunks_.end(), std::back_inserter(chunks_));
    other.clear();
  }
  void clear() {
    chunks_.clear();
    at_ = nullptr;
    left_ = 0;
  }

  // While one of these is there, cells that grow on this thread take their memory from an arena.
  class Use {
   public:
    explicit Use(Arena& arena) : before_(std::exchange(current, &arena)) {}
    // From none: for what comes and goes, since an arena gives nothing back.
    explicit Use(std::nullptr_t) : before_(std::exchange(current, nullptr)) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { current = before_; }

   private:
    Arena* before_;
  };
  static inline thread_local Arena* current = nullptr;

 private:
  static constexpr std::size_t kFirst = std::size_t{64} << 10;
  static constexpr std::size_t kMost = std::size_t{1} << 20;

  void add_chunk(std::size_t size) {
    const std::size_t usual = std::min(kFirst << std::min<std::size_t>(chunks_.size(), 4), kMost);
    const std::size_t bytes = std::max(size, usual);
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(bytes));
    at_ = chunks_.back().get();
    left_ = bytes;
  }

  std::vector<std::unique_ptr<char[]>> chunks_;
  char* at_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace eventfold
