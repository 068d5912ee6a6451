// Bytes as lower-case hexadecimal digits.
#pragma once

#include <string>
#include <string_view>

namespace eventfold {

inline void append_hex(std::string& out, std::string_view bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  for (const char byte : bytes) {
    const auto bits = static_cast<unsigned char>(byte);
    out.push_back(kDigits[bits >> 4]);
    out.push_back(kDigits[bits & 15]);
  }
}

// The bytes that digits stand for, in `bytes`. False: these are none, or not two for each byte.
inline bool from_hex(std::string_view digits, std::string& bytes) {
  const auto value_of_digit = [](char letter) {
    if (letter >= '0' && letter <= '9') return letter - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
  };
  bytes.clear();
  if (digits.size() % 2) return false;
  for (std::size_t index = 0; index < digits.size(); index += 2) {
    const int high = value_of_digit(digits[index]);
    const int low = value_of_digit(digits[index + 1]);
    if (high < 0 || low < 0) return false;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return true;
}

}  // namespace eventfold
