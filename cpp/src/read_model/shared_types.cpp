#include "read_model/shared_types.hpp"

#include <algorithm>
#include <unordered_map>

namespace eventfold {

namespace {

bool same(const FieldSpec& left, const FieldSpec& right) {
  return left.name == right.name && left.kind == right.kind && left.places == right.places && left.keys == right.keys &&
         left.mixed == right.mixed && left.missing.view() == right.missing.view();
}

int number_of(const FieldSpec& field, EventSpec& type) {
  auto& fields = type.fields;
  const auto found = std::ranges::find_if(fields, [&](const FieldSpec& other) { return same(field, other); });
  if (found != fields.end()) return static_cast<int>(found - fields.begin());
  for (const FieldSpec& other : fields) {  // a decoder gives a key to one field
    if (std::ranges::find_first_of(other.keys, field.keys) != other.keys.end()) return -1;
  }
  fields.push_back(field);
  return static_cast<int>(fields.size()) - 1;
}

}  // namespace

SharedTypes::SharedTypes(std::span<const Projection> projections) {
  std::unordered_map<std::string_view, std::size_t> numbers;
  for (const Projection& projection : projections) {
    for (const EventSpec& event : projection.spec->events) {
      if (!numbers.emplace(event.type, shared.size()).second) continue;
      shared.emplace_back().type = event.type;
      names.push_back(event.type);
    }
  }
  for (const Projection& projection : projections) {
    std::vector<Part>& parts = parts_of.emplace_back(names.size());
    int plan = 0;
    for (const EventSpec& event : projection.spec->events) {
      const std::size_t number = numbers.at(event.type);
      parts[number].plan = plan++;
      for (const FieldSpec& field : event.fields) {
        parts[number].numbers.push_back(number_of(field, shared[number]));
        if (parts[number].numbers.back() < 0) parts[number].decodes = true;
      }
    }
  }
}

}  // namespace eventfold
