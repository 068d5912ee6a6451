#include "handlers.hpp"

#include "cells.hpp"
#include "eventfold/error.hpp"

namespace py = pybind11;

namespace eventfold::bindings {

namespace {

// A std::function is copied and destroyed without the GIL, so what it holds must not be a Python object.
template <class T>
std::shared_ptr<const T> held(T object) {
  return {new T(std::move(object)), [](const T* pointer) {
            py::gil_scoped_acquire acquire;
            delete pointer;
          }};
}

// What is the same for each call.
struct Callee {
  std::shared_ptr<const ProjectionSpec> spec;
  py::object function;
  std::vector<py::str> keys;
  std::vector<py::str> columns;
};

py::str text_of(const ProjectionSpec& spec, const EventView& event) {
  PyObject* text = PyUnicode_DecodeUTF8(event.data.data(), static_cast<Py_ssize_t>(event.data.size()), nullptr);
  if (text != nullptr) return py::reinterpret_steal<py::str>(text);
  PyErr_Clear();
  throw CorruptLog(spec.name + ", the event " + std::string(event.type) + " at position " +
                   std::to_string(event.position) + ": its data is not UTF-8");
}

void call(const Callee& callee, Fold::Row& row, const EventView& event) {
  const ProjectionSpec& spec = *callee.spec;
  py::dict values;
  for (std::size_t part = 0; part < spec.key.size(); ++part) {
    values[callee.keys[part]] = to_python(row.key(part), false);
  }
  for (std::size_t column = 0; column < spec.columns.size(); ++column) {
    values[callee.columns[column]] = to_python(row.get(column), false);
  }
  callee.function(values, py::make_tuple(py::str(event.type.data(), event.type.size()), event.position, event.created,
                                         text_of(spec, event)));
  std::string buffer;
  for (std::size_t column = 0; column < spec.columns.size(); ++column) {
    const py::object value = values[callee.columns[column]];
    row.set(column, to_cell(spec.columns[column].kind, value, buffer));
  }
}

// The same for batches, whose rows are lists: the key, and the columns that no operation fills.
struct BatchCallee {
  std::shared_ptr<const ProjectionSpec> spec;
  py::object function;
  std::vector<std::size_t> columns;
};

void call_with_batch(const BatchCallee& callee, Fold::Batch& batch) {
  const ProjectionSpec& spec = *callee.spec;
  py::list rows(batch.rows());
  for (std::size_t row = 0; row < batch.rows(); ++row) {
    py::list values(spec.key.size() + callee.columns.size());
    std::size_t index = 0;
    for (std::size_t part = 0; part < spec.key.size(); ++part) values[index++] = to_python(batch.key(row, part), false);
    for (const std::size_t column : callee.columns) values[index++] = to_python(batch.get(row, column), false);
    rows[row] = std::move(values);
  }
  const auto found = batch.events();
  py::list events(found.size());
  std::string_view last_type;
  py::str type;
  for (std::size_t index = 0; index < found.size(); ++index) {
    const EventView& event = found[index].event;
    if (index == 0 || event.type != last_type) {
      last_type = event.type;
      type = py::str(event.type.data(), event.type.size());
    }
    events[index] = py::make_tuple(type, event.position, event.created, text_of(spec, event), found[index].row);
  }
  const py::list changed = callee.function(rows, events);
  std::string buffer;
  for (std::size_t row = 0; row < batch.rows(); ++row) {
    const py::list values = changed[row];
    for (std::size_t index = 0; index < callee.columns.size(); ++index) {
      const std::size_t column = callee.columns[index];
      batch.set(row, column, to_cell(spec.columns[column].kind, values[index], buffer));
    }
  }
}

Fold::Handler make_batch_handler(std::shared_ptr<const ProjectionSpec> spec, const py::object& callable) {
  BatchCallee callee{std::move(spec), callable, {}};
  for (std::size_t column = 0; column < callee.spec->columns.size(); ++column) {
    if (callee.spec->columns[column].operation == Operation::handler) callee.columns.push_back(column);
  }
  Fold::Handler handler;
  handler.batch = [held = held(std::move(callee))](Fold::Batch& batch) {
    py::gil_scoped_acquire acquire;
    call_with_batch(*held, batch);
  };
  return handler;
}

}  // namespace

Fold::Handler make_handler(std::shared_ptr<const ProjectionSpec> spec, const py::object& callable) {
  if (callable.is_none()) return nullptr;
  if (spec->batched) return make_batch_handler(std::move(spec), callable);
  Callee callee{std::move(spec), callable, {}, {}};
  for (const KeySpec& part : callee.spec->key) callee.keys.emplace_back(part.column);
  for (const ColumnSpec& column : callee.spec->columns) callee.columns.emplace_back(column.column);
  return [held = held(std::move(callee))](Fold::Row& row, const EventView& event) {
    py::gil_scoped_acquire acquire;
    call(*held, row, event);
  };
}

Progress make_progress(const py::object& callable) {
  return [function = held(py::object(callable))](Position done, Position total) {
    py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!function->is_none()) (*function)(done, total);
  };
}

}  // namespace eventfold::bindings
