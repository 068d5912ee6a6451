// Columns of other projections, which a fold looks up: it folds these along, from its own events.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventfold/projection.hpp"

namespace eventfold {

class Lookups {
 public:
  // The specification lives as long.
  explicit Lookups(const ProjectionSpec& spec);

  bool empty() const { return sides_.empty(); }
  // Null where there is no such row. Its bytes live until the next event is followed.
  CellView value(std::string_view name, std::span<const CellView> key);
  // Folds an event of the fold's plan of this number, whose fields have been decoded.
  void follow(std::size_t plan, const EventView& event, const CellView* fields);
  void clear();

  Fold& fold(std::size_t number) { return sides_[number].fold; }
  const Fold& fold(std::size_t number) const { return sides_[number].fold; }

 private:
  struct Side {
    std::string_view name;
    Fold fold;
    std::size_t column;
    std::vector<int> plans;                 // by the fold's plan; -1: it does not read the type
    std::vector<std::vector<int>> numbers;  // of its fields, among those that the fold decodes
  };
  std::vector<Side> sides_;
};

}  // namespace eventfold
