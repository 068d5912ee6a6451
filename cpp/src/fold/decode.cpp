#include "fold/decode.hpp"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <cstring>

#include "eventfold/error.hpp"
#include "eventfold/json.hpp"
#include "fold/other_kind.hpp"

namespace eventfold {

namespace {

[[noreturn]] void refuse(const FieldSpec& field, const char* what) {
  throw CorruptLog("the field \"" + field.name + "\" " + what);
}

// The end of a plain string (no escape) whose first byte is at `at`: its closing quote, or null.
const char* end_of_plain_string(const char* at, const char* end) {
  for (; at < end; ++at) {
    if (*at == '"') return at;
    if (*at == '\\') return nullptr;
  }
  return nullptr;
}

// The end of any JSON value, given that it is well formed; null where it is not.
const char* end_of_value(const char* at, const char* end) {
  if (at >= end) return nullptr;
  if (*at == '"') {
    for (++at; at < end; ++at) {
      if (*at == '"') return at + 1;
      if (*at == '\\') ++at;
    }
    return nullptr;
  }
  if (*at == '{' || *at == '[') {
    int depth = 0;
    for (; at < end; ++at) {
      if (*at == '"') {
        at = end_of_value(at, end);
        if (at == nullptr) return nullptr;
        --at;
      } else if (*at == '{' || *at == '[') {
        ++depth;
      } else if (*at == '}' || *at == ']') {
        if (--depth == 0) return at + 1;
      }
    }
    return nullptr;
  }
  while (at < end && *at != ',' && *at != '}' && *at != ']') ++at;
  return at;
}

// A number: 64-bit integer, double, or (type number) the text of a larger integer. False: no number.
bool number_of(const char* first, const char* last, CellView& value) {
  std::int64_t integer = 0;
  const auto [end, error] = std::from_chars(first, last, integer);
  if (end == last && error == std::errc()) {
    value = CellView(integer);
    return true;
  }
  const char* at = first < last && *first == '-' ? first + 1 : first;
  bool digits_only = at < last;
  for (; at < last; ++at) digits_only = digits_only && *at >= '0' && *at <= '9';
  if (digits_only) {
    value = CellView(CellType::number, {first, static_cast<std::size_t>(last - first)});
    return true;
  }
  double real = 0;
  const auto parsed = std::from_chars(first, last, real);
  if (parsed.ptr != last || parsed.ec == std::errc::invalid_argument) return false;
  if (parsed.ec != std::errc()) real = std::strtod(std::string(first, last).c_str(), nullptr);  // underflow to 0
  value = CellView(real);
  return true;
}

// Any value but an escaped string. Strings and containers are views into the data.
bool value_of(const char*& at, const char* end, CellView& value) {
  if (at >= end) return false;
  const char* last = nullptr;
  switch (*at) {
    case '"':
      last = end_of_plain_string(at + 1, end);
      if (last == nullptr) return false;
      value = CellView(CellType::text, {at + 1, static_cast<std::size_t>(last - at - 1)});
      at = last + 1;
      return true;
    case 'n':
      if (end - at < 4 || std::memcmp(at, "null", 4) != 0) return false;
      value = CellView();
      at += 4;
      return true;
    case 't':
    case 'f': {
      const std::size_t size = *at == 't' ? 4 : 5;
      if (static_cast<std::size_t>(end - at) < size || std::memcmp(at, *at == 't' ? "true" : "false", size) != 0) {
        return false;
      }
      value = CellView(static_cast<std::int64_t>(*at == 't'));
      value.type = CellType::boolean;
      at += size;
      return true;
    }
    case '{':
    case '[':
      last = end_of_value(at, end);
      if (last == nullptr) return false;
      value = CellView(CellType::json, {at, static_cast<std::size_t>(last - at)});
      at = last;
      return true;
    default:
      last = end_of_value(at, end);
      if (last == nullptr || !number_of(at, last, value)) return false;
      at = last;
      return true;
  }
}

int hex_digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  return -1;
}

}  // namespace

Decoder::Decoder(const EventSpec& event) : event_(event) {
  scratch_.resize(event.fields.size());
  other_kind_.resize(event.fields.size());
  unescaped_.resize(event.fields.size());
  for (const FieldSpec& field : event.fields) {
    const CellView cell = convert(field, field.missing.view());
    default_bytes_.emplace_back(cell.view());
    missing_.push_back(cell.has_bytes() ? CellView(cell.type, default_bytes_.back()) : cell);
  }
}

void Decoder::decode(std::string_view data, std::span<CellView> fields) {
  if (!steps_.empty() && follow(data, fields)) return;
  parse(data, fields);
  learn(data);
}

