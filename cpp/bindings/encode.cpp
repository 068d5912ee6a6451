#include "encode.hpp"

#include <datetime.h>

#include <charconv>
#include <cmath>
#include <stdexcept>

#include "eventfold/error.hpp"
#include "eventfold/json.hpp"

namespace py = pybind11;

namespace eventfold::bindings {

namespace {

std::string type_name(PyObject* object) { return Py_TYPE(object)->tp_name; }

void append_number(std::string& out, long long number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_padded(std::string& out, int number, int width) {
  char digits[8];
  for (int at = width - 1; at >= 0; --at, number /= 10) digits[at] = static_cast<char>('0' + number % 10);
  out.append(digits, static_cast<std::size_t>(width));
}

void append_integer(std::string& out, PyObject* object) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
  if (overflow == 0) {
    if (number == -1 && PyErr_Occurred()) throw py::error_already_set();
    append_number(out, number);
    return;
  }
  // beyond 64 bits: Python's own digits (int's, so that a subclass cannot say something else)
  auto digits = py::reinterpret_steal<py::object>(PyLong_Type.tp_repr(object));
  if (!digits) throw py::error_already_set();
  out.append(utf8_of(digits.ptr()));
}

void append_text(std::string& out, PyObject* object) { append_json_utf8(out, utf8_of(object)); }

void append_quoted(std::string& out, std::string_view plain) {
  out.push_back('"');
  out.append(plain);
  out.push_back('"');
}

void append_dict(std::string& out, PyObject* object) {
  out.push_back('{');
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  Py_ssize_t at = 0;
  bool first = true;
  while (PyDict_Next(object, &at, &key, &value)) {
    if (!PyUnicode_Check(key)) throw InvalidEvent("a key must be a str, this is a " + type_name(key));
    if (!first) out.push_back(',');
    first = false;
    append_text(out, key);
    out.push_back(':');
    try {
      append_json(out, value);
    } catch (const InvalidEvent& error) {
      throw InvalidEvent(std::string(utf8_of(key)) + ": " + error.what());
    }
  }
  out.push_back('}');
}

void append_sequence(std::string& out, PyObject* object) {
  out.push_back('[');
  const Py_ssize_t size = PySequence_Fast_GET_SIZE(object);
  for (Py_ssize_t index = 0; index < size; ++index) {
    if (index > 0) out.push_back(',');
    append_json(out, PySequence_Fast_GET_ITEM(object, index));
  }
  out.push_back(']');
}

struct DepthGuard {
  DepthGuard() {
    if (Py_EnterRecursiveCall(" while encoding an event") == 0) return;
    PyErr_Clear();
    throw InvalidEvent("lists or dicts lie too deep in each other; does one contain itself?");
  }
  ~DepthGuard() { Py_LeaveRecursiveCall(); }
};

void import_datetime() {
  if (PyDateTimeAPI == nullptr) PyDateTime_IMPORT;
}

void append_date(std::string& out, PyObject* date) {
  append_padded(out, PyDateTime_GET_YEAR(date), 4);
  out.push_back('-');
  append_padded(out, PyDateTime_GET_MONTH(date), 2);
  out.push_back('-');
  append_padded(out, PyDateTime_GET_DAY(date), 2);
}

void append_clock(std::string& out, int hour, int minute, int second, int microsecond) {
  append_padded(out, hour, 2);
  out.push_back(':');
  append_padded(out, minute, 2);
  out.push_back(':');
  append_padded(out, second, 2);
  if (microsecond != 0) {
    out.push_back('.');
    append_padded(out, microsecond, 6);
  }
}

[[noreturn]] void refuse(const char* wanted, PyObject* object) {
  throw InvalidEvent(std::string("expected ") + wanted + ", got a " + type_name(object));
}

void append_datetime(std::string& out, PyObject* object) {
  if (!PyDateTime_Check(object)) refuse("a datetime", object);
  py::object held;
  PyObject* zone = PyDateTime_DATE_GET_TZINFO(object);
  if (zone != Py_None && zone != PyDateTime_TimeZone_UTC) {
    held = py::reinterpret_borrow<py::object>(object).attr("astimezone")(
        py::reinterpret_borrow<py::object>(PyDateTime_TimeZone_UTC));
    object = held.ptr();
  }
  out.push_back('"');
  append_date(out, object);
  out.push_back('T');
  append_clock(out, PyDateTime_DATE_GET_HOUR(object), PyDateTime_DATE_GET_MINUTE(object),
               PyDateTime_DATE_GET_SECOND(object), PyDateTime_DATE_GET_MICROSECOND(object));
  if (zone != Py_None) out.push_back('Z');
  out.push_back('"');
}

void append_duration(std::string& out, PyObject* object) {
  if (!PyDelta_Check(object)) refuse("a timedelta", object);
  // at most 999,999,999 days: within 64 bits as whole seconds, not always as microseconds
  const long long seconds = PyDateTime_DELTA_GET_DAYS(object) * 86400LL + PyDateTime_DELTA_GET_SECONDS(object);
  long long microseconds = 0;
  if (__builtin_mul_overflow(seconds, 1'000'000LL, &microseconds) ||
      __builtin_add_overflow(microseconds, static_cast<long long>(PyDateTime_DELTA_GET_MICROSECONDS(object)),
                             &microseconds)) {
    throw InvalidEvent("a duration must fit in 64 bits of microseconds");
  }
  append_number(out, microseconds);
}

void append_binary(std::string& out, PyObject* object) {
  Py_buffer view;
  if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) != 0) {
    PyErr_Clear();
    refuse("bytes", object);
  }
  constexpr const char* kHex = "0123456789abcdef";
  out.push_back('"');
  const auto* bytes = static_cast<const unsigned char*>(view.buf);
  for (Py_ssize_t index = 0; index < view.len; ++index) {
    out.push_back(kHex[bytes[index] >> 4]);
    out.push_back(kHex[bytes[index] & 15]);
  }
  out.push_back('"');
  PyBuffer_Release(&view);
}

