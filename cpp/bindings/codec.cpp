#include "codec.hpp"

#include <datetime.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "eventfold/error.hpp"

namespace py = pybind11;

namespace eventfold::bindings {

namespace {

template <class T>
std::optional<T> optional_item(const py::dict& spec, const char* name) {
  if (!spec.contains(name) || spec[name].is_none()) return std::nullopt;
  return spec[name].cast<T>();
}

FieldSpec read_spec(const py::dict& spec) {
  FieldSpec field;
  auto name = py::str(spec["name"]).release().ptr();
  PyUnicode_InternInPlace(&name);
  field.name = py::reinterpret_steal<py::object>(name);
  append_json(field.key, py::str(spec["key"]).ptr());
  field.key.push_back(':');
  const auto kind = spec["kind"].cast<std::string>();
  field.kind = kind_named(kind) ? *kind_named(kind) : throw py::value_error("no such kind of field: " + kind);
  field.null = optional_item<bool>(spec, "null").value_or(false);
  field.blank = optional_item<bool>(spec, "blank").value_or(false);
  field.plain = optional_item<bool>(spec, "plain").value_or(false);
  field.aware = optional_item<bool>(spec, "aware").value_or(true);
  field.max_length = optional_item<std::int64_t>(spec, "max_length");
  field.minimum = optional_item<std::int64_t>(spec, "min");
  field.maximum = optional_item<std::int64_t>(spec, "max");
  field.slot = optional_item<int>(spec, "slot");
  field.choices = py::none();
  if (spec.contains("choices") && !spec["choices"].is_none()) field.choices = py::set(spec["choices"]);
  return field;
}

bool contains(const py::object& set, PyObject* value) {
  const int found = PySet_Contains(set.ptr(), value);
  if (found < 0) throw py::error_already_set();
  return found == 1;
}

// A slot holds what the view's column would: the storage form, not the JSON.
Batch::Slot slot_of(Batch& batch, Kind kind, PyObject* value) {
  Batch::Slot slot;
  if (value == Py_None) return slot;
  std::string json;
  append_field(json, kind, value);
  switch (kind) {
    case Kind::integer:
    case Kind::duration: {
      std::int64_t number = 0;
      std::from_chars(json.data(), json.data() + json.size(), number);
      slot.value = Value(number);
      return slot;
    }
    case Kind::boolean:
      slot.value = Value(json == "true" ? 1 : 0);
      return slot;
    case Kind::real:
      slot.value = Value(PyFloat_AS_DOUBLE(value));
      return slot;
    case Kind::decimal: {
      const double number = std::strtod(json.c_str() + 1, nullptr);
      // as NUMERIC affinity stores it: whole numbers as integers
      if (number == std::floor(number) && std::abs(number) < 9e15) {
        slot.value = Value(static_cast<std::int64_t>(number));
      } else {
        slot.value = Value(number);
      }
      return slot;
    }
    default:
      break;
  }
  slot.value = Value(std::string_view());
  slot.piece.offset = batch.bytes.size();
  if (kind == Kind::text) {
    batch.bytes.append(utf8_of(value));
  } else {
    for (const char letter : std::string_view(json).substr(1, json.size() - 2)) {
      if (kind == Kind::uuid && letter == '-') continue;
      if (kind == Kind::datetime && letter == 'Z') continue;
      batch.bytes.push_back(kind == Kind::datetime && letter == 'T' ? ' ' : letter);
    }
  }
  slot.piece.size = batch.bytes.size() - slot.piece.offset;
  return slot;
}

}  // namespace

EventCodec::EventCodec(std::string type, const py::list& fields, const py::object& stream) : type_(std::move(type)) {
  if (PyDateTimeAPI == nullptr) PyDateTime_IMPORT;
  for (const auto& spec : fields) fields_.push_back(read_spec(spec.cast<py::dict>()));
  for (int slot = 0; slot < kSlots; ++slot) {
    for (std::size_t index = 0; index < fields_.size(); ++index) {
      if (fields_[index].slot == slot) {
        slots_.resize(static_cast<std::size_t>(slot) + 1, fields_.size());
        slots_[static_cast<std::size_t>(slot)] = index;
      }
    }
  }
  for (const std::size_t field : slots_) {
    if (&field != slots_.data()) indexed_names_.push_back(',');
    if (field < fields_.size()) indexed_names_ += py::str(fields[field]["key"]).cast<std::string>();
  }
  if (stream.is_none()) return;
  for (const auto& part : stream) {
    if (py::isinstance<py::int_>(part)) {
      const int field = part.cast<int>();
      if (field < 0 || static_cast<std::size_t>(field) >= fields_.size())
        throw py::index_error("stream names no field");
      stream_.push_back({"", field});
    } else {
      stream_.push_back({part.cast<std::string>(), -1});
    }
  }
}

bool EventCodec::accepts(const FieldSpec& field, PyObject* value) const {
  if (value == nullptr) return false;
  if (value == Py_None) return field.null && field.plain;
  if (!field.plain) return false;
  switch (field.kind) {
    case Kind::text: {
      if (!PyUnicode_CheckExact(value)) return false;
      const auto length = PyUnicode_GET_LENGTH(value);
      if (length == 0 && !field.blank) return false;
      if (field.max_length && length > *field.max_length) return false;
      break;
    }
    case Kind::integer: {
      if (!PyLong_CheckExact(value)) return false;
      int overflow = 0;
      const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
      if (overflow != 0) return false;
      if (field.minimum && number < *field.minimum) return false;
      if (field.maximum && number > *field.maximum) return false;
      break;
    }
    case Kind::real:
      if (!PyFloat_CheckExact(value) || !std::isfinite(PyFloat_AS_DOUBLE(value))) return false;
      break;
    case Kind::boolean:
      if (!PyBool_Check(value)) return false;
      break;
    case Kind::date:
      if (!PyDate_CheckExact(value)) return false;
      break;
    case Kind::time:
      if (!PyTime_CheckExact(value) || PyDateTime_TIME_GET_TZINFO(value) != Py_None) return false;
      break;
    case Kind::datetime:
      if (!PyDateTime_CheckExact(value)) return false;
      if ((PyDateTime_DATE_GET_TZINFO(value) != Py_None) != field.aware) return false;
      break;
    case Kind::duration:
      if (!PyDelta_CheckExact(value)) return false;
      break;
    case Kind::any:
    case Kind::uuid:
    case Kind::decimal:
    case Kind::json:
    case Kind::binary:
      return false;
  }
  return field.choices.is_none() || contains(field.choices, value);
}

void EventCodec::append_stream(std::string& out, PyObject* const* values) const {
  for (const StreamPart& part : stream_) {
    if (part.field < 0) {
      out.append(part.literal);
      continue;
    }
    PyObject* value = values[part.field];
    if (value == Py_None) {
      throw InvalidEvent(type_ + ": the stream's name needs the field " +
                         py::str(fields_[static_cast<std::size_t>(part.field)].name).cast<std::string>() +
                         ", which is null; give it a value, or leave it out of Stream.name");
    }
    if (PyUnicode_CheckExact(value)) {
      out.append(utf8_of(value));
    } else {
      auto text = py::reinterpret_steal<py::object>(PyObject_Str(value));
      if (!text) throw py::error_already_set();
      out.append(utf8_of(text.ptr()));
    }
  }
}

void EventCodec::append_slots(Batch& batch, PyObject* const* values) const {
  for (const std::size_t field : slots_) {
    batch.slots.push_back(field < fields_.size() ? slot_of(batch, fields_[field].kind, values[field]) : Batch::Slot());
  }
}

void EventCodec::append_event(Batch& batch, PyObject* const* values) const {
  Batch::Row row;
  row.type = batch.intern_type(type_);
  row.data.offset = batch.bytes.size();
  batch.bytes.push_back('{');
  for (std::size_t index = 0; index < fields_.size(); ++index) {
    if (index > 0) batch.bytes.push_back(',');
    batch.bytes.append(fields_[index].key);
    try {
      append_field(batch.bytes, fields_[index].kind, values[index]);
    } catch (const InvalidEvent& error) {
      throw InvalidEvent(type_ + ": " + py::str(fields_[index].name).cast<std::string>() + ": " + error.what());
    }
  }
  batch.bytes.push_back('}');
  row.data.size = batch.bytes.size() - row.data.offset;
  if (!stream_.empty()) {
    row.stream.offset = batch.bytes.size();
    append_stream(batch.bytes, values);
    row.stream.size = batch.bytes.size() - row.stream.offset;
  }
  if (!slots_.empty()) {
    row.indexed = std::ssize(batch.indexed);
    batch.indexed.push_back({batch.intern_indexed_names(indexed_names_), batch.slots.size(), slots_.size()});
    append_slots(batch, values);
  }
  batch.rows.push_back(row);
}

std::shared_ptr<Batch> EventCodec::encode(const py::sequence& values, const py::object& slow,
                                          const std::string& metadata, const py::object& ids) const {
  auto batch = std::make_shared<Batch>();
  const auto size = static_cast<Py_ssize_t>(values.size());
  batch->rows.reserve(static_cast<std::size_t>(size));
  batch->bytes.append(metadata);
  auto fast = py::reinterpret_steal<py::object>(PySequence_Fast(values.ptr(), "values must be a sequence"));
  if (!fast) throw py::error_already_set();
  std::vector<PyObject*> found(fields_.size());
  for (Py_ssize_t index = 0; index < size; ++index) {
    PyObject* instance = PySequence_Fast_GET_ITEM(fast.ptr(), index);
    if (!PyDict_Check(instance)) throw py::type_error("values must be dicts: the __dict__ of each event");
    bool accepted = true;
    for (std::size_t field = 0; accepted && field < fields_.size(); ++field) {
      found[field] = PyDict_GetItemWithError(instance, fields_[field].name.ptr());
      if (found[field] == nullptr && PyErr_Occurred()) throw py::error_already_set();
      accepted = accepts(fields_[field], found[field]);
    }
    py::object cleaned;
    if (!accepted) {
      cleaned = py::reinterpret_steal<py::object>(PySequence_Tuple(slow(index).ptr()));
      if (!cleaned) throw py::error_already_set();
      if (PyTuple_GET_SIZE(cleaned.ptr()) != static_cast<Py_ssize_t>(fields_.size())) {
        throw py::value_error("slow() must return a value for each field");
      }
      for (std::size_t field = 0; field < fields_.size(); ++field) {
        found[field] = PyTuple_GET_ITEM(cleaned.ptr(), static_cast<Py_ssize_t>(field));
      }
    }
    append_event(*batch, found.data());
    if (index == 0) batch->reserve_like_first(static_cast<std::size_t>(size));
    batch->rows.back().metadata = {0, metadata.size()};
    if (!ids.is_none()) {
      const auto id = ids[py::int_(index)].cast<std::string>();
      if (id.size() != sizeof(Uuid)) throw py::value_error("an event id has 16 bytes");
      batch->rows.back().id = std::ssize(batch->ids);
      std::memcpy(batch->ids.emplace_back().data(), id.data(), id.size());
    }
  }
  return batch;
}

std::string EventCodec::encode_values(const py::sequence& values) const {
  if (values.size() != fields_.size()) throw py::value_error("a value for each field is needed");
  Batch batch;
  auto tuple = py::tuple(values);
  std::vector<PyObject*> found(fields_.size());
  for (std::size_t field = 0; field < found.size(); ++field) found[field] = tuple[field].ptr();
  append_event(batch, found.data());
  const auto data = batch.rows.back().data;
  return batch.bytes.substr(data.offset, data.size);
}

}  // namespace eventfold::bindings
