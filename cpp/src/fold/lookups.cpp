#include "fold/lookups.hpp"

#include <algorithm>

#include "eventfold/error.hpp"
#include "fold/arena.hpp"

namespace eventfold {

Lookups::Lookups(const ProjectionSpec& spec) {
  for (const LookupSpec& lookup : spec.lookups) {
    Side& side = sides_.emplace_back(Side{lookup.name, Fold(lookup.projection), lookup.column, {}, {}});
    for (const EventSpec& event : spec.events) {
      side.plans.push_back(side.fold.plan_of(event.type));
      std::vector<int>& numbers = side.numbers.emplace_back();
      if (side.plans.back() < 0) continue;
      for (const FieldSpec& wanted : lookup.projection->events[static_cast<std::size_t>(side.plans.back())].fields) {
        const auto found = std::ranges::find(event.fields, wanted.name, &FieldSpec::name);
        numbers.push_back(
            static_cast<int>(found - event.fields.begin()));  // it is there: see ProjectionSpec::from_json
      }
    }
  }
}

CellView Lookups::value(std::string_view name, std::span<const CellView> key) {
  const auto side = std::ranges::find(sides_, name, &Side::name);
  if (side == sides_.end()) throw ProjectionError("no lookup \"" + std::string(name) + "\"");
  const Arena::Use own_memory(nullptr);
  const auto row = side->fold.find_or_load(key);
  return row ? side->fold.column(*row, side->column) : CellView();
}

void Lookups::follow(std::size_t plan, const EventView& event, const CellView* fields) {
  const Arena::Use own_memory(nullptr);  // that of the fold's rows goes when it is cleared
  for (Side& side : sides_) {
    if (side.plans[plan] < 0) continue;
    const Fold::DecodedEvent decoded{side.plans[plan], event.position, &event, fields, side.numbers[plan]};
    side.fold.feed(std::span(&decoded, 1));
  }
}

void Lookups::clear() {
  for (Side& side : sides_) side.fold.clear();
}

}  // namespace eventfold
