// Steps through canonical JSON, one token at a time. Views go into the text; nothing is copied.
#pragma once

#include <string>
#include <string_view>

#include "eventfold/projection.hpp"

namespace eventfold {

// A string whose opening quote is at `at`, which moves past the closing one. `raw` is what stands between them. False:
// no string, or one with a raw control character.
struct JsonString {
  std::string_view raw;
  bool escaped = false;
  bool ascii = true;
};
bool take_string(const char*& at, const char* end, JsonString& string);

// What an escaped string says, in UTF-8. False: an escape that JSON does not have, or half of a surrogate pair.
bool unescape(std::string_view raw, std::string& text);

// A number: 64-bit integer, double (infinity where it is beyond one), or (type number) the text of a larger integer.
// False: none.
bool take_number(const char*& at, const char* end, CellView& value);

// Any value that is not wanted. What its strings say is not checked.
bool skip_value(const char*& at, const char* end);

// null, true, false, a number, or a list or object as the text it is (type json). Not a string.
bool take_unquoted(const char*& at, const char* end, CellView& value);

}  // namespace eventfold
