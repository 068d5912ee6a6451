// UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then random bits.
#pragma once

#include <cstdint>
#include <string>

#include "eventfold/event.hpp"

namespace eventfold {

// 64 random bits; own generator for each thread, made anew after fork.
std::uint64_t random_bits();

// The ids of one batch: a random start, then counted up (RFC 9562, section 6.2, method 2), so that they are ordered.
class UuidSequence {
 public:
  explicit UuidSequence(std::int64_t now_us);
  Uuid next();

 private:
  std::uint64_t high_;
  std::uint64_t low_;
};

std::string format_uuid(const Uuid& uuid);

}  // namespace eventfold
