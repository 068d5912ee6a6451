// SavedReplay, for replays that run in Python.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings.hpp"
#include "eventfold/saved_replay.hpp"
#include "log.hpp"

namespace py = pybind11;
using namespace eventfold;
using bindings::LogHandle;

namespace {

// Holds the log's handle.
class SavedReplayHandle {
 public:
  SavedReplayHandle(py::object log, std::string name, std::string definition)
      : log_object_(std::move(log)),
        log_(log_object_.cast<LogHandle&>()),
        saved_(log_.log, std::move(name), std::move(definition)) {}

  bool possible() {
    NativeCall call(*log_.database);
    return saved_.possible();
  }

  std::pair<Position, std::vector<py::bytes>> load(Position most) {
    std::vector<std::string> parts;
    Position position = 0;
    {
      NativeCall call(*log_.database);
      position = saved_.load(most, [&](std::string_view part) { parts.emplace_back(part); });
      if (position == 0) saved_.drop();
      saved_.clean_up();
    }
    return {position, {parts.begin(), parts.end()}};
  }

  bool save(Position position, const std::vector<py::bytes>& given) {
    const std::vector<std::string> parts(given.begin(), given.end());
    NativeCall call(*log_.database);
    auto at = parts.begin();
    return saved_.save(position, [&](std::string& part) {
      if (at == parts.end()) return false;
      part = *at++;
      return true;
    });
  }

  void drop() {
    NativeCall call(*log_.database);
    saved_.drop();
  }

  void clean_up() {
    NativeCall call(*log_.database);
    saved_.clean_up();
  }

 private:
  py::object log_object_;
  LogHandle& log_;
  SavedReplay saved_;
};

}  // namespace

void bind_saved_replay(py::module_& module) {
  py::class_<SavedReplayHandle>(module, "SavedReplay", "What a long replay has saved on its way. One thread at a time.")
      .def(py::init<py::object, std::string, std::string>(), py::arg("log"), py::arg("name"), py::arg("definition"))
      .def("possible", &SavedReplayHandle::possible, "Whether anything can be saved here and now.")
      .def("load", &SavedReplayHandle::load, py::arg("most"),
           "The position and the parts that were saved, up to `most`; (0, []) if nothing fits, which is dropped then.")
      .def("save", &SavedReplayHandle::save, py::arg("position"), py::arg("parts"),
           "Save these instead, after load(). Returns whether that was done.")
      .def("drop", &SavedReplayHandle::drop, "Nothing is saved, in the transaction that is open.")
      .def("clean_up", &SavedReplayHandle::clean_up, "Remove what does not count any more.");
}
