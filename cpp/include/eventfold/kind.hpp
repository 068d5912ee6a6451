// How a field is written in JSON and kept in a column: docs/fields.md has the table.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace eventfold {

enum class Kind : std::uint8_t {
  any,
  text,
  integer,
  real,
  boolean,
  decimal,
  date,
  time,
  datetime,
  duration,
  uuid,
  json,
  binary
};

inline constexpr std::string_view kKindNames[] = {"any",  "text",     "integer",  "real", "boolean", "decimal", "date",
                                                  "time", "datetime", "duration", "uuid", "json",    "binary"};

constexpr std::optional<Kind> kind_named(std::string_view name) {
  for (std::size_t index = 0; index < std::size(kKindNames); ++index) {
    if (kKindNames[index] == name) return static_cast<Kind>(index);
  }
  return std::nullopt;
}

}  // namespace eventfold
