// The wanted fields of an event's `data`, converted to what their columns hold.
//
// The log keeps canonical JSON, and events of one type nearly always have the same keys in the same order. So a decoder
// learns the order from one event and expects it of the next: comparing a key is one memcmp, and most values need no
// more than finding their end. Whatever does not fit goes to simdjson.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "eventfold/projection.hpp"

namespace eventfold {

class Decoder {
 public:
  explicit Decoder(const EventSpec& event);

  // Fills one cell for each field of the event's specification. Bytes live until the next call, or as long as `data`.
  // Throws CorruptLog: "the field x ..."; the caller knows the position.
  void decode(std::string_view data, std::span<CellView> fields);

 private:
  struct Step {
    std::string key;  // `"name":`, with the comma before it unless it is the first
    int field = -1;   // or the value is skipped
  };
  bool follow(std::string_view data, std::span<CellView> fields);
  void parse(std::string_view data, std::span<CellView> fields);
  void learn(std::string_view data);
  int field_of(std::string_view key, std::size_t& rank) const;
  CellView convert(const FieldSpec& field, CellView value);

  const EventSpec& event_;
  std::vector<Step> steps_;
  std::vector<std::string> scratch_;     // converted bytes, a buffer for each field
  std::vector<std::string> other_kind_;  // the same, of values that were of another kind
  std::vector<std::string> unescaped_;
  std::deque<std::string> default_bytes_;  // of missing_; a deque's elements stay where they are, also when it moves
  std::vector<CellView> missing_;
};

}  // namespace eventfold
