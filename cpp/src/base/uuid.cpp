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

namespace {

Uuid assembled(std::uint64_t high, std::uint64_t low) {
  low = 0x8000'0000'0000'0000 | (low & 0x3FFF'FFFF'FFFF'FFFF);
  Uuid uuid;
  for (int byte = 0; byte < 8; ++byte) {
    uuid[byte] = static_cast<std::uint8_t>(high >> (56 - 8 * byte));
    uuid[byte + 8] = static_cast<std::uint8_t>(low >> (56 - 8 * byte));
  }
  return uuid;
}

}  // namespace

UuidSequence::UuidSequence(std::int64_t now_us)
    : high_((static_cast<std::uint64_t>(now_us / 1000) << 16) | 0x7000 | (random_bits() & 0x0FFF)),
      low_(random_bits() & 0x1FFF'FFFF'FFFF'FFFF) {}

Uuid UuidSequence::next() { return assembled(high_, low_++); }

Uuid derived_uuid(std::string_view log_id, std::int64_t created_us, std::int64_t position) {
  std::uint64_t bits = 0xcbf29ce484222325;  // FNV-1a, then splitmix64 (Steele, Lea, Flood 2014) to spread it
  for (const char letter : log_id) bits = (bits ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  const auto spread = [](std::uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  };
  const std::uint64_t low = spread(bits + static_cast<std::uint64_t>(position) * 0x9e3779b97f4a7c15);
  const std::uint64_t high = spread(low ^ bits) & 0x0FFF;
  return assembled((static_cast<std::uint64_t>(created_us / 1000) << 16) | 0x7000 | high, low);
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
