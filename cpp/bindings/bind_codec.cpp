// Batch, EventCodec and encode_events: from Python values to events that are ready to append.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstring>

#include "bindings.hpp"
#include "codec.hpp"
#include "eventfold/error.hpp"

namespace py = pybind11;
using eventfold::InvalidEvent;
using eventfold::bindings::Batch;
using eventfold::bindings::EventCodec;

namespace {

// (type, data, stream, id, metadata), the last three optional: NewEvent is such a tuple.
PyObject* item(PyObject* event, Py_ssize_t index) {
  if (index >= PyTuple_GET_SIZE(event)) return Py_None;
  return PyTuple_GET_ITEM(event, index);
}

Batch::Piece append_piece(Batch& batch, PyObject* object) {
  Batch::Piece piece{batch.bytes.size(), 0};
  eventfold::bindings::append_json(batch.bytes, object);
  piece.size = batch.bytes.size() - piece.offset;
  return piece;
}

void append_event(Batch& batch, PyObject* event, Batch::Piece metadata) {
  if (!PyTuple_Check(event) || PyTuple_GET_SIZE(event) < 2) {
    throw InvalidEvent("an event is a NewEvent, or a tuple (type, data, stream, id, metadata); this is a " +
                       std::string(Py_TYPE(event)->tp_name));
  }
  Batch::Row row;
  if (!PyUnicode_Check(item(event, 0))) throw InvalidEvent("an event's type must be a str");
  row.type = batch.intern_type(eventfold::bindings::utf8_of(item(event, 0)));
  if (!PyDict_Check(item(event, 1))) {
    throw InvalidEvent(*row.type + ": the data of an event must be a dict, this is a " +
                       std::string(Py_TYPE(item(event, 1))->tp_name));
  }
  try {
    row.data = append_piece(batch, item(event, 1));
  } catch (const InvalidEvent& error) {
    throw InvalidEvent(*row.type + ": " + error.what());
  }
  if (PyObject* stream = item(event, 2); stream != Py_None) {
    if (!PyUnicode_Check(stream)) throw InvalidEvent(*row.type + ": a stream's name must be a str");
    const auto name = eventfold::bindings::utf8_of(stream);
    if (name.empty() || name.find('\0') != std::string_view::npos) {
      throw InvalidEvent(*row.type + ": a stream's name must be neither empty nor contain NUL");
    }
    row.stream = {batch.bytes.size(), name.size()};
    batch.bytes.append(name);
  }
  if (PyObject* id = item(event, 3); id != Py_None) {
    // a UUID, or its 16 bytes
    const auto bytes =
        PyBytes_Check(id) ? py::reinterpret_borrow<py::object>(id) : py::getattr(py::handle(id), "bytes", py::none());
    if (!PyBytes_Check(bytes.ptr()) || PyBytes_GET_SIZE(bytes.ptr()) != 16) {
      throw InvalidEvent(*row.type + ": an event's id must be a UUID");
    }
    row.id = std::ssize(batch.ids);
    std::memcpy(batch.ids.emplace_back().data(), PyBytes_AS_STRING(bytes.ptr()), 16);
  }
  row.metadata = item(event, 4) == Py_None ? metadata : append_piece(batch, item(event, 4));
  batch.rows.push_back(row);
}

std::shared_ptr<Batch> encode_events(const py::iterable& events, const std::string& metadata) {
  auto batch = std::make_shared<Batch>();
  batch->bytes.append(metadata);
  if (PyList_CheckExact(events.ptr()) || PyTuple_CheckExact(events.ptr())) {
    const Py_ssize_t size = PySequence_Fast_GET_SIZE(events.ptr());
    batch->rows.reserve(static_cast<std::size_t>(size));
    for (Py_ssize_t index = 0; index < size; ++index) {
      append_event(*batch, PySequence_Fast_GET_ITEM(events.ptr(), index), {0, metadata.size()});
      if (index == 0) batch->reserve_like_first(static_cast<std::size_t>(size));
    }
  } else {
    for (const auto& event : events) append_event(*batch, event.ptr(), {0, metadata.size()});
  }
  return batch;
}

}  // namespace

void bind_codec(py::module_& module) {
  py::class_<Batch, std::shared_ptr<Batch>>(module, "Batch", "Events, encoded and ready to append.")
      .def("__len__", [](const Batch& batch) { return batch.rows.size(); })
      .def(
          "data",
          [](const Batch& batch, std::size_t index) {
            const auto& piece = batch.rows.at(index).data;
            return batch.bytes.substr(piece.offset, piece.size);
          },
          py::arg("index"), "The canonical JSON of one event.");
  py::class_<EventCodec>(module, "EventCodec",
                         "One event class, compiled. Immutable, so safe to share between threads.")
      .def(py::init<std::string, const py::list&, const py::object&>(), py::arg("type"), py::arg("fields"),
           py::arg("stream"))
      .def("encode", &EventCodec::encode, py::arg("values"), py::arg("slow"), py::arg("metadata") = "",
           py::arg("ids") = py::none())
      .def("encode_values", &EventCodec::encode_values, py::arg("values"));
  module.def("encode_events", &encode_events, py::arg("events"), py::arg("metadata") = "");
}
