#include "fold/json_path.hpp"

#include <charconv>

#include "base/json_walk.hpp"

namespace eventfold {

namespace {

// A value, from `at` on, which moves past it and the comma after it.
bool take_value(const char*& at, const char* end, std::string_view& value) {
  const char* const first = at;
  if (!skip_value(at, end)) return false;
  value = {first, static_cast<std::size_t>(at - first)};
  if (at < end && *at == ',') ++at;
  return true;
}

bool find_member(std::string_view object, std::string_view key, std::string_view& found) {
  const char* at = object.data() + 1;
  const char* const end = object.data() + object.size();
  std::string unescaped;
  JsonString name;
  std::string_view value;
  while (take_string(at, end, name)) {
    if (at == end || *at++ != ':' || !take_value(at, end, value)) return false;
    const bool matches = name.escaped ? unescape(name.raw, unescaped) && unescaped == key : name.raw == key;
    if (!matches) continue;
    found = value;
    return true;
  }
  return false;
}

bool find_element(std::string_view list, std::string_view step, std::string_view& found) {
  std::size_t left = 0;
  const char* const last = step.data() + step.size();
  const auto parsed = std::from_chars(step.data(), last, left);
  if (parsed.ec != std::errc() || parsed.ptr != last) return false;
  JsonElements elements(list);
  while (elements.next(found)) {
    if (left-- == 0) return true;
  }
  return false;
}

}  // namespace

bool find_json(std::string_view json, std::span<const std::string> path, std::string_view& found) {
  found = json;
  for (const std::string& step : path) {
    const std::string_view within = found;
    const char kind = within.empty() ? ' ' : within.front();
    const bool there = kind == '{'   ? find_member(within, step, found)
                       : kind == '[' ? find_element(within, step, found)
                                     : false;
    if (!there) return false;
  }
  return true;
}

CellView json_cell(std::string_view json, std::string& buffer) {
  const char* at = json.data();
  const char* const end = at + json.size();
  JsonString string;
  if (take_string(at, end, string)) {
    if (!string.escaped) return CellView(CellType::text, string.raw);
    return unescape(string.raw, buffer) ? CellView(CellType::text, buffer) : CellView();
  }
  CellView value;
  return take_unquoted(at, end, value) ? value : CellView();
}

JsonElements::JsonElements(std::string_view list) : at_(list.data() + 1), end_(list.data() + list.size()) {}

bool JsonElements::next(std::string_view& element) {
  return at_ < end_ && *at_ != ']' && take_value(at_, end_, element);
}

}  // namespace eventfold
