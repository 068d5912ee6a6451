#include "base/json_walk.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace eventfold {

namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighs = 0x8080808080808080;

// The high bit of each byte that is zero; those above the lowest such byte may be wrong.
constexpr std::uint64_t zero_bytes(std::uint64_t word) { return (word - kOnes) & ~word & kHighs; }

// The high bit of each byte that ends a plain string or may not stand in it: quote, backslash, control characters.
constexpr std::uint64_t special_bytes(std::uint64_t word) {
  return zero_bytes(word ^ (kOnes * '"')) | zero_bytes(word ^ (kOnes * '\\')) |
         ((word - kOnes * 0x20) & ~word & kHighs);
}

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

bool skip_digits(const char*& at, const char* end) {
  const char* const first = at;
  while (at < end && is_digit(*at)) ++at;
  return at > first;
}

bool take_word(const char*& at, const char* end, std::string_view word) {
  if (static_cast<std::size_t>(end - at) < word.size() || std::memcmp(at, word.data(), word.size()) != 0) return false;
  at += word.size();
  return true;
}

// memchr is the fastest way through a long string. Each byte is looked at twice at most.
bool skip_string(const char*& at, const char* end) {
  const auto find = [](const char* from, const char* to, char letter) {
    return static_cast<const char*>(std::memchr(from, letter, static_cast<std::size_t>(to - from)));
  };
  const char* quote = nullptr;
  for (++at; at < end;) {
    if (quote == nullptr || quote < at) quote = find(at, end, '"');
    if (quote == nullptr) return false;
    const char* const escape = find(at, quote, '\\');
    if (escape == nullptr) {
      at = quote + 1;
      return true;
    }
    at = escape + 2;
  }
  return false;
}

constexpr int kDepth = 1000;

bool skip_nested(const char*& at, const char* end, int depth);

// A list or an object, whose members are separated by commas.
bool skip_container(const char*& at, const char* end, int depth) {
  const bool object = *at == '{';
  const char closing = object ? '}' : ']';
  if (depth == kDepth || ++at == end) return false;
  if (*at == closing) {
    ++at;
    return true;
  }
  for (;;) {
    if (object && (*at != '"' || !skip_string(at, end) || at == end || *at++ != ':')) return false;
    if (!skip_nested(at, end, depth + 1) || at == end) return false;
    const char letter = *at++;
    if (letter == closing) return true;
    if (letter != ',' || at == end) return false;
  }
}

// Four hexadecimal digits.
bool take_unit(const char*& at, const char* end, std::uint32_t& unit) {
  if (end - at < 4) return false;
  const auto [last, error] = std::from_chars(at, at + 4, unit, 16);
  if (error != std::errc() || last != at + 4 || *at == '-') return false;
  at += 4;
  return true;
}

bool skip_nested(const char*& at, const char* end, int depth) {
  if (at >= end) return false;
  if (*at == '"') return skip_string(at, end);
  if (*at == '{' || *at == '[') return skip_container(at, end, depth);
  CellView value;
  return take_unquoted(at, end, value);
}

void append_utf8(std::string& text, std::uint32_t code) {
  const auto byte = [&text](std::uint32_t bits) { text.push_back(static_cast<char>(bits)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | code >> 6);
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3f));
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
}

}  // namespace

bool take_string(const char*& at, const char* end, JsonString& string) {
  if (at >= end || *at != '"') return false;
  const char* const first = ++at;
  std::uint64_t seen = 0;
  string.escaped = false;
  for (;;) {
    if (end - at >= 8) {
      std::uint64_t word;
      std::memcpy(&word, at, 8);
      const std::uint64_t special = special_bytes(word);
      if (special == 0) {
        seen |= word;
        at += 8;
        continue;
      }
      if constexpr (std::endian::native == std::endian::little) {
        const int bits = std::countr_zero(special) & ~7;
        seen |= word & ((std::uint64_t{1} << bits) - 1);
        at += bits / 8;
      }
    }
    if (at == end) return false;
    const char letter = *at;
    if (letter == '"') {
      string.raw = {first, static_cast<std::size_t>(at - first)};
      string.ascii = (seen & kHighs) == 0;
      ++at;
      return true;
    }
    if (static_cast<unsigned char>(letter) < 0x20) return false;
    seen |= static_cast<unsigned char>(letter);
    if (letter == '\\') {
      string.escaped = true;
      if (++at == end) return false;
    }
    ++at;
  }
}

