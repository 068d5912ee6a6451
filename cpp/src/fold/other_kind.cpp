#include "fold/other_kind.hpp"

#include <charconv>
#include <cmath>

#include "eventfold/json.hpp"

namespace eventfold {

namespace {

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

// Digits at a place, or -1.
int number_at(std::string_view text, std::size_t at, std::size_t width) {
  if (at + width > text.size()) return -1;
  int number = 0;
  for (std::size_t index = at; index < at + width; ++index) {
    if (!is_digit(text[index])) return -1;
    number = number * 10 + (text[index] - '0');
  }
  return number;
}

// YYYY-MM-DD
bool is_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const int year = number_at(text, 0, 4), month = number_at(text, 5, 2), day = number_at(text, 8, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1) return false;
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return day <= kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

// HH:MM:SS[.f...]
bool is_time(std::string_view text) {
  if (text.size() < 8 || text[2] != ':' || text[5] != ':') return false;
  const int hour = number_at(text, 0, 2), minute = number_at(text, 3, 2), second = number_at(text, 6, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
  if (text.size() == 8) return true;
  if (text[8] != '.' || text.size() == 9) return false;
  for (std::size_t index = 9; index < text.size(); ++index) {
    if (!is_digit(text[index])) return false;
  }
  return true;
}

std::string_view without_zone(std::string_view text) {
  return !text.empty() && text.back() == 'Z' ? text.substr(0, text.size() - 1) : text;
}

// The number that a value is, or that a text says as JSON does; null if none.
CellView as_number(CellView value) {
  switch (value.type) {
    case CellType::integer:
    case CellType::real:
      return value;
    case CellType::boolean:
      return CellView(value.integer);
    case CellType::number:
    case CellType::text: {
      const std::string_view text = value.view();
      const char* const end = text.data() + text.size();
      const std::size_t digits = text.starts_with('-') ? 1 : 0;
      // JSON has no leading zero, and no point without a digit on either side
      if (text.size() <= digits || !is_digit(text[digits]) || text.back() == '.') return {};
      if (text[digits] == '0' && text.size() > digits + 1 && is_digit(text[digits + 1])) return {};
      std::int64_t integer = 0;
      const auto whole = std::from_chars(text.data(), end, integer);
      if (whole.ptr == end && whole.ec == std::errc()) return CellView(integer);
      double real = 0;
      const auto parsed = std::from_chars(text.data(), end, real);
      return parsed.ptr == end && parsed.ec == std::errc() ? CellView(real) : CellView();
    }
    default:
      return {};
  }
}

CellView as_integer(CellView value) {
  const CellView number = as_number(value);
  if (number.type != CellType::real) return number;
  if (number.real != std::floor(number.real) || std::abs(number.real) >= 9.2e18) return {};
  return CellView(static_cast<std::int64_t>(number.real));
}

CellView as_text(CellView value, std::string& scratch) {
  switch (value.type) {
    case CellType::integer:
    case CellType::boolean:
      scratch = std::to_string(value.integer);
      break;
    case CellType::real:
      scratch.clear();
      if (std::isinf(value.real)) {
        scratch = value.real > 0 ? "Inf" : "-Inf";  // as SQLite writes it
      } else {
        append_json_double(scratch, value.real);
      }
      break;
    default:
      return CellView(CellType::text, value.view());
  }
  return CellView(CellType::text, scratch);
}

CellView as_moment(std::string_view text, std::string& scratch) {
  const std::string_view clock =
      text.size() == 10 ? "00:00:00" : without_zone(text).substr(std::min<std::size_t>(text.size(), 11));
  if (text.size() > 10 && text[10] != 'T' && text[10] != ' ') return {};
  if (!is_date(text.substr(0, 10)) || !is_time(clock)) return {};
  scratch.assign(text.substr(0, 10)).append(" ").append(clock);
  return CellView(CellType::text, scratch);
}

}  // namespace

CellView read_as(Kind kind, CellView value, std::string& scratch) {
  if (value.type == CellType::null) return value;
  const std::string_view text = value.type == CellType::text ? value.view() : std::string_view();
  switch (kind) {
    case Kind::integer:
    case Kind::duration:
      return as_integer(value);
    case Kind::boolean: {
      CellView number = as_integer(value);
      if (number.type != CellType::integer || (number.integer != 0 && number.integer != 1)) return {};
      number.type = CellType::boolean;
      return number;
    }
    case Kind::real:
      return as_number(value);
    case Kind::decimal: {
      const CellView number = as_number(value);
      return number.type == CellType::real && !std::isfinite(number.real) ? CellView() : number;
    }
    case Kind::text:
      return as_text(value, scratch);
    case Kind::date:
      return is_date(text.substr(0, 10)) ? CellView(CellType::text, text.substr(0, 10)) : CellView();
    case Kind::time: {
      const std::string_view clock = text.size() > 11 && text[10] == 'T' ? without_zone(text).substr(11) : text;
      return is_time(clock) ? CellView(CellType::text, clock) : CellView();
    }
    case Kind::datetime:
      return as_moment(text, scratch);
    case Kind::uuid: {
      std::string digits;
      for (const char letter : text) {
        if (letter != '-') digits.push_back(letter >= 'A' && letter <= 'F' ? static_cast<char>(letter + 32) : letter);
      }
      if (digits.size() != 32 || digits.find_first_not_of("0123456789abcdef") != std::string::npos) return {};
      scratch = digits;
      return CellView(CellType::text, scratch);
    }
    case Kind::binary:
      return {};  // hexadecimal digits and a text cannot be told apart
    case Kind::json:
    case Kind::any:
      return value;
  }
  return value;
}

}  // namespace eventfold
