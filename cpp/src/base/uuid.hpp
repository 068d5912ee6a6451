// UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then random bits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

// The id of an event that was recorded without one, by a trigger: the same each time, another one in each log.
Uuid derived_uuid(std::string_view log_id, std::int64_t created_us, std::int64_t position);

std::string format_uuid(const Uuid& uuid);

}  // namespace eventfold
