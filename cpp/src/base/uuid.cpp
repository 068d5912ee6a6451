#include "base/uuid.hpp"

#include <unistd.h>

#include <random>

namespace eventfold {

std::uint64_t random_bits() {
  thread_local pid_t owner = 0;
  thread_local std::mt19937_64 generator;
  if (owner != ::getpid()) {  // a forked child must not repeat its parent's ids
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device(), device(), device()};
    generator.seed(seed);
    owner = ::getpid();
  }
  return generator();
}

UuidSequence::UuidSequence(std::int64_t now_us)
    : high_((static_cast<std::uint64_t>(now_us / 1000) << 16) | 0x7000 | (random_bits() & 0x0FFF)),
      low_(random_bits() & 0x1FFF'FFFF'FFFF'FFFF) {}

Uuid UuidSequence::next() {
  const std::uint64_t low = 0x8000'0000'0000'0000 | (low_++ & 0x3FFF'FFFF'FFFF'FFFF);
  Uuid uuid;
  for (int byte = 0; byte < 8; ++byte) {
    uuid[byte] = static_cast<std::uint8_t>(high_ >> (56 - 8 * byte));
    uuid[byte + 8] = static_cast<std::uint8_t>(low >> (56 - 8 * byte));
  }
  return uuid;
}

std::string format_uuid(const Uuid& uuid) {
  constexpr const char* kHex = "0123456789abcdef";
  std::string text;
  for (std::size_t byte = 0; byte < uuid.size(); ++byte) {
    if (byte == 4 || byte == 6 || byte == 8 || byte == 10) text.push_back('-');
    text.push_back(kHex[uuid[byte] >> 4]);
    text.push_back(kHex[uuid[byte] & 15]);
  }
  return text;
}

}  // namespace eventfold
