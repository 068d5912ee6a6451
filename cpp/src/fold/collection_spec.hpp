// What a specification says of columns that hold many values.
#pragma once

#include <simdjson.h>

#include "eventfold/projection.hpp"

namespace eventfold {

// All throw ProjectionError.
void read_collection(simdjson::dom::element item, ColumnSpec& column);
void read_label(simdjson::dom::element options, const ColumnSpec& column, ColumnSpec::Source& source);
void check_collection(const ProjectionSpec& spec, const ColumnSpec& column);

}  // namespace eventfold
