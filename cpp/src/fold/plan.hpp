// What the events of one type do to a row: a specification, resolved to numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventfold/projection.hpp"
#include "fold/condition.hpp"
#include "fold/decode.hpp"

namespace eventfold {

struct Plan {
  // Where a value comes from: the number of a field, or one of these.
  enum : int { kPosition = -1, kCreated = -2, kNoField = -3 };
  // What a value becomes, so that it is what its column will give back.
  enum class Fit : std::uint8_t { as_it_is, real, integer, negative, negative_real };
  // Conditions are numbered; a set of them has a bit for each.
  using ConditionSet = std::uint64_t;
  struct Action {
    std::size_t column;
    int field;
    Fit fit;
    CellView constant;  // where there is no field
    ConditionSet needs;
  };
  // What goes to a collection.
  struct Gather {
    std::size_t column;
    int field;
    int label;
    std::int64_t count;
    ConditionSet needs;
  };
  struct Clear {
    std::size_t column;
    ConditionSet needs;
  };

  Plan(const ProjectionSpec& spec, const EventSpec& event);

  std::string_view type;
  Decoder decoder;
  std::vector<CellView> fields;  // of the event that was decoded last
  std::vector<int> key;
  std::vector<Condition> conditions;
  std::vector<Clear> clears;
  std::vector<Action> actions;
  std::vector<Gather> gathers;
  bool conditional = false;  // there are conditions
  bool handled = false;
  // Whatever the conditions say, or if one of these is true.
  bool deletes = false;
  ConditionSet deletes_if = 0;
  bool makes_row = false;
  ConditionSet makes_row_if = 0;
  bool acts = false;  // does anything at all

 private:
  int field_named(const std::string& name) const;
  ConditionSet needs(const std::optional<ConditionSpec>& filter);
  const EventSpec& event_;
  std::vector<std::string> filters_;  // of the conditions, as they were written
};

}  // namespace eventfold
