// An event before (NewEvent) and after (RecordedEvent) it was recorded.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "eventfold/value.hpp"

namespace eventfold {

using Position = std::int64_t;  // global order, from 1
using Version = std::int64_t;   // number within the stream, from 1
using Uuid = std::array<std::uint8_t, 16>;
inline constexpr int kSlots = 4;  // shared index columns of the log

// The storage values of a type's indexed fields, for the slot columns: at most kSlots. `names`: those of the fields in
// the same order, with commas between. Where the log indexes others, it takes the values from the event's data itself.
struct IndexedValues {
  std::span<const Value> values;
  std::string_view names;
};

// Owns nothing: the views must live until append() returns.
struct NewEvent {
  std::string_view type;
  std::string_view data;           // canonical JSON object, see json.hpp
  std::string_view stream = {};    // empty: the event has no stream
  std::string_view metadata = {};  // canonical JSON object; empty: none
  const Uuid* id = nullptr;        // null: the core makes a UUIDv7. Given: the append is idempotent.
  const IndexedValues* indexed = nullptr;
};

struct RecordedEvent {
  Position position = 0;
  Uuid id{};
  std::string type;
  std::string data;
  std::optional<std::string> stream;
  std::optional<Version> version;
  std::int64_t created = 0;  // microseconds since 1970-01-01 UTC; never decreases with position
  std::string metadata;      // empty: none
};

// An event as the fold sees it. Owns nothing.
struct EventView {
  Position position = 0;
  std::int64_t created = 0;
  std::string_view type;
  std::string_view data;
  std::string_view stream = {};  // its name; empty: it has none, or nobody asks for it
};

}  // namespace eventfold
