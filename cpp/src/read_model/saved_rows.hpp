// The rows of a fold as bytes, and all that it keeps beside them, for a replay that goes on later. They are private to
// one version of eventfold.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "eventfold/projection.hpp"

namespace eventfold {

// Writes what there is into parts of about a quarter of a megabyte: some milliseconds of a transaction.
class RowsToSave {
 public:
  explicit RowsToSave(const Fold& fold) : all_(fold), fold_(&fold) {}
  // Replaces `part`; false if there are no more.
  bool next(std::string& part);

 private:
  void add_row(std::string& part, std::size_t row);

  const Fold& all_;
  const Fold* fold_;  // all, or one of its lookups
  std::size_t row_ = 0;
  std::size_t lookup_ = 0;           // the next one
  std::deque<std::string> members_;  // of the last row, which are still to be written
};

// Puts them into a fold, part after part.
class SavedRows {
 public:
  explicit SavedRows(Fold& fold) : all_(fold), fold_(&fold) {}
  // Throws CorruptLog for bytes that are no such rows.
  void take(std::string_view part);

 private:
  Fold& all_;
  Fold* fold_;
  bool has_row_ = false;
  std::vector<CellView> key_;
  std::vector<CellView> columns_;
};

}  // namespace eventfold
