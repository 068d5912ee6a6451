#include "batch.hpp"

namespace eventfold::bindings {

std::vector<NewEvent> Batch::events() const {
  const auto view = [this](Piece piece) { return std::string_view(bytes).substr(piece.offset, piece.size); };
  slot_values_.clear();
  slot_values_.reserve(slots.size());
  for (const Slot& slot : slots) {
    slot_values_.push_back(slot.value.type == ValueType::text ? Value(view(slot.piece)) : slot.value);
  }
  indexed_values_.clear();
  indexed_values_.reserve(indexed.size());
  for (const Indexed& row : indexed) {
    indexed_values_.push_back({{slot_values_.data() + row.first_slot, row.slot_count}, *row.names});
  }
  std::vector<NewEvent> events;
  events.reserve(rows.size());
  for (const Row& row : rows) {
    events.push_back({.type = *row.type,
                      .data = view(row.data),
                      .stream = view(row.stream),
                      .metadata = view(row.metadata),
                      .id = row.id < 0 ? nullptr : &ids[static_cast<std::size_t>(row.id)],
                      .indexed = row.indexed < 0 ? nullptr : &indexed_values_[static_cast<std::size_t>(row.indexed)]});
  }
  return events;
}

}  // namespace eventfold::bindings
