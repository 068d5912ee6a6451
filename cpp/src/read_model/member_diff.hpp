// What columns of different values have counted: stored values beside those of a fold.
#pragma once

#include <span>
#include <string_view>

#include "eventfold/connection.hpp"
#include "eventfold/projection.hpp"
#include "eventfold/read_model.hpp"

namespace eventfold {

// Told of what differs, while the table is read: nothing can be written meanwhile.
class MemberDifferences {
 public:
  virtual ~MemberDifferences() = default;
  // Stored values of a row that the fold does not have; once for each key. No `parts`: it is no key at all.
  virtual void stray(const Value& key, std::span<const CellView> parts) = 0;
  // A stored value that no event said. `key` is as it is stored, and the column may be one that the row does not have.
  virtual void extra(std::size_t row, const Value& key, std::string_view column, const Value& value) = 0;
  // So many values of a row are not stored.
  virtual void missing(std::size_t row, std::size_t column, std::size_t number) = 0;
};

// `keys`: of these rows alone. Throws ProjectionError where the table is missing.
void compare_members(Connection& connection, const Fold& fold, const std::span<const RowKey>* keys,
                     MemberDifferences& differences);

// Mends what differs, and returns the rows of the fold that it was about, each once; `strays` is added to: how many
// keys that the fold does not have.
std::vector<std::size_t> write_members(Connection& connection, const Fold& fold, const std::span<const RowKey>* keys,
                                       std::vector<RowKey>& strays);

}  // namespace eventfold
