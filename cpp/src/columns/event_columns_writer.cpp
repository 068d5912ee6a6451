#include <simdjson.h>

#include <cstring>

#include "base/json_walk.hpp"
#include "columns/event_columns.hpp"
#include "eventfold/error.hpp"

namespace eventfold {

namespace {

constexpr std::size_t kMostKeys = 256;                      // of the events of one type: more make no columns
constexpr std::size_t kMostBytes = std::size_t{256} << 20;  // in one column: a database refuses 1 GB

}  // namespace

void EventColumnsWriter::add(Position position, std::int64_t created, std::string_view data) {
  if (!walk(data)) {
    canonical_.resize(data.size());
    std::size_t size = 0;
    const auto error = simdjson::minify(data.data(), data.size(), canonical_.data(), size);
    canonical_.resize(size);
    if (error != simdjson::SUCCESS || !walk(canonical_)) {
      throw CorruptLog("the event at position " + std::to_string(position) +
                       ": its data is not valid JSON, or no object");
    }
  }
  positions_.add(events_, CellView(position));
  created_.add(events_, CellView(created));
  ++events_;
}

// False where the data is not canonical JSON; what was taken of it so far is taken again then.
bool EventColumnsWriter::walk(std::string_view data) {
  const char* at = data.data();
  const char* const end = at + data.size();
  if (at == end || *at != '{') return false;
  ++at;
  if (end - at == 1 && *at == '}') return true;
  std::size_t expected = 0;
  for (;;) {
    Key* const key = key_at(at, end, expected);
    CellView value;
    if (key == nullptr || !take_value(at, end, value)) return false;
    key->column.add(events_, value);
    if (at == end) return false;
    if (*at != ',') return *at == '}' && at + 1 == end;
    ++at;
  }
}

bool EventColumnsWriter::take_value(const char*& at, const char* end, CellView& value) {
  if (at == end || *at != '"') return take_unquoted(at, end, value);
  JsonString string;
  if (!take_string(at, end, string)) return false;
  std::string_view text = string.raw;
  if (string.escaped) {
    if (!unescape(string.raw, unescaped_)) return false;
    text = unescaped_;
  }
  value = CellView(CellType::text, text);
  return string.ascii || simdjson::validate_utf8(text.data(), text.size());
}

EventColumnsWriter::Key* EventColumnsWriter::key_at(const char*& at, const char* end, std::size_t& expected) {
  for (std::size_t index = expected; index < keys_.size(); ++index) {
    Key& key = *keys_[index];
    const std::size_t size = key.written.size();
    if (static_cast<std::size_t>(end - at) < size || std::memcmp(at, key.written.data(), size) != 0) continue;
    at += size;
    expected = index + 1;
    return &key;
  }
  return unexpected_key(at, end, expected);
}

EventColumnsWriter::Key* EventColumnsWriter::unexpected_key(const char*& at, const char* end, std::size_t& expected) {
  const char* const first = at;
  JsonString string;
  std::string name;
  if (!take_string(at, end, string) || at == end || *at != ':') return nullptr;
  if (!string.escaped) {
    name = string.raw;
  } else if (!unescape(string.raw, name)) {
    return nullptr;
  }
  if (!string.ascii && !simdjson::validate_utf8(name.data(), name.size())) return nullptr;
  ++at;
  for (auto& key : keys_) {
    if (key->name == name) return key.get();
  }
  if (keys_.size() == kMostKeys) {
    too_many_ = true;
    return keys_.back().get();  // whatever goes there, nobody will see it
  }
  auto key = std::make_unique<Key>();
  key->name = std::move(name);
  key->written.assign(first, at);
  const auto place = keys_.begin() + static_cast<std::ptrdiff_t>(expected++);
  return keys_.insert(place, std::move(key))->get();
}

std::vector<std::pair<std::string, std::string>> EventColumnsWriter::finish() {
  std::vector<std::pair<std::string, std::string>> columns;
  if (too_many_) return columns;
  columns.emplace_back(kPositionColumn, positions_.finish(events_));
  columns.emplace_back(kCreatedColumn, created_.finish(events_));
  for (auto& key : keys_) columns.emplace_back(data_column(key->name), key->column.finish(events_));
  for (const auto& [name, content] : columns) {
    if (content.size() > kMostBytes) return {};
  }
  return columns;
}

}  // namespace eventfold
