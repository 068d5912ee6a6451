// The rows of a fold as bytes, for a replay that goes on later. They are private to one version of eventfold.
#pragma once

#include <string>
#include <string_view>

#include "eventfold/projection.hpp"

namespace eventfold {

// Whether a fold can go on from its rows alone. What is kept beside them, for whatever operation, has to be saved too,
// or its projection left out here: then a replay begins at the first event.
bool rows_are_all(const ProjectionSpec& spec);

// Writes the rows that are there into parts of about a quarter of a megabyte: some milliseconds of a transaction.
class RowsToSave {
 public:
  explicit RowsToSave(const Fold& fold) : fold_(fold) {}
  // Replaces `part`; false if there are no more.
  bool next(std::string& part);

 private:
  const Fold& fold_;
  std::size_t row_ = 0;
};

// Puts the rows of a part into a fold. Throws CorruptLog for bytes that are no such rows.
void take_saved_rows(std::string_view part, Fold& fold);

}  // namespace eventfold
