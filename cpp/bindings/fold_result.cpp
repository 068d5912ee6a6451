#include "fold_result.hpp"

#include "cells.hpp"
#include "eventfold/error.hpp"

namespace py = pybind11;

namespace eventfold::bindings {

std::optional<std::size_t> FoldResult::find(const py::object& key) const {
  const auto& parts = fold_.spec().key;
  std::vector<CellView> cells;
  std::vector<std::string> buffers(parts.size());
  try {
    if (parts.size() == 1) {
      cells.push_back(to_cell(parts[0].kind, key, buffers[0]));
    } else {
      if (!py::isinstance<py::tuple>(key) || py::len(key) != parts.size()) return std::nullopt;
      const auto tuple = key.cast<py::tuple>();
      for (std::size_t part = 0; part < parts.size(); ++part) {
        cells.push_back(to_cell(parts[part].kind, tuple[part], buffers[part]));
      }
    }
  } catch (const py::type_error&) {
    return std::nullopt;  // no key is of such a type
  } catch (const InvalidEvent&) {
    return std::nullopt;  // or has such a text: no event could
  }
  return fold_.find(cells);
}

py::object FoldResult::key_of(std::size_t row) const {
  const std::size_t parts = fold_.spec().key.size();
  if (parts == 1) return to_python(fold_.key(row, 0), true);
  py::tuple key(parts);
  for (std::size_t part = 0; part < parts; ++part) key[part] = to_python(fold_.key(row, part), true);
  return key;
}

py::tuple FoldResult::values_of(std::size_t row) const {
  const std::size_t columns = fold_.spec().columns.size();
  py::tuple values(columns);
  bool plain = true;
  for (std::size_t column = 0; column < columns; ++column) {
    const CellView cell = fold_.column(row, column);
    plain = plain && cell.type != CellType::json;
    PyTuple_SET_ITEM(values.ptr(), static_cast<Py_ssize_t>(column), to_python(cell, true).release().ptr());
  }
  // no cycle can go through it: a million of them would keep the garbage collector busy
  if (plain && columns > 0) PyObject_GC_UnTrack(values.ptr());
  return values;
}

py::object FoldResult::at(const py::object& key) const {
  if (const auto row = find(key)) return values_of(*row);
  PyErr_SetObject(PyExc_KeyError, key.ptr());
  throw py::error_already_set();
}

py::object FoldResult::get(const py::object& key, const py::object& otherwise) const {
  const auto row = find(key);
  return row ? py::object(values_of(*row)) : otherwise;
}

template <class Item>
py::list FoldResult::collect(Item item) const {
  py::list list(fold_.size());
  Py_ssize_t at = 0;
  for (std::size_t row = 0; row < fold_.slots(); ++row) {
    if (fold_.alive(row)) PyList_SET_ITEM(list.ptr(), at++, item(row).release().ptr());
  }
  return list;
}

py::list FoldResult::keys() const {
  return collect([this](std::size_t row) { return key_of(row); });
}
py::list FoldResult::values() const {
  return collect([this](std::size_t row) { return values_of(row); });
}
py::list FoldResult::items() const {
  return collect([this](std::size_t row) { return py::make_tuple(key_of(row), values_of(row)); });
}

py::dict FoldResult::to_dict() const {
  py::dict dict;
  for (std::size_t row = 0; row < fold_.slots(); ++row) {
    if (!fold_.alive(row)) continue;
    const py::object key = key_of(row);
    const py::tuple values = values_of(row);
    if (PyDict_SetItem(dict.ptr(), key.ptr(), values.ptr()) != 0) throw py::error_already_set();
  }
  return dict;
}

}  // namespace eventfold::bindings
