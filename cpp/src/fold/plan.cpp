#include "fold/plan.hpp"

#include <algorithm>

namespace eventfold {

namespace {

Plan::Fit fit_of(Kind column, Kind source) {
  if (column == source || column == Kind::any) return Plan::Fit::as_it_is;
  if (column == Kind::real) return Plan::Fit::real;
  return source == Kind::boolean ? Plan::Fit::integer : Plan::Fit::as_it_is;
}

CellView constant_of(const ColumnSpec& column, const ColumnSpec::Source& source) {
  if (!source.constant) return {};
  return column.kind == Kind::real ? CellView(static_cast<double>(*source.constant)) : CellView(*source.constant);
}

}  // namespace

Plan::Plan(const ProjectionSpec& spec, const EventSpec& event)
    : type(event.type), decoder(event), fields(event.fields.size()), event_(event) {
  for (const KeySpec& part : spec.key) key.push_back(field_named(part.field));
  for (std::size_t index = 0; index < spec.columns.size(); ++index) {
    const ColumnSpec& column = spec.columns[index];
    for (const SelectionSpec& clearing : column.cleared_by) {
      if (clearing.type == type) clears.push_back({index, needs(clearing.filter)});
    }
    for (const auto& source : column.from) {
      if (source.type != type) continue;
      const ConditionSet needed = needs(source.filter);
      makes_row = makes_row || needed == 0;
      makes_row_if |= needed;
      if (is_collection(column.operation)) {
        gathers.push_back(
            {index, field_named(source.field), field_named(source.label), source.negative ? -1 : 1, needed});
        continue;
      }
      const bool counts = column.operation == Operation::count;
      Fit fit = counts ? Fit::as_it_is : fit_of(column.kind, spec.kind_of(type, source.field));
      if (source.negative) fit = column.kind == Kind::real ? Fit::negative_real : Fit::negative;
      const int field = counts ? kNoField : field_named(source.field);
      actions.push_back({index, field, fit, constant_of(column, source), needed});
    }
  }
  for (const SelectionSpec& deletion : spec.delete_on) {
    if (deletion.type != type) continue;
    const ConditionSet condition = needs(deletion.filter);
    deletes = deletes || condition == 0;
    deletes_if |= condition;
  }
  handled = std::find(spec.handlers.begin(), spec.handlers.end(), type) != spec.handlers.end();
  makes_row = makes_row || handled;
  conditional = !conditions.empty();
  acts = makes_row || deletes ||
         std::any_of(clears.begin(), clears.end(), [](const Clear& clear) { return clear.needs == 0; });
}

int Plan::field_named(const std::string& name) const {
  for (std::size_t index = 0; index < event_.fields.size(); ++index) {
    if (event_.fields[index].name == name) return static_cast<int>(index);
  }
  if (name.empty()) return kNoField;
  return name == "position" ? kPosition : kCreated;  // the specification was checked
}

// The set of the one condition, or the empty one; equal conditions have one number.
Plan::ConditionSet Plan::needs(const std::optional<ConditionSpec>& filter) {
  if (!filter) return 0;
  const auto found = std::find(filters_.begin(), filters_.end(), filter->json);
  const auto number = static_cast<std::size_t>(found - filters_.begin());
  if (found == filters_.end()) {  // there are not too many: the specification was checked
    conditions.emplace_back(*filter, [this](const std::string& name) { return field_named(name); });
    filters_.push_back(filter->json);
  }
  return ConditionSet{1} << number;
}

}  // namespace eventfold
