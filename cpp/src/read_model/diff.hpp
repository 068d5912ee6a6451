// A live table beside the rows of a fold: what differs is found in one reading of the table, and told or mended.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "eventfold/connection.hpp"
#include "eventfold/projection.hpp"
#include "eventfold/read_model.hpp"

namespace eventfold {

// Both within the caller's transaction; only the projection's own columns are compared and written. `keys`: of these
// rows alone, which are found by the index on the key; a key that is there twice counts once. None: of all.

// The memory for it does not grow with what differs. `until` is left to the caller.
Compared find_differences(Connection& connection, const Fold& fold, std::size_t limit,
                          const std::span<const RowKey>* keys = nullptr);
// The keys of all rows that differ, each once; none if there are more than `most`.
std::optional<std::vector<RowKey>> find_differing(Connection& connection, const Fold& fold, std::size_t most);
// Writes only what differs.
Written write_difference(Connection& connection, const Fold& fold, const std::span<const RowKey>* keys = nullptr);

}  // namespace eventfold