bool Decoder::follow(std::string_view data, std::span<CellView> fields) {
  const char* at = data.data();
  const char* const end = at + data.size();
  if (at == end || *at != '{') return false;
  ++at;
  std::copy(missing_.begin(), missing_.end(), fields.begin());
  for (const Step& step : steps_) {
    if (static_cast<std::size_t>(end - at) < step.key.size() ||
        std::memcmp(at, step.key.data(), step.key.size()) != 0) {
      return false;
    }
    at += step.key.size();
    if (step.field < 0) {
      at = end_of_value(at, end);
      if (at == nullptr) return false;
      continue;
    }
    CellView value;
    if (!value_of(at, end, value)) return false;
    const auto field = static_cast<std::size_t>(step.field);
    fields[field] = convert(event_.fields[field], value);
  }
  return at + 1 == end && *at == '}';
}

// Which field a key belongs to, and how recent a name of it that is.
int Decoder::field_of(std::string_view key, std::size_t& rank) const {
  for (std::size_t index = 0; index < event_.fields.size(); ++index) {
    const auto& keys = event_.fields[index].keys;
    for (rank = 0; rank < keys.size(); ++rank) {
      if (keys[rank] == key) return static_cast<int>(index);
    }
  }
  return -1;
}

void Decoder::parse(std::string_view data, std::span<CellView> fields) {
  thread_local simdjson::dom::parser parser;  // copies the data into a padded buffer of its own
  simdjson::dom::object object;
  if (parser.parse(data.data(), data.size()).get(object) != simdjson::SUCCESS) {
    // simdjson has no integers beyond 64 bits; the canonical form can still be walked
    const char* at = data.data();
    const char* const end = at + data.size();
    std::copy(missing_.begin(), missing_.end(), fields.begin());
    std::vector<std::size_t> ranks(fields.size(), SIZE_MAX);
    if (at == end || *at++ != '{') throw CorruptLog("its data is not a JSON object");
    while (at < end && *at != '}') {
      const char* key_end = end_of_value(at, end);
      if (*at != '"' || key_end == nullptr || key_end == end || *key_end != ':') {
        throw CorruptLog("its data is not a JSON object");
      }
      std::size_t rank = 0;
      const int index = field_of({at + 1, static_cast<std::size_t>(key_end - at - 2)}, rank);
      const char* value_at = key_end + 1;
      const char* value_end = end_of_value(value_at, end);
      if (value_end == nullptr || value_end == value_at) throw CorruptLog("its data is not a JSON object");
      if (index >= 0 && rank < ranks[static_cast<std::size_t>(index)]) {
        const auto field = static_cast<std::size_t>(index);
        CellView value;
        if (*value_at == '"') {
          std::string_view text;
          const std::string literal(value_at, value_end);
          simdjson::dom::parser inner;
          if (inner.parse(literal).get(text) != simdjson::SUCCESS) refuse(event_.fields[field], "is not valid JSON");
          unescaped_[field] = text;
          value = CellView(CellType::text, unescaped_[field]);
        } else if (!value_of(value_at, end, value) || value_at != value_end) {
          refuse(event_.fields[field], "is not valid JSON");
        }
        ranks[field] = rank;
        fields[field] = convert(event_.fields[field], value);
      }
      at = value_end;
      if (at < end && *at == ',') ++at;
    }
    if (at + 1 != end || *at != '}') throw CorruptLog("its data is not a JSON object");
    return;
  }
  std::copy(missing_.begin(), missing_.end(), fields.begin());
  std::vector<std::size_t> ranks(fields.size(), SIZE_MAX);
  for (auto [key, element] : object) {
    std::size_t rank = 0;
    const int index = field_of(key, rank);
    if (index < 0 || rank >= ranks[static_cast<std::size_t>(index)]) continue;
    const auto field = static_cast<std::size_t>(index);
    ranks[field] = rank;
    CellView value;
    std::string_view text;
    if (element.get(text) == simdjson::SUCCESS) {
      unescaped_[field] = text;
      value = CellView(CellType::text, unescaped_[field]);
    } else {
      // numbers and containers are written out again only where the text is wanted
      std::int64_t integer = 0;
      double real = 0;
      bool boolean = false;
      if (element.is_null()) {
        value = CellView();
      } else if (element.get(boolean) == simdjson::SUCCESS) {
        value = CellView(static_cast<std::int64_t>(boolean));
        value.type = CellType::boolean;
      } else if (element.is_int64() && element.get(integer) == simdjson::SUCCESS) {
        value = CellView(integer);
      } else if (element.is_double() && element.get(real) == simdjson::SUCCESS) {
        value = CellView(real);
      } else {
        unescaped_[field] = simdjson::minify(element);
        value = CellView(element.is_uint64() ? CellType::number : CellType::json, unescaped_[field]);
      }
    }
    fields[field] = convert(event_.fields[field], value);
  }
}

