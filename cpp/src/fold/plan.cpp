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

Plan::Plan(const ProjectionSpec& spec, const EventSpec& event, Part part)
    : type(event.type),
      decoder(event),
      fields(event.fields.size() + event.derived.size()),
      block(fields.size()),
      event_(event) {
  derive(part);
  bool row_of_element = false;
  for (const KeySpec& key_part : spec.key) {
    key.push_back(field_named(key_part.field));
    row_of_element = row_of_element || of_elements(key_part.field);
  }
  const auto belongs = [&](const std::string& field, const std::optional<ConditionSpec>& filter,
                           const std::string& label = "") {
    const bool of_each = row_of_element || of_elements(field) || of_elements(filter) || of_elements(label);
    return of_each == (part == Part::element);
  };
  for (std::size_t index = 0; index < spec.columns.size(); ++index) {
    const ColumnSpec& column = spec.columns[index];
    for (const SelectionSpec& clearing : column.cleared_by) {
      if (clearing.type == type && belongs("", clearing.filter)) clears.push_back({index, needs(clearing.filter)});
    }
    for (const auto& source : column.from) {
      if (source.type != type || !belongs(source.field, source.filter, source.label)) continue;
      const ConditionSet needed = needs(source.filter);
      makes_row = makes_row || needed == 0;
      makes_row_if |= needed;
      const std::string column_named = "the column \"" + column.column + "\"";
      if (is_collection(column.operation)) {
        gathers.push_back(
            {index, field_named(source.field), field_named(source.label), source.negative ? -1 : 1, needed});
        use(gathers.back().field, needed, column_named);
        use(gathers.back().label, needed, column_named);
        continue;
      }
      const bool counts = column.operation == Operation::count;
      Fit fit = counts ? Fit::as_it_is : fit_of(column.kind, spec.kind_of(type, source.field));
      if (source.negative) fit = column.kind == Kind::real ? Fit::negative_real : Fit::negative;
      const int field = counts ? kNoField : field_named(source.field);
      actions.push_back({index, field, fit, constant_of(column, source), needed});
      use(field, needed, column_named);
    }
  }
  for (const SelectionSpec& deletion : spec.delete_on) {
    if (deletion.type != type || !belongs("", deletion.filter)) continue;
    const ConditionSet condition = needs(deletion.filter);
    deletes = deletes || condition == 0;
    deletes_if |= condition;
  }
  for (const int field : key) {
    use(field, 0, "the key");
    if (field >= static_cast<int>(given())) derived[static_cast<std::size_t>(field) - given()].of_key = true;
  }
  key_is_given = std::all_of(key.begin(), key.end(),
                             [this](int field) { return field >= 0 && field < static_cast<int>(given()); });
  handled = belongs("", {}) && std::find(spec.handlers.begin(), spec.handlers.end(), type) != spec.handlers.end();
  makes_row = makes_row || handled;
  conditional = !conditions.empty() || !derived.empty() || !spec.lookups.empty();
  acts = makes_row || deletes ||
         std::any_of(clears.begin(), clears.end(), [](const Clear& clear) { return clear.needs == 0; });
  if (list && part == Part::event) of_element = std::make_unique<Plan>(spec, event, Part::element);
  handled = handled || (of_element && of_element->handled);
  alone = handled || of_element || spec.batched || !spec.lookups.empty();
  ends_batch = spec.batched && (may_delete() || (of_element && of_element->may_delete()));
  apart = ends_batch || !spec.lookups.empty();
}

void Plan::derive(Part part) {
  const auto number = [this](const std::string& name) { return field_named(name); };
  for (const DerivedSpec& each : event_.derived) {
    derived.push_back({Expression(each.value, number), "a condition, " + each.name});
    each.value.visit([&](const ExpressionSpec& expression) {
      if (expression.form != ExpressionSpec::Form::each || part == Part::element) return;
      list.emplace(expression.parts[0], number);
      list_name = expression.parts[0].path_name();
    });
  }
}

void Plan::use(int field, ConditionSet condition, const std::string& by) {
  if (field < static_cast<int>(event_.fields.size())) return;
  Derived& used = derived[static_cast<std::size_t>(field) - event_.fields.size()];
  used.used_by = by + ", " + event_.derived[static_cast<std::size_t>(field) - event_.fields.size()].name;
  used.needed = used.needed || condition == 0;
  used.needed_if |= condition;
}

bool Plan::of_elements(const std::string& field) const {
  return std::any_of(event_.derived.begin(), event_.derived.end(),
                     [&](const DerivedSpec& each) { return each.name == field && each.value.of_elements(); });
}

bool Plan::of_elements(const std::optional<ConditionSpec>& filter) const {
  bool found = false;
  if (filter) filter->visit_fields([&](const std::string& field) { found = found || of_elements(field); });
  return found;
}

int Plan::field_named(const std::string& name) const {
  for (std::size_t index = 0; index < event_.fields.size(); ++index) {
    if (event_.fields[index].name == name) return static_cast<int>(index);
  }
  for (std::size_t index = 0; index < event_.derived.size(); ++index) {
    if (event_.derived[index].name == name) return static_cast<int>(event_.fields.size() + index);
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
