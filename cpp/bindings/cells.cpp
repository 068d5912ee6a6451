#include "cells.hpp"

#include "encode.hpp"

namespace py = pybind11;

namespace eventfold::bindings {

namespace {

py::object loads(const CellView& cell) {
  static const py::handle function = py::object(py::module_::import("json").attr("loads")).release();
  return function(py::bytes(cell.data, cell.size));
}

}  // namespace

py::object to_python(const CellView& cell, bool parse_json) {
  const auto size = static_cast<Py_ssize_t>(cell.size);
  switch (cell.type) {
    case CellType::null:
    case CellType::absent:
      return py::none();
    case CellType::integer:
      return py::reinterpret_steal<py::object>(PyLong_FromLongLong(cell.integer));
    case CellType::real:
      return py::reinterpret_steal<py::object>(PyFloat_FromDouble(cell.real));
    case CellType::boolean:
      return py::bool_(cell.integer != 0);
    case CellType::blob:
      return py::bytes(cell.data, cell.size);
    case CellType::number: {
      const std::string digits(cell.view());
      return py::reinterpret_steal<py::object>(PyLong_FromString(digits.c_str(), nullptr, 10));
    }
    case CellType::json:
      if (parse_json) return loads(cell);
      [[fallthrough]];
    case CellType::text: {
      auto text = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(cell.data, size, nullptr));
      if (!text) throw py::error_already_set();
      return text;
    }
  }
  return py::none();
}

CellView to_cell(Kind kind, py::handle object, std::string& buffer) {
  PyObject* value = object.ptr();
  if (value == Py_None) return {};
  if (PyBool_Check(value)) {
    CellView cell(static_cast<std::int64_t>(value == Py_True));
    cell.type = CellType::boolean;
    return cell;
  }
  if (PyLong_Check(value)) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0) {
      if (number == -1 && PyErr_Occurred()) throw py::error_already_set();
      if (kind == Kind::real) return CellView(static_cast<double>(number));
      CellView cell(static_cast<std::int64_t>(number));
      if (kind == Kind::boolean) cell.type = CellType::boolean;
      return cell;
    }
    buffer = py::str(object).cast<std::string>();
    return CellView(CellType::number, buffer);
  }
  if (PyFloat_Check(value)) return CellView(PyFloat_AS_DOUBLE(value));
  if (PyUnicode_Check(value)) return CellView(kind == Kind::json ? CellType::json : CellType::text, utf8_of(value));
  if (PyObject_CheckBuffer(value)) {
    Py_buffer view;
    if (PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) != 0) throw py::error_already_set();
    buffer.assign(static_cast<const char*>(view.buf), static_cast<std::size_t>(view.len));
    PyBuffer_Release(&view);
    return CellView(CellType::blob, buffer);
  }
  throw py::type_error("a column holds None, bool, int, float, str or bytes, not " +
                       std::string(Py_TYPE(value)->tp_name));
}

}  // namespace eventfold::bindings
