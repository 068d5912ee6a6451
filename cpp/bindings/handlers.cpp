#include "handlers.hpp"

#include "cells.hpp"

namespace py = pybind11;

namespace eventfold::bindings {

namespace {

// A std::function is copied and destroyed without the GIL, so what it holds must not be a py::object.
std::shared_ptr<py::object> held(const py::object& object) {
  return {new py::object(object), [](py::object* pointer) {
            py::gil_scoped_acquire acquire;
            delete pointer;
          }};
}

void call(const ProjectionSpec& spec, const py::object& callable, Fold::Row& row, const EventView& event) {
  py::dict values;
  for (std::size_t part = 0; part < spec.key.size(); ++part) {
    values[py::str(spec.key[part].column)] = to_python(row.key(part), false);
  }
  for (std::size_t column = 0; column < spec.columns.size(); ++column) {
    values[py::str(spec.columns[column].column)] = to_python(row.get(column), false);
  }
  callable(values, py::make_tuple(py::str(event.type.data(), event.type.size()), event.position, event.created,
                                  py::str(event.data.data(), event.data.size())));
  std::string buffer;
  for (std::size_t column = 0; column < spec.columns.size(); ++column) {
    row.set(column, to_cell(spec.columns[column].kind, values[py::str(spec.columns[column].column)], buffer));
  }
}

}  // namespace

Fold::Handler make_handler(std::shared_ptr<const ProjectionSpec> spec, const py::object& callable) {
  if (callable.is_none()) return nullptr;
  return [spec = std::move(spec), function = held(callable)](Fold::Row& row, const EventView& event) {
    py::gil_scoped_acquire acquire;
    call(*spec, *function, row, event);
  };
}

Progress make_progress(const py::object& callable) {
  return [function = held(callable)](Position done, Position total) {
    py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!function->is_none()) (*function)(done, total);
  };
}

}  // namespace eventfold::bindings
