#include "fold/condition.hpp"

#include <algorithm>

#include "fold/operations.hpp"

namespace eventfold {

namespace {

Condition::Truth truth_of(bool is_true) { return is_true ? Condition::Truth::yes : Condition::Truth::no; }

bool same(const CellView& left, const CellView& right) {
  return comparable(left, right) && !less(left, right) && !less(right, left);
}

bool is_text(const CellView& value) { return value.type == CellType::text; }

}  // namespace

Condition::Condition(const ConditionSpec& spec, const std::function<int(const std::string&)>& field_named)
    : test_(spec.test), values_(spec.values) {
  if (spec.parts.empty() && !spec.field.empty()) field_ = field_named(spec.field);
  for (const ConditionSpec& part : spec.parts) parts_.emplace_back(part, field_named);
  std::sort(values_.begin(), values_.end(),
            [](const OwnedCell& left, const OwnedCell& right) { return less(left.view(), right.view()); });
}

// Values of different types are never equal, and none of them is less: a text is not a number.
Condition::Truth Condition::compare(const CellView& value) const {
  const bool null = value.type == CellType::null || value.type == CellType::absent;
  if (test_ == Test::isnull) return truth_of(null == (values_.front().cell.integer != 0));
  if (test_ == Test::in && values_.empty()) return Truth::no;
  if (null) return Truth::unknown;
  if (test_ == Test::in) return truth_of(is_one_of_values(value));
  const CellView wanted = values_.front().view();
  if (test_ == Test::exact) return truth_of(same(value, wanted));
  if (!comparable(value, wanted)) return Truth::unknown;
  switch (test_) {
    case Test::gt:
      return truth_of(less(wanted, value));
    case Test::gte:
      return truth_of(!less(value, wanted));
    case Test::lt:
      return truth_of(less(value, wanted));
    case Test::lte:
      return truth_of(!less(wanted, value));
    case Test::startswith:
      return truth_of(is_text(value) && value.view().starts_with(wanted.view()));
    case Test::endswith:
      return truth_of(is_text(value) && value.view().ends_with(wanted.view()));
    case Test::contains:
      return truth_of(is_text(value) && value.view().find(wanted.view()) != std::string_view::npos);
    default:
      return Truth::unknown;
  }
}

bool Condition::is_one_of_values(const CellView& value) const {
  auto at = std::lower_bound(values_.begin(), values_.end(), value,
                             [](const OwnedCell& each, const CellView& wanted) { return less(each.view(), wanted); });
  for (; at != values_.end() && !less(value, at->view()); ++at) {
    if (same(at->view(), value)) return true;
  }
  return false;
}

}  // namespace eventfold
