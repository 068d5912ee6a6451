// What the events of one type do to a row: a specification, resolved to numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventfold/projection.hpp"
#include "fold/condition.hpp"
#include "fold/decode.hpp"
#include "fold/event_block.hpp"
#include "fold/expression.hpp"

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

  // A field that is made of others. It is made where it matters only: a division by zero in an event that no condition
  // lets in is no error.
  struct Derived {
    Expression expression;
    std::string used_by;  // for errors
    bool needed = false;  // by any event that counts
    ConditionSet needed_if = 0;
    bool known = false;
    bool of_key = false;
  };
  // An event is taken apart by the elements of a list: what is made of these happens once for each, all else once.
  enum class Part : std::uint8_t { event, element };

  Plan(const ProjectionSpec& spec, const EventSpec& event, Part part = Part::event);

  // How many fields an event has: derived ones come after.
  std::size_t given() const { return fields.size() - derived.size(); }

  std::string_view type;
  Decoder decoder;
  std::vector<CellView> fields;  // of the event that was decoded last, then those that are derived
  EventBlock block;              // of events that come as columns
  std::vector<Derived> derived;
  std::unique_ptr<Plan> of_element;  // what is done for each element of a list; null: the event is not taken apart
  std::optional<Expression> list;    // that it is taken apart by
  std::string list_name;
  std::vector<int> key;
  bool key_is_given = false;  // each part is a field that events have
  std::vector<Condition> conditions;
  std::vector<Clear> clears;
  std::vector<Action> actions;
  std::vector<Gather> gathers;
  bool conditional = false;  // there are conditions, or derived fields, or types of which only lookups know
  bool handled = false;
  bool alone = false;       // nothing may be pending when it is folded
  bool apart = false;       // it is folded by itself, for one of two rare reasons: this one, or that there are lookups
  bool ends_batch = false;  // it may delete a row that a batch of handled events concerns
  // Whatever the conditions say, or if one of these is true.
  bool deletes = false;
  ConditionSet deletes_if = 0;
  bool makes_row = false;
  ConditionSet makes_row_if = 0;
  bool acts = false;  // does anything at all
  bool may_delete() const { return deletes || deletes_if != 0; }

 private:
  int field_named(const std::string& name) const;
  ConditionSet needs(const std::optional<ConditionSpec>& filter);
  bool of_elements(const std::string& field) const;
  bool of_elements(const std::optional<ConditionSpec>& filter) const;
  void derive(Part part);
  void use(int field, ConditionSet condition, const std::string& by);
  const EventSpec& event_;
  std::vector<std::string> filters_;  // of the conditions, as they were written
};

}  // namespace eventfold
