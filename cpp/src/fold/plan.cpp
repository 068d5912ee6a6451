#include "fold/plan.hpp"

#include <algorithm>

namespace eventfold {

namespace {

int field_index(const EventSpec& event, const std::string& name) {
  for (std::size_t index = 0; index < event.fields.size(); ++index) {
    if (event.fields[index].name == name) return static_cast<int>(index);
  }
  if (name.empty()) return Plan::kNoField;
  return name == "position" ? Plan::kPosition : Plan::kCreated;  // the specification was checked
}

Plan::Fit fit_of(Kind column, Kind source) {
  if (column == source || column == Kind::any) return Plan::Fit::as_it_is;
  if (column == Kind::real) return Plan::Fit::real;
  return source == Kind::boolean ? Plan::Fit::integer : Plan::Fit::as_it_is;
}

bool names(const std::vector<std::string>& types, std::string_view type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

}  // namespace

Plan::Plan(const ProjectionSpec& spec, const EventSpec& event)
    : type(event.type), decoder(event), fields(event.fields.size()) {
  for (const KeySpec& part : spec.key) key.push_back(field_index(event, part.field));
  for (std::size_t index = 0; index < spec.columns.size(); ++index) {
    const ColumnSpec& column = spec.columns[index];
    if (names(column.cleared_by, type)) clears.push_back(index);
    for (const auto& source : column.from) {
      if (source.type != type) continue;
      if (column.operation == Operation::count) {
        actions.push_back({index, kNoField, Fit::as_it_is});
      } else {
        const Fit fit = fit_of(column.kind, spec.kind_of(type, source.field));
        actions.push_back({index, field_index(event, source.field), fit});
      }
    }
  }
  deletes = names(spec.delete_on, type);
  handled = names(spec.handlers, type);
  makes_row = !actions.empty() || handled;
}

}  // namespace eventfold
