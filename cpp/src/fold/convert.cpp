#include "fold/convert.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "base/hex.hpp"
#include "eventfold/error.hpp"
#include "eventfold/json.hpp"

namespace eventfold {

namespace {

[[noreturn]] void refuse(const FieldSpec& field, const char* what) {
  throw CorruptLog("the field \"" + field.name + "\" " + what);
}

void need(const FieldSpec& field, const CellView& value, CellType type, const char* what) {
  if (value.type != type) refuse(field, what);
}

// Whether the text begins with the pattern: 0 is any digit. The rest may only be a fraction of a second.
bool looks_like(std::string_view text, std::string_view pattern, bool fraction) {
  if (text.size() < pattern.size()) return false;
  for (std::size_t index = 0; index < pattern.size(); ++index) {
    const bool digit = text[index] >= '0' && text[index] <= '9';
    if (pattern[index] == '0' ? !digit : text[index] != pattern[index]) return false;
  }
  const std::string_view rest = text.substr(pattern.size());
  if (rest.empty()) return true;
  return fraction && rest.size() > 1 && rest[0] == '.' &&
         rest.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

// As NUMERIC affinity keeps it: a whole number as an integer where a double is sure to hold it, or where it is written
// as one.
CellView decimal(const FieldSpec& field, CellView value) {
  constexpr double kSure = 0x1p51;
  double number = 0;
  if (value.type == CellType::integer) return value;
  if (value.type == CellType::real) {
    if (!std::isfinite(value.real)) refuse(field, "is not a decimal");
    number = value.real;
  } else if (value.type == CellType::number) {
    number = std::strtod(std::string(value.view()).c_str(), nullptr);
  } else {
    need(field, value, CellType::text, "is not a decimal");
    const char* const first = value.data;
    const char* const last = first + value.size;
    std::int64_t integer = 0;
    if (const auto whole = std::from_chars(first, last, integer); whole.ec == std::errc() && whole.ptr == last) {
      return CellView(integer);
    }
    const auto parsed = std::from_chars(first, last, number);
    if (parsed.ec != std::errc() || parsed.ptr != last || !std::isfinite(number)) refuse(field, "is not a decimal");
  }
  if (std::abs(number) < kSure && number == std::floor(number)) return CellView(static_cast<std::int64_t>(number));
  return CellView(number);
}

CellView datetime(const FieldSpec& field, CellView value, std::string& buffer) {
  need(field, value, CellType::text, "is not a date and time");
  std::string_view text = value.view();
  if (text.ends_with('Z')) text.remove_suffix(1);
  buffer = text;
  if (buffer.size() > 10 && buffer[10] == 'T') buffer[10] = ' ';
  if (!looks_like(buffer, "0000-00-00 00:00:00", true)) refuse(field, "is not a date and time");
  return CellView(CellType::text, buffer);
}

CellView uuid(const FieldSpec& field, CellView value, std::string& buffer) {
  need(field, value, CellType::text, "is not a UUID");
  buffer.clear();
  for (const char letter : value.view()) {
    if (letter != '-') buffer.push_back(letter);
  }
  if (buffer.size() != 32 || buffer.find_first_not_of("0123456789abcdef") != std::string::npos) {
    refuse(field, "is not a UUID");
  }
  return CellView(CellType::text, buffer);
}

// The text of the JSON value, as it stands in the data.
CellView json(const CellView& value, std::string& buffer) {
  buffer.clear();
  switch (value.type) {
    case CellType::json:
    case CellType::number:
      return CellView(CellType::json, value.view());
    case CellType::text:
      append_json_string(buffer, value.view());
      break;
    case CellType::boolean:
      buffer = value.integer ? "true" : "false";
      break;
    case CellType::integer:
      buffer = std::to_string(value.integer);
      break;
    default:
      if (std::isinf(value.real)) {
        buffer = value.real > 0 ? "9e999" : "-9e999";  // a number that every parser takes for infinity
      } else {
        append_json_double(buffer, value.real);
      }
  }
  return CellView(CellType::json, buffer);
}

CellView binary(const FieldSpec& field, CellView value, std::string& buffer) {
  need(field, value, CellType::text, "is not binary");
  if (!from_hex(value.view(), buffer)) refuse(field, "is not binary");
  return CellView(CellType::blob, buffer);
}

}  // namespace

void convert(const FieldSpec& field, CellView& value, std::string& buffer) {
  switch (field.kind) {
    case Kind::any:
      return;
    case Kind::integer:
    case Kind::duration:
      if (value.type == CellType::number) refuse(field, "is an integer beyond 64 bits");
      return need(field, value, CellType::integer, "is not an integer");
    case Kind::real:
      if (value.type == CellType::integer) {
        value = CellView(static_cast<double>(value.integer));
      } else if (value.type == CellType::number) {
        value = CellView(std::strtod(std::string(value.view()).c_str(), nullptr));
      }
      return need(field, value, CellType::real, "is not a number");
    case Kind::boolean:
      return need(field, value, CellType::boolean, "is not true or false");
    case Kind::decimal:
      value = decimal(field, value);
      return;
    case Kind::text:
      return need(field, value, CellType::text, "is not a text");
    case Kind::date:
      need(field, value, CellType::text, "is not a date");
      if (!looks_like(value.view(), "0000-00-00", false)) refuse(field, "is not a date");
      return;
    case Kind::time:
      need(field, value, CellType::text, "is not a time");
      if (!looks_like(value.view(), "00:00:00", true)) refuse(field, "is not a time");
      return;
    case Kind::datetime:
      value = datetime(field, value, buffer);
      return;
    case Kind::uuid:
      value = uuid(field, value, buffer);
      return;
    case Kind::json:
      value = json(value, buffer);
      return;
    case Kind::binary:
      value = binary(field, value, buffer);
  }
}

}  // namespace eventfold
