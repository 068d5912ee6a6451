// Values that were recorded when their field was of another kind, as far as they can be read as the present one.
#pragma once

#include <string>

#include "eventfold/projection.hpp"

namespace eventfold {

// A value as JSON of this kind has it; null where it cannot be read so. Its bytes are those of `value` or of `scratch`.
// The views of event types (view_sql.py) go by the same rules.
CellView read_as(Kind kind, CellView value, std::string& scratch);

}  // namespace eventfold
