#include "base/row_json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hex.hpp"
#include "eventfold/json.hpp"

namespace eventfold {

namespace {

constexpr std::string_view kHows = "=rbdtzux";
constexpr int kMaximumPlaces = 100;

struct Column {
  char how;
  int places;
  std::string label;
};

// What a statement keeps of its shape from one row to the next.
struct Shape {
  std::vector<Column> columns;
  std::string row;

  static std::optional<Shape> parse(std::string_view text) {
    Shape shape;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      const std::size_t tab = line.find('\t');
      if (tab == std::string_view::npos || tab == 0 || kHows.find(line[0]) == std::string_view::npos) return {};
      int places = 0;
      if (tab > 1) {
        const char* last = line.data() + tab;
        const auto [at, error] = std::from_chars(line.data() + 1, last, places);
        if (error != std::errc() || at != last || places < 0 || places > kMaximumPlaces) return {};
      }
      shape.columns.push_back({line[0], places, std::string(line.substr(tab + 1))});
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return shape;
  }
};

std::string_view text_of(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (text == nullptr) throw std::bad_alloc();
  return {text, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

// A text may hold what canonical JSON refuses: a NUL is escaped, and bytes that are no UTF-8 stay.
void append_text(std::string& out, std::string_view text) {
  if (text.find('\0') == std::string_view::npos) return append_json_utf8(out, text);
  std::string escaped;
  out.push_back('"');
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t nul = std::min(text.find('\0', at), text.size());
    escaped.clear();
    append_json_utf8(escaped, text.substr(at, nul - at));
    out.append(escaped, 1, escaped.size() - 2);
    if (nul < text.size()) out.append("\\u0000");
    at = nul + 1;
  }
  out.push_back('"');
}

void append_integer(std::string& out, std::int64_t number) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

void append_real(std::string& out, double number) {
  if (std::isinf(number)) {
    out.append(number > 0 ? "9e999" : "-9e999");
  } else {
    append_json_double(out, number);
  }
}

// Where a number is the double nearest to some decimal with these places, as columns of decimals hold them.
bool append_exact_decimal(std::string& out, double number, int places) {
  constexpr double kPowers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
  if (places >= static_cast<int>(std::size(kPowers)) || std::abs(number) >= 1e9) return false;
  const double whole = std::nearbyint(number * kPowers[places]);
  if (whole / kPowers[places] != number || std::signbit(number)) return false;
  char text[24];
  char* end = std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(whole)).ptr;
  out.push_back('"');
  if (places == 0) {
    out.append(text, end);
  } else {
    const auto digits = static_cast<int>(end - text);
    const int before = std::max(digits - places, 0);
    out.append(text, text + before);
    if (before == 0) out.push_back('0');
    out.push_back('.');
    out.append(static_cast<std::size_t>(std::max(places - digits, 0)), '0');
    out.append(text + before, end);
  }
  out.push_back('"');
  return true;
}

// By SQLite's own printf(), whose digits are not always those of C's.
void append_decimal(std::string& out, double number, int places) {
  if (append_exact_decimal(out, number, places)) return;
  char text[160];
  sqlite3_snprintf(sizeof text, text, "\"%.*f\"", places, number);
  out.append(text);
}

void append_blob(std::string& out, sqlite3_value* value) {
  const auto* bytes = static_cast<const char*>(sqlite3_value_blob(value));
  const auto size = static_cast<std::size_t>(sqlite3_value_bytes(value));
  out.push_back('"');
  append_hex(out, {bytes, size});
  out.push_back('"');
}

void append_moment(std::string& out, std::string_view text, char how) {
  const std::size_t start = out.size();
  append_text(out, text);
  for (std::size_t at = start; at < out.size(); ++at) {
    if (out[at] == ' ') out[at] = 'T';
  }
  if (how == 'z') out.insert(out.size() - 1, 1, 'Z');
}

void append_uuid(std::string& out, std::string_view text) {
  if (text.size() != 32) return append_text(out, text);
  std::string dashed;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (at == 8 || at == 12 || at == 16 || at == 20) dashed.push_back('-');
    dashed.push_back(text[at]);
  }
  append_text(out, dashed);
}

void append_value(std::string& out, sqlite3_value* value, const Column& column) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER: {
      const std::int64_t number = sqlite3_value_int64(value);
      if (column.how == 'b' && (number == 0 || number == 1)) {
        out.append(number == 1 ? "true" : "false");
      } else if (column.how == 'd') {
        append_decimal(out, static_cast<double>(number), column.places);
      } else {
        append_integer(out, number);
        if (column.how == 'r') out.append(".0");
      }
      return;
    }
    case SQLITE_FLOAT: {
      const double number = sqlite3_value_double(value);
      if (column.how == 'd' && std::abs(number) < 1e15) return append_decimal(out, number, column.places);
      return append_real(out, number);
    }
    case SQLITE_TEXT: {
      const std::string_view text = text_of(value);
      if (column.how == 'x') {
        out.append(text);
      } else if (column.how == 't' || column.how == 'z') {
        append_moment(out, text, column.how);
      } else if (column.how == 'u') {
        append_uuid(out, text);
      } else {
        append_text(out, text);
      }
      return;
    }
    case SQLITE_BLOB:
      return append_blob(out, value);
    default:
      out.append("null");
  }
}

Shape* shape_of(sqlite3_context* context, sqlite3_value* text, std::size_t values) {
  if (auto* kept = static_cast<Shape*>(sqlite3_get_auxdata(context, 0))) return kept;
  auto shape = Shape::parse(text_of(text));
  if (!shape || shape->columns.size() != values) return nullptr;
  sqlite3_set_auxdata(context, 0, new Shape(std::move(*shape)), [](void* kept) { delete static_cast<Shape*>(kept); });
  return static_cast<Shape*>(sqlite3_get_auxdata(context, 0));  // none, where SQLite keeps nothing
}

void row_json(sqlite3_context* context, int count, sqlite3_value** values) noexcept {
  try {
    Shape* shape = count < 2 || sqlite3_value_type(values[0]) != SQLITE_TEXT
                       ? nullptr
                       : shape_of(context, values[0], static_cast<std::size_t>(count) - 1);
    if (shape == nullptr) {
      return sqlite3_result_error(context, "eventfold_row_json needs a constant shape with a line for each value", -1);
    }
    std::string& row = shape->row;
    row.clear();
    for (int at = 1; at < count; ++at) {
      const Column& column = shape->columns[static_cast<std::size_t>(at) - 1];
      row.append(column.label);
      append_value(row, values[at], column);
    }
    row.push_back('}');
    sqlite3_result_text64(context, row.data(), row.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  } catch (...) {
    sqlite3_result_error_nomem(context);
  }
}

}  // namespace

int register_row_json(sqlite3* handle) {
  return sqlite3_create_function_v2(handle, "eventfold_row_json", -1,
                                    SQLITE_UTF8 | SQLITE_DIRECTONLY | SQLITE_DETERMINISTIC, nullptr, &row_json, nullptr,
                                    nullptr, nullptr);
}

}  // namespace eventfold