bool unescape(std::string_view raw, std::string& text) {
  text.clear();
  const char* at = raw.data();
  const char* const end = at + raw.size();
  while (at < end) {
    const char* const plain = at;
    while (at < end && *at != '\\') ++at;
    text.append(plain, at);
    if (at == end) break;
    if (++at == end) return false;
    const char letter = *at++;
    switch (letter) {
      case '"':
      case '\\':
      case '/':
        text.push_back(letter);
        break;
      case 'b':
        text.push_back('\b');
        break;
      case 'f':
        text.push_back('\f');
        break;
      case 'n':
        text.push_back('\n');
        break;
      case 'r':
        text.push_back('\r');
        break;
      case 't':
        text.push_back('\t');
        break;
      case 'u': {
        std::uint32_t code = 0;
        if (!take_unit(at, end, code) || (code >= 0xdc00 && code < 0xe000)) return false;
        if (code >= 0xd800 && code < 0xdc00) {
          std::uint32_t low = 0;
          if (!take_word(at, end, "\\u") || !take_unit(at, end, low) || low < 0xdc00 || low >= 0xe000) return false;
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        append_utf8(text, code);
        break;
      }
      default:
        return false;
    }
  }
  return true;
}

bool take_number(const char*& at, const char* end, CellView& value) {
  const char* const first = at;
  const bool negative = at < end && *at == '-';
  if (negative) ++at;
  const char* const digits = at;
  std::uint64_t magnitude = 0;
  while (at < end && is_digit(*at)) magnitude = magnitude * 10 + static_cast<std::uint64_t>(*at++ - '0');
  const auto count = at - digits;
  if (count == 0 || (count > 1 && *digits == '0')) return false;
  if (at == end || (*at != '.' && *at != 'e' && *at != 'E')) {
    if (count <= 18) {
      const auto integer = static_cast<std::int64_t>(magnitude);
      value = CellView(negative ? -integer : integer);
      return true;
    }
    std::int64_t integer = 0;
    if (std::from_chars(first, at, integer).ec == std::errc()) {
      value = CellView(integer);
    } else {
      value = CellView(CellType::number, {first, static_cast<std::size_t>(at - first)});
    }
    return true;
  }
  if (*at == '.' && !skip_digits(++at, end)) return false;
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at < end && (*at == '+' || *at == '-')) ++at;
    if (!skip_digits(at, end)) return false;
  }
  double real = 0;
  if (std::from_chars(first, at, real).ec != std::errc()) {  // too large, or so small that it is 0
    real = std::strtod(std::string(first, at).c_str(), nullptr);
  }
  value = CellView(real);
  return true;
}

bool skip_value(const char*& at, const char* end) { return skip_nested(at, end, 0); }

bool take_unquoted(const char*& at, const char* end, CellView& value) {
  if (at >= end) return false;
  switch (*at) {
    case 'n':
      value = CellView();
      return take_word(at, end, "null");
    case 't':
    case 'f':
      value = CellView(static_cast<std::int64_t>(*at == 't'));
      value.type = CellType::boolean;
      return take_word(at, end, *at == 't' ? "true" : "false");
    case '{':
    case '[': {
      const char* const first = at;
      if (!skip_container(at, end, 0)) return false;
      value = CellView(CellType::json, {first, static_cast<std::size_t>(at - first)});
      return true;
    }
    default:
      return take_number(at, end, value);
  }
}

}  // namespace eventfold