// Only from data in canonical form; other data is parsed each time.
void Decoder::learn(std::string_view data) {
  steps_.clear();
  const char* at = data.data();
  const char* const end = at + data.size();
  if (at == end || *at++ != '{') return;
  std::vector<bool> seen(event_.fields.size());
  std::vector<Step> steps;
  while (at < end && *at != '}') {
    const char* start = at;
    if (*at == ',') ++at;
    const char* key_end = end_of_value(at, end);
    if (*at != '"' || key_end == nullptr || key_end == end || *key_end != ':') return;
    std::size_t rank = 0;
    Step step;
    step.field = field_of({at + 1, static_cast<std::size_t>(key_end - at - 2)}, rank);
    if (step.field >= 0) {
      // two names of one field in one event: which one counts is for parse() to say
      if (seen[static_cast<std::size_t>(step.field)]) return;
      seen[static_cast<std::size_t>(step.field)] = true;
    }
    step.key.assign(start, key_end + 1);
    steps.push_back(std::move(step));
    at = end_of_value(key_end + 1, end);
    if (at == nullptr) return;
  }
  steps_ = std::move(steps);
}

CellView Decoder::convert(const FieldSpec& field, CellView value) {
  if (value.type == CellType::null) return value;
  auto& scratch = scratch_[static_cast<std::size_t>(&field - event_.fields.data())];
  if (field.mixed) {
    value = read_as(field.kind, value, other_kind_[static_cast<std::size_t>(&field - event_.fields.data())]);
    if (value.type == CellType::null) return value;
  }
  const auto need_text = [&](const char* what) {
    if (value.type != CellType::text) refuse(field, what);
  };
  switch (field.kind) {
    case Kind::any:
      return value;
    case Kind::integer:
    case Kind::duration:
      if (value.type == CellType::number) refuse(field, "is an integer beyond 64 bits");
      if (value.type != CellType::integer) refuse(field, "is not an integer");
      return value;
    case Kind::real:
      if (value.type == CellType::integer) return CellView(static_cast<double>(value.integer));
      if (value.type == CellType::number) return CellView(std::strtod(std::string(value.view()).c_str(), nullptr));
      if (value.type != CellType::real) refuse(field, "is not a number");
      return value;
    case Kind::boolean:
      if (value.type != CellType::boolean) refuse(field, "is not true or false");
      return value;
    case Kind::decimal: {
      // as NUMERIC affinity keeps it: whole numbers as integers
      if (value.type == CellType::integer) return value;
      double number = 0;
      if (value.type == CellType::real) {
        number = value.real;
      } else {
        need_text("is not a decimal");
        const auto text = value.view();
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
        if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) refuse(field, "is not a decimal");
      }
      if (std::abs(number) < 9.0e15 && number == std::floor(number)) return CellView(static_cast<std::int64_t>(number));
      return CellView(number);
    }
    case Kind::text:
    case Kind::date:
    case Kind::time:
      need_text("is not a text");
      return value;
    case Kind::datetime:
      need_text("is not a time");
      scratch.assign(value.view());
      if (scratch.size() > 10 && scratch[10] == 'T') scratch[10] = ' ';
      if (!scratch.empty() && scratch.back() == 'Z') scratch.pop_back();
      return CellView(CellType::text, scratch);
    case Kind::uuid:
      need_text("is not a UUID");
      scratch.clear();
      for (const char letter : value.view()) {
        if (letter != '-') scratch.push_back(letter);
      }
      return CellView(CellType::text, scratch);
    case Kind::json:
      if (value.type == CellType::json || value.type == CellType::number) {
        return CellView(CellType::json, value.view());
      }
      switch (value.type) {
        case CellType::text:
          scratch.clear();
          append_json_string(scratch, value.view());
          break;
        case CellType::boolean:
          scratch = value.integer ? "true" : "false";
          break;
        case CellType::integer:
          scratch = std::to_string(value.integer);
          break;
        default:
          scratch.clear();
          append_json_double(scratch, value.real);
      }
      return CellView(CellType::json, scratch);
    case Kind::binary: {
      need_text("is not binary");
      const auto hex = value.view();
      if (hex.size() % 2) refuse(field, "is not binary");
      scratch.clear();
      for (std::size_t index = 0; index < hex.size(); index += 2) {
        const int high = hex_digit(hex[index]);
        const int low = hex_digit(hex[index + 1]);
        if (high < 0 || low < 0) refuse(field, "is not binary");
        scratch.push_back(static_cast<char>(high * 16 + low));
      }
      return CellView(CellType::blob, scratch);
    }
  }
  return value;
}

}  // namespace eventfold
