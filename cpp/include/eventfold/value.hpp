// One database value: what a column holds and what a parameter binds.
#pragma once

#include <cstdint>
#include <string_view>

namespace eventfold {

enum class ValueType : std::uint8_t { null, integer, real, text, blob };

// Does not own its bytes: they live as long as the statement's row, or as the caller says.
struct Value {
  ValueType type = ValueType::null;
  std::uint32_t size = 0;  // of text and blob, in bytes
  union {
    std::int64_t integer = 0;
    double real;
    const char* data;
  };

  Value() = default;
  Value(std::int64_t number) : type(ValueType::integer), integer(number) {}
  Value(int number) : Value(static_cast<std::int64_t>(number)) {}
  Value(double number) : type(ValueType::real), real(number) {}
  Value(std::string_view text)
      : type(ValueType::text), size(static_cast<std::uint32_t>(text.size())), data(text.data()) {}
  Value(const char* text) : Value(std::string_view(text)) {}

  static Value blob(std::string_view bytes) {
    Value value(bytes);
    value.type = ValueType::blob;
    return value;
  }

  bool is_null() const { return type == ValueType::null; }
  // Empty for anything but text and blob.
  std::string_view view() const {
    return type == ValueType::text || type == ValueType::blob ? std::string_view(data, size) : std::string_view();
  }
};

// Same type and same content. An integer never equals a real.
inline bool operator==(const Value& left, const Value& right) {
  if (left.type != right.type) return false;
  switch (left.type) {
    case ValueType::null:
      return true;
    case ValueType::integer:
      return left.integer == right.integer;
    case ValueType::real:
      return left.real == right.real;
    default:
      return left.view() == right.view();
  }
}

}  // namespace eventfold
