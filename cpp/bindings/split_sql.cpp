#include "split_sql.hpp"

#include <algorithm>
#include <cctype>

namespace eventfold::bindings {
namespace {

bool is_word(char character) {
  return std::isalnum(static_cast<unsigned char>(character)) != 0 || character == '_' ||
         static_cast<unsigned char>(character) >= 0x80;
}

// The end of the token that begins at `begin`, which is not the end of the script.
std::size_t end_of_token(std::string_view script, std::size_t begin) {
  const auto end_after = [&](std::string_view closing, std::size_t from) {
    const auto found = script.find(closing, from);
    return found == std::string_view::npos ? script.size() : found + closing.size();
  };
  const char first = script[begin];
  if (script.substr(begin, 2) == "--") return end_after("\n", begin);
  if (script.substr(begin, 2) == "/*") return end_after("*/", begin + 2);
  if (first == '[') return end_after("]", begin);
  // A doubled quote inside is two tokens that touch: the same for us.
  if (first == '\'' || first == '"' || first == '`') return end_after(script.substr(begin, 1), begin + 1);
  if (!is_word(first)) return begin + 1;
  std::size_t end = begin;
  while (end < script.size() && is_word(script[end])) ++end;
  return end;
}

std::string upper(std::string_view word) {
  std::string result(word);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char character) { return static_cast<char>(std::toupper(character)); });
  return result;
}

bool creates_trigger(const std::vector<std::string>& words) {
  return words.size() >= 2 && words[0] == "CREATE" &&
         (words[1] == "TRIGGER" || (words.size() >= 3 && words[1].starts_with("TEMP") && words[2] == "TRIGGER"));
}

}  // namespace

std::vector<std::string> split_sql(std::string_view script) {
  std::vector<std::string> statements;
  std::vector<std::string> words;  // the first three of the statement
  std::string last;                // tokens before this one, comments left out
  std::string last_but_one;
  std::size_t start = 0;
  bool empty = true;
  for (std::size_t begin = 0; begin < script.size();) {
    const std::size_t end = end_of_token(script, begin);
    const std::string_view token = script.substr(begin, end - begin);
    begin = end;
    if (std::isspace(static_cast<unsigned char>(token[0])) != 0 || token.starts_with("--") || token.starts_with("/*")) {
      continue;
    }
    // The body of a trigger ends with "; END;".
    if (token == ";" && (!creates_trigger(words) || (last == "END" && last_but_one == ";"))) {
      if (!empty) statements.emplace_back(script.substr(start, end - start));
      start = end;
      empty = true;
      words.clear();
      last.clear();
      continue;
    }
    empty = false;
    last_but_one = std::move(last);
    last = upper(token);
    if (words.size() < 3) words.push_back(last);
  }
  if (!empty) statements.emplace_back(script.substr(start));
  return statements;
}

}  // namespace eventfold::bindings
