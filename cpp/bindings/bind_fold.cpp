// ReadModels, Replay and fold. Native work runs without the GIL; handlers and progress take it for themselves.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings.hpp"
#include "eventfold/read_model.hpp"
#include "fold_result.hpp"
#include "handlers.hpp"
#include "log.hpp"

namespace py = pybind11;
using namespace eventfold;
using bindings::FoldResult;
using bindings::LogHandle;

namespace {

Projection projection_of(const std::string& json, const py::object& handler) {
  auto spec = std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(json));
  return {spec, bindings::make_handler(spec, handler)};
}

std::shared_ptr<InlineReadModels> make_read_models(const std::vector<std::string>& specs, const py::dict& handlers,
                                                   bool for_follower) {
  std::vector<Projection> projections;
  for (const std::string& json : specs) {
    Projection projection = projection_of(json, py::none());
    const py::str name(projection.spec->name);
    if (handlers.contains(name)) projection.handler = bindings::make_handler(projection.spec, handlers[name]);
    projections.push_back(std::move(projection));
  }
  return std::make_shared<InlineReadModels>(std::move(projections), for_follower);
}

// Holds the log's handle, which a replay refers to.
class ReplayHandle {
 public:
  ReplayHandle(py::object log, const std::string& spec, const py::object& handler, int threads,
               std::optional<Position> until)
      : log_object_(std::move(log)),
        log_(log_object_.cast<LogHandle&>()),
        replay_(log_.log, projection_of(spec, handler), threads, until) {}

  Position scan(const py::object& callable) {
    const Progress progress = bindings::make_progress(callable);
    NativeCall call(*log_.database);
    return replay_.scan(progress);
  }

  py::dict write(const std::string& spec_hash, AppendListener* inline_read_models) {
    Written written;
    {
      NativeCall call(*log_.database);
      written = replay_.write(spec_hash, inline_read_models);
    }
    py::dict dict;
    dict["inserted"] = written.inserted;
    dict["updated"] = written.updated;
    dict["deleted"] = written.deleted;
    dict["rows"] = written.rows;
    dict["head"] = written.head;
    return dict;
  }

 private:
  py::object log_object_;
  LogHandle& log_;
  Replay replay_;
};

std::shared_ptr<FoldResult> fold(LogHandle& log, const std::string& spec, int threads, std::optional<Position> until,
                                 const py::object& handler, const py::object& callable) {
  const Projection projection = projection_of(spec, handler);
  const Progress progress = bindings::make_progress(callable);
  NativeCall call(*log.database);
  return std::make_shared<FoldResult>(fold_log(log.log, projection, {threads, until}, progress));
}

}  // namespace

void bind_fold(py::module_& module) {
  py::class_<InlineReadModels, AppendListener, std::shared_ptr<InlineReadModels>>(
      module, "ReadModels", "Projections that are kept inline with each append. May be shared between threads.")
      .def(py::init(&make_read_models), py::arg("specs"), py::arg("handlers"), py::kw_only(),
           py::arg("for_follower") = false);
  py::class_<ReplayHandle>(module, "Replay", "Rebuilds one read model from the log. One thread at a time.")
      .def(py::init<py::object, const std::string&, const py::object&, int, std::optional<Position>>(), py::arg("log"),
           py::arg("spec"), py::arg("handler") = py::none(), py::arg("threads") = 2, py::arg("until") = py::none())
      .def("scan", &ReplayHandle::scan, py::arg("progress") = py::none())
      .def("write", &ReplayHandle::write, py::arg("spec_hash") = "", py::arg("read_models") = nullptr);
  py::class_<FoldResult, std::shared_ptr<FoldResult>>(module, "FoldResult",
                                                      "A lazy mapping of key to a tuple of column values.")
      .def("__len__", &FoldResult::size)
      .def("__contains__", &FoldResult::contains, py::arg("key"))
      .def("__getitem__", &FoldResult::at, py::arg("key"))
      .def("__iter__", [](const FoldResult& self) { return py::iter(self.keys()); })
      .def("get", &FoldResult::get, py::arg("key"), py::arg("default") = py::none())
      .def("keys", &FoldResult::keys)
      .def("values", &FoldResult::values)
      .def("items", &FoldResult::items)
      .def("to_dict", &FoldResult::to_dict);
  module.def("fold", &fold, py::arg("log"), py::arg("spec"), py::arg("threads") = 2, py::arg("until") = py::none(),
             py::arg("handler") = py::none(), py::arg("progress") = py::none());
}
