// Keys that are spans of time.
#pragma once

#include <string>
#include <string_view>

#include "eventfold/projection.hpp"

namespace eventfold {

// The beginning of the year, month, day or hour in which a moment lies, as a key of this kind holds it. `moment` is
// YYYY-MM-DD, or begins so and goes on with a T or a space and the hour. False: it is none, or has no hour.
bool begin_of(Bucket bucket, Kind kind, std::string_view moment, std::string& out);

}  // namespace eventfold
