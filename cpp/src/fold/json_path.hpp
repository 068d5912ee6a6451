// Ways into a JSON value, which is the canonical text of it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "eventfold/projection.hpp"

namespace eventfold {

// The value at the end of a path: a step is the key of an object, or the number of an element of a list, from 0.
// False: there is none.
bool find_json(std::string_view json, std::span<const std::string> path, std::string_view& found);

// A JSON value as a cell: its bytes are those of `json` or of `buffer`.
CellView json_cell(std::string_view json, std::string& buffer);

// The elements of a list, one after the other.
class JsonElements {
 public:
  explicit JsonElements(std::string_view list);
  // False: there are no more.
  bool next(std::string_view& element);

 private:
  const char* at_;
  const char* end_;
};

}  // namespace eventfold
