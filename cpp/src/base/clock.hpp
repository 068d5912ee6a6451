#pragma once

#include <cstdint>

namespace eventfold {

// Microseconds since 1970-01-01 UTC.
std::int64_t now_us();

}  // namespace eventfold
