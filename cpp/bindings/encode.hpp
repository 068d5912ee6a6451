// Python objects to canonical JSON and to the storage values of indexed fields.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>

#include "eventfold/kind.hpp"

namespace eventfold::bindings {

// A borrowed view of a str's UTF-8. Throws InvalidEvent for a lone surrogate.
std::string_view utf8_of(PyObject* text);

// None, bool, int of any size, finite float, str, list, tuple, dict with str keys; nothing else.
// Throws InvalidEvent saying which object it was.
void append_json(std::string& out, PyObject* object);

// A cleaned value as the kind's JSON. Throws InvalidEvent where the object is not of the kind's Python type.
void append_field(std::string& out, Kind kind, PyObject* object);

}  // namespace eventfold::bindings
