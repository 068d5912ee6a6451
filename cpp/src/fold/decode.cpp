#include "fold/decode.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "base/json_walk.hpp"
#include "eventfold/error.hpp"
#include "fold/convert.hpp"
#include "fold/other_kind.hpp"

namespace eventfold {

namespace {

constexpr std::size_t kMembers = 64;  // keys that are remembered: more make no pattern

}  // namespace

Decoder::Decoder(const EventSpec& event) : event_(event) {
  ranks_.resize(event.fields.size());
  converted_.resize(event.fields.size());
  other_kind_.resize(event.fields.size());
  unescaped_.resize(event.fields.size());
  for (std::size_t index = 0; index < event.fields.size(); ++index) {
    const FieldSpec& field = event.fields[index];
    renamed_ = renamed_ || field.keys.size() > 1;
    CellView cell = field.missing.view();
    to_kind(index, cell);
    default_bytes_.emplace_back(cell.view());
    missing_.push_back(cell.has_bytes() ? CellView(cell.type, default_bytes_.back()) : cell);
  }
}

void Decoder::decode(std::string_view data, std::span<CellView> fields) {
  if (walk(data, fields)) return;
  canonical_.resize(data.size());
  std::size_t size = 0;
  if (simdjson::minify(data.data(), data.size(), canonical_.data(), size) == simdjson::SUCCESS) {
    canonical_.resize(size);
    if (walk(canonical_, fields)) return;
  }
  throw CorruptLog("its data is not valid JSON, or no object");
}

// Most keys are told apart by one comparison of words.
inline bool Decoder::Member::stands_at(const char* at, std::size_t left) const {
  if (left < key.size()) return false;
  if (left < sizeof word) return std::memcmp(at, key.data(), key.size()) == 0;
  std::uint64_t found;
  std::memcpy(&found, at, sizeof found);
  if ((found & mask) != word) return false;
  return key.size() <= sizeof word || std::memcmp(at, key.data(), key.size()) == 0;
}

// The member whose key is at `at`, which moves to its value. Null: there is none.
inline const Decoder::Member* Decoder::member_at(const char*& at, const char* end, std::size_t& expected) {
  const auto left = static_cast<std::size_t>(end - at);
  for (std::size_t index = expected; index < members_.size(); ++index) {
    const Member& member = members_[index];
    if (!member.stands_at(at, left)) continue;
    at += member.key.size();
    expected = index + 1;
    return &member;
  }
  return unexpected_member(at, end, expected);
}

void Decoder::to_kind(std::size_t index, CellView& value) {
  if (value.type == CellType::absent) return;
  const FieldSpec& field = event_.fields[index];
  if (field.mixed) value = read_as(field.kind, value, other_kind_[index]);
  if (value.type != CellType::null) convert(field, value, converted_[index]);
}

inline bool Decoder::take_field(const char*& at, const char* end, std::size_t index, CellView& value) {
  if (at < end && *at == '"') {
    JsonString string;
    if (!take_string(at, end, string)) return false;
    std::string_view text = string.raw;
    if (string.escaped) {
      if (!unescape(string.raw, unescaped_[index])) return false;
      text = unescaped_[index];
    }
    if (!string.ascii && !simdjson::validate_utf8(text.data(), text.size())) return false;
    value = CellView(CellType::text, text);
  } else if (!take_unquoted(at, end, value)) {
    return false;
  }
  to_kind(index, value);
  return true;
}

// False where the data is not canonical JSON.
bool Decoder::walk(std::string_view data, std::span<CellView> fields) {
  const char* at = data.data();
  const char* const end = at + data.size();
  if (at == end || *at != '{') return false;
  ++at;
  std::copy(missing_.begin(), missing_.end(), fields.begin());
  if (renamed_) std::fill(ranks_.begin(), ranks_.end(), SIZE_MAX);
  if (end - at == 1 && *at == '}') return true;
  std::size_t expected = 0;
  for (;;) {
    const Member* const member = member_at(at, end, expected);
    if (member == nullptr) return false;
    const auto index = static_cast<std::size_t>(member->field);
    if (member->field < 0 || (renamed_ && ranks_[index] < member->rank)) {
      if (!skip_value(at, end)) return false;
    } else {
      if (renamed_) ranks_[index] = member->rank;
      if (!take_field(at, end, index, fields[index])) return false;
    }
    if (at == end) return false;
    if (*at != ',') return *at == '}' && at + 1 == end;
    ++at;
  }
}

const Decoder::Member* Decoder::unexpected_member(const char*& at, const char* end, std::size_t& expected) {
  const char* const first = at;
  JsonString string;
  std::string text;
  if (!take_string(at, end, string) || at == end || *at != ':') return nullptr;
  if (string.escaped && !unescape(string.raw, text)) return nullptr;
  ++at;
  Member member =
      member_named(string.escaped ? std::string_view(text) : string.raw, {first, static_cast<std::size_t>(at - first)});
  const bool known =
      std::any_of(members_.begin(), members_.end(), [&](const Member& other) { return other.key == member.key; });
  if (known || members_.size() == kMembers) {
    other_ = std::move(member);
    return &other_;
  }
  const auto place = members_.begin() + static_cast<std::ptrdiff_t>(expected++);
  return &*members_.insert(place, std::move(member));
}

Decoder::Member Decoder::member_named(std::string_view name, std::string_view key) const {
  Member member;
  member.key = key;
  const std::size_t size = std::min(key.size(), sizeof member.word);
  std::memcpy(&member.word, key.data(), size);
  std::memset(&member.mask, 0xff, size);
  for (std::size_t index = 0; index < event_.fields.size(); ++index) {
    const auto& keys = event_.fields[index].keys;
    const auto found = std::find(keys.begin(), keys.end(), name);
    if (found == keys.end()) continue;
    member.field = static_cast<int>(index);
    member.rank = static_cast<std::size_t>(found - keys.begin());
    break;
  }
  return member;
}

}  // namespace eventfold
