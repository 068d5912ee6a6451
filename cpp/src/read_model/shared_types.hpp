// What several folds want of the events of each type, taken together.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "eventfold/read_model.hpp"

namespace eventfold {

// The types that any of the projections reads, each once.
struct SharedTypes {
  // What one projection does with a type.
  struct Part {
    int plan = -1;             // none: it does not read it
    std::vector<int> numbers;  // of its fields among the shared ones
    bool decodes = false;      // by itself: it reads a key otherwise than another projection does
  };
  explicit SharedTypes(std::span<const Projection> projections);

  std::vector<std::string> names;
  std::deque<EventSpec> shared;             // a decoder refers to its specification
  std::vector<std::vector<Part>> parts_of;  // by projection, then by type
};

}  // namespace eventfold
