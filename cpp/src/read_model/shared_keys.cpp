#include "read_model/shared_keys.hpp"

#include <algorithm>
#include <array>

#include "eventfold/projection.hpp"

namespace eventfold {

bool SharedKeys::Group::fits(const std::vector<Fields>& wanted) const {
  for (std::size_t type = 0; type < wanted.size(); ++type) {
    if (!wanted[type].empty() && !fields[type].empty() && wanted[type] != fields[type]) return false;
  }
  return true;
}

SharedKeys::SharedKeys(std::span<const Projection> projections, const SharedTypes& types) {
  for (std::size_t index = 0; index < projections.size(); ++index) {
    const std::size_t parts = projections[index].spec->key.size();
    const std::vector<Fields> wanted = fields_of(*projections[index].spec, types.parts_of[index]);
    if (std::ranges::all_of(wanted, &Fields::empty)) continue;
    auto group =
        std::ranges::find_if(groups_, [&](const Group& each) { return each.parts == parts && each.fits(wanted); });
    if (group == groups_.end()) group = groups_.emplace(groups_.end(), parts, types.names.size());
    for (std::size_t type = 0; type < wanted.size(); ++type) {
      if (!wanted[type].empty()) group->fields[type] = wanted[type];
    }
    group->members.push_back(index);
  }
  std::erase_if(groups_, [](const Group& group) { return group.members.size() < 2; });
  group_of_.resize(projections.size());
  for (std::size_t number = 0; number < groups_.size(); ++number) {
    for (const std::size_t member : groups_[number].members) group_of_[member] = number;
  }
}

// Nothing for a projection whose keys are not simply what stands in fields of its events.
std::vector<SharedKeys::Fields> SharedKeys::fields_of(const ProjectionSpec& spec,
                                                      std::span<const SharedTypes::Part> parts) {
  std::vector<Fields> found(parts.size());
  if (spec.key.size() > kMostParts) return found;
  if (std::ranges::any_of(spec.key, [](const KeySpec& part) { return part.bucket != Bucket::none; })) return found;
  for (std::size_t type = 0; type < parts.size(); ++type) {
    if (parts[type].plan < 0 || parts[type].decodes) continue;
    const EventSpec& event = spec.events[static_cast<std::size_t>(parts[type].plan)];
    Fields fields;
    for (const KeySpec& part : spec.key) {
      const auto field = std::ranges::find(event.fields, part.field, &FieldSpec::name);
      if (field == event.fields.end()) break;
      fields.push_back(parts[type].numbers[static_cast<std::size_t>(field - event.fields.begin())]);
    }
    if (fields.size() == spec.key.size()) found[type] = std::move(fields);
  }
  return found;
}

void SharedKeys::number(SharedBatch& batch) {
  for (std::size_t number = 0; number < groups_.size(); ++number) {
    Group& group = groups_[number];
    const Arena::Use use(group.keys.arena());
    std::vector<std::uint32_t>& numbers = batch.keys(number);
    numbers.assign(batch.events().size(), Fold::kNoKey);
    for (std::size_t type = 0; type < group.fields.size(); ++type) {
      if (group.fields[type].empty()) continue;
      for (auto events = batch.of_type(type); !events.empty();) {
        const auto some = events.first(std::min(kAtOnce, events.size()));
        number_some(group, group.fields[type], batch, some, numbers);
        events = events.subspan(some.size());
      }
    }
  }
}

void SharedKeys::number_some(Group& group, const Fields& fields, const SharedBatch& batch,
                             std::span<const std::uint32_t> events, std::vector<std::uint32_t>& numbers) {
  struct Key {
    std::uint32_t event;
    std::uint32_t hash;
  };
  std::array<Key, kAtOnce> keys;
  std::array<CellView, kMostParts> key;
  std::size_t count = 0;
  const std::span<CellView> parts = std::span(key).first(group.parts);
  const auto take = [&](std::uint32_t event) {
    const CellView* const cells = batch.decoded(event);
    if (cells == nullptr) return false;
    for (std::size_t part = 0; part < parts.size(); ++part) {
      parts[part] = cells[fields[part]];
      // what is no key is an error, which each fold is to tell of by itself
      const CellType type = parts[part].type;
      if (type == CellType::null || type == CellType::absent || type == CellType::json) return false;
    }
    return true;
  };
  for (const std::uint32_t event : events) {
    if (!take(event)) continue;
    keys[count] = {event, Table::hash(parts)};
    group.keys.prefetch_index(keys[count++].hash);
  }
  for (std::size_t index = 0; index < count; ++index) group.keys.prefetch_row(keys[index].hash);
  for (std::size_t index = 0; index < count; ++index) {
    take(keys[index].event);
    bool inserted = false;
    numbers[keys[index].event] = group.keys.find_or_insert(parts, keys[index].hash, inserted);
  }
}

}  // namespace eventfold
