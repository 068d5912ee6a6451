// A condition on an event, resolved to numbers of fields.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "eventfold/projection.hpp"

namespace eventfold {

class Condition {
 public:
  // In this order, so that "and" is the least and "or" the greatest.
  enum class Truth : std::uint8_t { no, unknown, yes };
  using Test = ConditionSpec::Test;

  Condition(const ConditionSpec& spec, const std::function<int(const std::string&)>& field_named);

  // `value_of` gives the value of a field by its number; it may be gone at the next call.
  template <class ValueOf>
  Truth truth(const ValueOf& value_of) const {
    switch (test_) {
      case Test::negation:
        return static_cast<Truth>(static_cast<int>(Truth::yes) - static_cast<int>(parts_.front().truth(value_of)));
      case Test::all_of:
      case Test::any_of: {
        const Truth last = test_ == Test::all_of ? Truth::no : Truth::yes;
        Truth so_far = test_ == Test::all_of ? Truth::yes : Truth::no;
        for (const Condition& part : parts_) {
          const Truth next = part.truth(value_of);
          if (next == last) return last;
          if (next == Truth::unknown) so_far = next;
        }
        return so_far;
      }
      default:
        return compare(value_of(field_));
    }
  }

 private:
  Truth compare(const CellView& value) const;
  bool is_one_of_values(const CellView& value) const;

  Test test_;
  int field_ = 0;
  std::vector<OwnedCell> values_;  // in order
  std::vector<Condition> parts_;
};

}  // namespace eventfold
