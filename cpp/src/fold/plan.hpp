// What the events of one type do to a row: a specification, resolved to numbers.
#pragma once

#include <string_view>
#include <vector>

#include "eventfold/projection.hpp"
#include "fold/decode.hpp"

namespace eventfold {

struct Plan {
  // Where a value comes from: the number of a field, or one of these.
  enum : int { kPosition = -1, kCreated = -2, kNoField = -3 };
  // What a value becomes, so that it is what its column will give back.
  enum class Fit : std::uint8_t { as_it_is, real, integer };
  struct Action {
    std::size_t column;
    int field;
    Fit fit;
  };

  Plan(const ProjectionSpec& spec, const EventSpec& event);

  std::string_view type;
  Decoder decoder;
  std::vector<CellView> fields;  // of the event that was decoded last
  std::vector<int> key;
  std::vector<std::size_t> clears;  // columns
  std::vector<Action> actions;
  bool deletes = false;
  bool handled = false;
  bool makes_row = false;
};

}  // namespace eventfold
