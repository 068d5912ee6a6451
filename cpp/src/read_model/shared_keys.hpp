// Keys that several folds have of the same events: each is looked up once for all of them, and is a number from then
// on.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "eventfold/read_model.hpp"
#include "fold/table.hpp"
#include "read_model/shared_batch.hpp"

namespace eventfold {

class SharedKeys {
 public:
  SharedKeys(std::span<const Projection> projections, const SharedTypes& types);

  // The group of projections that a projection shares its keys with; none: only it has such keys.
  std::optional<std::size_t> group_of(std::size_t projection) const { return group_of_[projection]; }
  // Finds the numbers of the keys of a batch's events in each group; Fold::kNoKey for an event of a type that nobody of
  // the group reads, and for one without a key. The same key has the same number in every batch.
  void number(SharedBatch& batch);

 private:
  using Fields = std::vector<int>;  // the shared fields of a type that are the parts of the key; none: not read

  struct Group {
    explicit Group(std::size_t key_parts, std::size_t types) : parts(key_parts), fields(types), keys(key_parts, 0) {}
    bool fits(const std::vector<Fields>& wanted) const;

    std::size_t parts;
    std::vector<std::size_t> members;  // projections
    std::vector<Fields> fields;        // by type
    Table keys;
  };
  static std::vector<Fields> fields_of(const ProjectionSpec& spec, std::span<const SharedTypes::Part> parts);
  static constexpr std::size_t kMostParts = 8;
  static constexpr std::size_t kAtOnce = 64;  // events whose places are fetched ahead
  static void number_some(Group& group, const Fields& fields, const SharedBatch& batch,
                          std::span<const std::uint32_t> events, std::vector<std::uint32_t>& numbers);

  std::vector<Group> groups_;
  std::vector<std::optional<std::size_t>> group_of_;  // by projection
};

}  // namespace eventfold
