// The time of an event as a column holds it.
#pragma once

#include <cstdint>
#include <string>

namespace eventfold {

// As Django keeps it: YYYY-MM-DD HH:MM:SS[.ffffff], in UTC or in the process's time zone. `us`: microseconds since
// 1970.
void format_created(std::string& out, std::int64_t us, bool local);

}  // namespace eventfold
