#include "eventfold/json.hpp"

#include <simdjson.h>

#include <array>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "eventfold/error.hpp"

namespace eventfold {

namespace {

// 0: copy as it is; else the letter after the backslash, 'u' for \u00XX.
constexpr auto make_escapes() {
  std::array<char, 256> table{};
  for (int byte = 0; byte < 0x20; ++byte) table[byte] = 'u';
  table['\b'] = 'b';
  table['\f'] = 'f';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  table['"'] = '"';
  table['\\'] = '\\';
  return table;
}
constexpr auto kEscapes = make_escapes();

// How many bytes at the start surely need no escape, eight at a time. A byte b has the property sought where the top
// bit of its byte is set ("Determine if a word has a byte less than n" and "... equal to n", S. E. Anderson, Bit
// Twiddling Hacks); what is found may be one of the bytes above 0x7F, so that it is only a reason to look closely.
std::size_t plain_prefix(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kTops = kOnes * 0x80;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    const std::uint64_t quote = word ^ (kOnes * '"');
    const std::uint64_t slash = word ^ (kOnes * '\\');
    if (((word - kOnes * 0x20) | (quote - kOnes) | (slash - kOnes) | word) & kTops) break;
  }
  return at;
}

// SQLite before 3.43 reads a decimal number as an integer times or over a power of ten in 64-bit arithmetic, then
// rounds a second time to 53 bits (sqlite3AtoF). The second rounding can only go wrong near a tie of the first.
bool sqlite_reads_exactly(const char* first, const char* last) {
#if LDBL_MANT_DIG >= 64
  std::uint64_t digits = 0;
  int exponent = 0;
  bool fraction = false;
  const char* at = first;
  if (at != last && *at == '-') ++at;
  for (; at != last && *at != 'e'; ++at) {
    if (*at == '.') {
      fraction = true;
      continue;
    }
    digits = digits * 10 + static_cast<std::uint64_t>(*at - '0');
    if (fraction) --exponent;
  }
  if (at != last) {
    int written = 0;
    const char* begin = at + 1;
    if (begin != last && *begin == '+') ++begin;
    std::from_chars(begin, last, written);
    exponent += written;
  }
  if (digits == 0) return true;
  if (exponent < -27 || exponent > 27) return false;  // the power of ten is no longer exact in 64 bits
  long double power = 1;
  for (int step = 0; step < std::abs(exponent); ++step) power *= 10;
  const long double value =
      exponent < 0 ? static_cast<long double>(digits) / power : static_cast<long double>(digits) * power;
  int unused = 0;
  // the 11 bits below a double's mantissa: how far from the half
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(std::frexp(value, &unused), 64));
  const auto below = static_cast<int>(mantissa & 0x7FF);
  return std::abs(below - 0x400) > 16;
#else
  (void)first;
  (void)last;
  return false;
#endif
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    throw InvalidEvent("a text is not valid UTF-8 (a lone surrogate?)");
  }
  append_json_utf8(out, text);
}

void append_json_utf8(std::string& out, std::string_view text) {
  out.push_back('"');
  std::size_t copied = 0;
  for (std::size_t at = plain_prefix(text); at < text.size(); ++at) {
    const char escape = kEscapes[static_cast<unsigned char>(text[at])];
    if (escape == 0) continue;
    out.append(text, copied, at - copied);
    copied = at + 1;
    if (text[at] == '\0') throw InvalidEvent("a text contains NUL (U+0000), which PostgreSQL cannot hold");
    out.push_back('\\');
    out.push_back(escape);
    if (escape == 'u') {
      constexpr const char* kHex = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(text[at]);
      out.append("00");
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  out.append(text, copied);
  out.push_back('"');
}

void append_json_double(std::string& out, double number) {
  if (!std::isfinite(number)) throw InvalidEvent("NaN and infinity have no JSON");
  char text[32];
  auto end = std::to_chars(text, text + sizeof text, number).ptr;
  if (!sqlite_reads_exactly(text, end)) {
    // 17 digits lie so near the double itself that no tie is close
    end = std::to_chars(text, text + sizeof text, number, std::chars_format::scientific, 16).ptr;
  }
  const std::string_view written(text, static_cast<std::size_t>(end - text));
  out.append(written);
  if (written.find_first_of(".e") == std::string_view::npos) out.append(".0");
}

void check_json_object(std::string_view text) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element element;
  if (parser.parse(text.data(), text.size()).get(element) != simdjson::SUCCESS || !element.is_object()) {
    throw InvalidEvent("the data of an event must be a JSON object, this is not: " + std::string(text.substr(0, 80)));
  }
}

}  // namespace eventfold
