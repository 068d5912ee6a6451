// Canonical JSON: no white space, fields in declared order, UTF-8 unescaped but for what JSON demands, no duplicate
// keys, no NUL, numbers as written here. What the log keeps in `data` and `metadata`.
#pragma once

#include <string>
#include <string_view>

namespace eventfold {

// Appends a quoted string. Throws InvalidEvent for invalid UTF-8 (a lone surrogate) and for NUL.
void append_json_string(std::string& out, std::string_view text);
// The same for a text that is known to be UTF-8.
void append_json_utf8(std::string& out, std::string_view text);

// Appends a double so that every correct parser, and SQLite's own, reads the same bits back: the shortest text where
// SQLite's 64-bit arithmetic is far enough from a tie, else 17 digits. Throws InvalidEvent for NaN and infinity.
void append_json_double(std::string& out, double number);

// Throws InvalidEvent unless the text is one JSON object.
void check_json_object(std::string_view text);

}  // namespace eventfold
