// The key of a row as one value, for the tables that keep something beside the rows of all read models.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "eventfold/projection.hpp"
#include "eventfold/value.hpp"

namespace eventfold {

// A stored value with its bytes.
struct OwnedValue {
  Value value;
  std::string bytes;

  explicit OwnedValue(const Value& stored) : value(stored), bytes(stored.view()) {}
  Value view() const {
    Value same = value;
    if (value.type == ValueType::text || value.type == ValueType::blob) same.data = bytes.data();
    return same;
  }
};

class SideKey {
 public:
  explicit SideKey(const ProjectionSpec& spec) : spec_(spec) {}

  // A key of one part is itself, one of several a text such as "i7;t3:ann;". Its bytes live until the next call, or as
  // long as the key's.
  Value of(std::span<const CellView> key);
  // The other way round; false for what is no such key. Bytes as above.
  bool read(const Value& value, std::vector<CellView>& key);

 private:
  bool read_part(std::string_view& text, std::size_t part, std::vector<CellView>& key);

  const ProjectionSpec& spec_;
  std::string text_;
  std::vector<std::string> bytes_;
};

}  // namespace eventfold
