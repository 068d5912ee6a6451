// Cuts a script into its statements, for cursors that run one at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eventfold::bindings {

// Knows strings, quoted names, comments and the body of a trigger; what follows the last semicolon is kept if it holds
// anything but space and comments.
std::vector<std::string> split_sql(std::string_view script);

}  // namespace eventfold::bindings