void append_decimal(std::string& out, PyObject* object) {
  if (PyUnicode_Check(object)) return append_text(out, object);  // formatted by its field
  auto decimal = py::reinterpret_borrow<py::object>(object);
  if (!py::hasattr(decimal, "is_finite")) refuse("a Decimal", object);
  if (!decimal.attr("is_finite")().cast<bool>()) throw InvalidEvent("NaN and infinity have no JSON");
  auto text = py::reinterpret_steal<py::object>(PyObject_Format(object, py::str("f").ptr()));
  if (!text) throw py::error_already_set();
  append_text(out, text.ptr());
}

}  // namespace

std::string_view utf8_of(PyObject* text) {
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(text, &size);
  if (data == nullptr) {
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) throw py::error_already_set();
    PyErr_Clear();
    throw InvalidEvent("a text contains a lone surrogate, which UTF-8 cannot hold");
  }
  return {data, static_cast<std::size_t>(size)};
}

void append_json(std::string& out, PyObject* object) {
  if (object == Py_None) {
    out.append("null");
  } else if (PyUnicode_Check(object)) {
    append_text(out, object);
  } else if (object == Py_True) {
    out.append("true");
  } else if (object == Py_False) {
    out.append("false");
  } else if (PyLong_Check(object)) {
    append_integer(out, object);
  } else if (PyFloat_Check(object)) {
    append_json_double(out, PyFloat_AS_DOUBLE(object));
  } else if (PyDict_Check(object)) {
    DepthGuard guard;
    append_dict(out, object);
  } else if (PyList_Check(object) || PyTuple_Check(object)) {
    DepthGuard guard;
    append_sequence(out, object);
  } else {
    throw InvalidEvent("a " + type_name(object) +
                       " has no JSON; record a str, a number, a bool, None, a list or a dict");
  }
}

void append_field(std::string& out, Kind kind, PyObject* object) {
  if (object == Py_None) {
    out.append("null");
    return;
  }
  import_datetime();
  switch (kind) {
    case Kind::text:
      if (!PyUnicode_Check(object)) refuse("a str", object);
      return append_text(out, object);
    case Kind::integer:
      if (!PyLong_Check(object)) refuse("an int", object);
      return append_integer(out, object);
    case Kind::real:
      if (!PyFloat_Check(object)) refuse("a float", object);
      return append_json_double(out, PyFloat_AS_DOUBLE(object));
    case Kind::boolean:
      if (!PyBool_Check(object)) refuse("a bool", object);
      out.append(object == Py_True ? "true" : "false");
      return;
    case Kind::decimal:
      return append_decimal(out, object);
    case Kind::date:
      if (!PyDate_Check(object) || PyDateTime_Check(object)) refuse("a date", object);
      out.push_back('"');
      append_date(out, object);
      out.push_back('"');
      return;
    case Kind::time:
      if (!PyTime_Check(object)) refuse("a time", object);
      if (PyDateTime_TIME_GET_TZINFO(object) != Py_None) throw InvalidEvent("a time must have no time zone");
      out.push_back('"');
      append_clock(out, PyDateTime_TIME_GET_HOUR(object), PyDateTime_TIME_GET_MINUTE(object),
                   PyDateTime_TIME_GET_SECOND(object), PyDateTime_TIME_GET_MICROSECOND(object));
      out.push_back('"');
      return;
    case Kind::datetime:
      return append_datetime(out, object);
    case Kind::duration:
      return append_duration(out, object);
    case Kind::uuid: {
      auto text = py::reinterpret_steal<py::object>(PyObject_Str(object));
      if (!text) throw py::error_already_set();
      const auto plain = utf8_of(text.ptr());
      if (plain.size() != 36) refuse("a UUID", object);
      return append_quoted(out, plain);
    }
    case Kind::any:
    case Kind::json:
      return append_json(out, object);
    case Kind::binary:
      return append_binary(out, object);
  }
}

}  // namespace eventfold::bindings
