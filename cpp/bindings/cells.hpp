// Cells of a fold to Python values and back. With the GIL.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "eventfold/projection.hpp"

namespace eventfold::bindings {

// `parse_json`: a list or an object becomes one of Python's; else its text is given as it is stored.
pybind11::object to_python(const CellView& cell, bool parse_json);

// `kind` says what a str is. Bytes are the object's, or in `buffer`. Throws TypeError.
CellView to_cell(Kind kind, pybind11::handle object, std::string& buffer);

}  // namespace eventfold::bindings
