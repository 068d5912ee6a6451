#include "read_model/side_key.hpp"

#include <charconv>
#include <cstring>

#include "base/hex.hpp"
#include "fold/table.hpp"
#include "read_model/table_sql.hpp"

namespace eventfold {

namespace {

void append_number(std::string& out, char letter, auto number) {
  char digits[32];
  out += letter;
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// Where the two are equal as keys, they are written alike.
void append_part(std::string& out, const CellView& part) {
  const CellView value = as_key(part);
  if (value.type == CellType::integer) {
    append_number(out, 'i', value.integer);
  } else if (value.type == CellType::real) {
    append_number(out, 'r', value.real);
  } else if (value.type == CellType::blob) {
    append_number(out, 'b', value.size * 2);
    out += ':';
    append_hex(out, value.view());
  } else {
    append_number(out, 't', value.size);
    out += ':';
    out += value.view();
  }
  out += ';';
}

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc();
}

bool take(std::string_view& text, char letter) {
  if (!text.starts_with(letter)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Value SideKey::of(std::span<const CellView> key) {
  if (key.size() == 1) return value_of(spec_.key[0].kind, key[0]);
  text_.clear();
  for (const CellView& part : key) append_part(text_, part);
  return std::string_view(text_);
}

bool SideKey::read(const Value& value, std::vector<CellView>& key) {
  key.clear();
  if (spec_.key.size() == 1) {
    key.push_back(cell_of(spec_.key[0].kind, value));
    return true;
  }
  if (value.type != ValueType::text) return false;
  bytes_.resize(spec_.key.size());
  std::string_view text = value.view();
  for (std::size_t part = 0; part < spec_.key.size(); ++part) {
    if (!read_part(text, part, key)) return false;
  }
  return text.empty();
}

bool SideKey::read_part(std::string_view& text, std::size_t part, std::vector<CellView>& key) {
  if (text.empty()) return false;
  const char letter = text.front();
  text.remove_prefix(1);
  Value found;
  if (letter == 'i') {
    std::int64_t number = 0;
    if (!take_number(text, number)) return false;
    found = Value(number);
  } else if (letter == 'r') {
    double number = 0;
    if (!take_number(text, number)) return false;
    found = Value(number);
  } else {
    std::size_t size = 0;
    if ((letter != 't' && letter != 'b') || !take_number(text, size) || !take(text, ':') || size > text.size()) {
      return false;
    }
    found = Value(text.substr(0, size));
    text.remove_prefix(size);
    if (letter == 'b') {
      if (!from_hex(found.view(), bytes_[part])) return false;
      found = Value::blob(bytes_[part]);
    }
  }
  key.push_back(cell_of(spec_.key[part].kind, found));
  return take(text, ';');
}

}  // namespace eventfold
