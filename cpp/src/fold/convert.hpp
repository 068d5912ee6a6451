// From a JSON value to what a column of its kind stores: docs/fields.md has the table.
#pragma once

#include <string>

#include "eventfold/projection.hpp"

namespace eventfold {

// In place: a value that is copied right after it was put together costs the processor a stall. Not null. Its bytes
// stay where they are, or are in `buffer`. Throws CorruptLog where it is none of this kind.
void convert(const FieldSpec& field, CellView& value, std::string& buffer);

}  // namespace eventfold
