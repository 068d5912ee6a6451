// One event class of Django, compiled: reads the values of its instances, checks what its fields demand and encodes
// them.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "batch.hpp"
#include "encode.hpp"

namespace eventfold::bindings {

struct FieldSpec {
  pybind11::object name;  // the key in the instance's __dict__, interned
  std::string key;        // `"name":`, ready to copy
  Kind kind = Kind::text;
  bool null = false;
  bool blank = false;
  bool plain = false;  // the checks here are all there are: accepted without asking Python
  bool aware = true;   // a datetime must have a time zone (USE_TZ), or must have none
  std::optional<std::int64_t> max_length, minimum, maximum;
  pybind11::object choices;  // a set, or None
  std::optional<int> slot;
};

class EventCodec {
 public:
  EventCodec(std::string type, const pybind11::list& fields, const pybind11::object& stream);

  // `values`: the __dict__ of each instance. slow(index) is called for one that cannot be taken as it is; it returns
  // the cleaned values in field order, or raises.
  std::shared_ptr<Batch> encode(const pybind11::sequence& values, const pybind11::object& slow,
                                const std::string& metadata, const pybind11::object& ids) const;
  std::string encode_values(const pybind11::sequence& values) const;

 private:
  bool accepts(const FieldSpec& field, PyObject* value) const;
  void append_event(Batch& batch, PyObject* const* values) const;
  void append_stream(std::string& out, PyObject* const* values) const;
  void append_slots(Batch& batch, PyObject* const* values) const;

  std::string type_;
  std::vector<FieldSpec> fields_;
  struct StreamPart {
    std::string literal;
    int field = -1;  // or a field's value
  };
  std::vector<StreamPart> stream_;
  std::vector<std::size_t> slots_;  // field index for each slot, in slot order
  std::string indexed_names_;       // their names, as eventfold_type.slots has them
};

}  // namespace eventfold::bindings
