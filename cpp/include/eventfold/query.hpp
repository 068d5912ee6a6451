// Which events to read, and in which direction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eventfold/event.hpp"

namespace eventfold {

struct Query {
  std::vector<std::string> types = {};     // any of these; empty: every type
  std::optional<std::string> stream = {};  // only this stream
  Position after = 0;                      // positions above this one
  std::optional<Position> until = {};      // up to and with this one; none: the head
  bool backward = false;                   // newest first
  std::optional<std::int64_t> limit = {};  // at most so many; must not be negative
};

}  // namespace eventfold
