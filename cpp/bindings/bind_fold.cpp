// ReadModels, Replay and fold. Native work runs without the GIL; handlers and progress take it for themselves.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>

#include "bindings.hpp"
#include "cells.hpp"
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

// A live table may hold anything, text that is no text included.
py::object to_python(const OwnedCell& owned) {
  const CellView cell = owned.view();
  if (cell.type != CellType::text) return bindings::to_python(cell, false);
  PyObject* text = PyUnicode_DecodeUTF8(cell.data, static_cast<Py_ssize_t>(cell.size), "backslashreplace");
  if (text == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(text);
}

constexpr const char* kWhat[] = {"changed", "extra", "doubled", "missing", "kept"};

// Of the copy of what is looked up: by the names of its own key and of the lookup.
py::tuple kept_difference_of(const ProjectionSpec& spec, const Difference& difference) {
  py::dict key, columns;
  for (std::size_t part = 0; part < difference.key.size(); ++part) {
    const auto lookup = std::ranges::find(spec.lookups, difference.source, &LookupSpec::name);
    const bool known = lookup != spec.lookups.end() && part < lookup->projection->key.size();
    key[py::str(known ? lookup->projection->key[part].column : "key")] = to_python(difference.key[part]);
  }
  const Difference::Column& only = difference.columns.front();
  columns[py::str(difference.source)] = py::make_tuple(to_python(only.in_log), to_python(only.in_table));
  return py::make_tuple("kept", key, columns, py::dict());
}

py::tuple difference_of(const ProjectionSpec& spec, const Difference& difference) {
  if (difference.what == Difference::What::kept) return kept_difference_of(spec, difference);
  py::dict key;
  for (std::size_t part = 0; part < spec.key.size(); ++part) {
    key[py::str(spec.key[part].column)] = to_python(difference.key[part]);
  }
  py::dict columns;
  for (const Difference::Column& each : difference.columns) {
    columns[py::str(spec.columns[each.column].column)] =
        py::make_tuple(to_python(each.in_log), to_python(each.in_table));
  }
  py::dict values;
  for (const Difference::Values& each : difference.values) {
    values[py::str(each.column)] = py::make_tuple(each.missing, each.extra);
  }
  return py::make_tuple(kWhat[static_cast<std::size_t>(difference.what)], key, columns, values);
}

// Holds the log's handle, which a replay refers to.
class ReplayHandle {
 public:
  ReplayHandle(py::object log, const std::string& spec, const py::object& handler, int threads,
               std::optional<Position> until)
      : log_object_(std::move(log)),
        log_(log_object_.cast<LogHandle&>()),
        projection_(projection_of(spec, handler)),
        replay_(log_.log, projection_, threads, until) {}

  void read_at_a_time(Position batch) { replay_.read_at_a_time(batch); }

  Position save_each(double seconds, const std::string& definition) {
    NativeCall call(*log_.database);
    return replay_.save_each(seconds, definition);
  }

  void begin_anew() {
    NativeCall call(*log_.database);
    replay_.begin_anew();
  }

  Position scan(const py::object& callable, std::optional<Position> until) {
    const Progress progress = bindings::make_progress(callable);
    NativeCall call(*log_.database);
    return replay_.scan(progress, until);
  }

  py::dict compare(std::size_t limit, std::optional<Position> until, const py::object& wanted) {
    const auto keys = keys_of(wanted);
    Compared compared;
    {
      NativeCall call(*log_.database);
      compared = keys ? replay_.compare_rows(*keys, limit, until) : replay_.compare(limit, until);
    }
    py::list first;
    for (const Difference& difference : compared.first) first.append(difference_of(*projection_.spec, difference));
    py::dict dict;
    dict["rows"] = compared.rows;
    dict["changed"] = compared.changed;
    dict["extra"] = compared.extra;
    dict["doubled"] = compared.doubled;
    dict["missing"] = compared.missing;
    dict["kept"] = compared.kept;
    dict["until"] = compared.until;
    dict["first"] = first;
    return dict;
  }

  py::dict write(const std::string& spec_hash, AppendListener* inline_read_models) {
    return written_by([&] { return replay_.write(spec_hash, inline_read_models); });
  }

  py::dict write_rows(const py::object& wanted, std::optional<Position> until) {
    const auto keys = keys_of(wanted);
    if (!keys) throw std::invalid_argument("write_rows() takes keys");
    return written_by([&] { return replay_.write_rows(*keys, until); });
  }

  static Position scan_together(LogHandle& log, const std::vector<ReplayHandle*>& handles, const py::object& callable) {
    std::vector<Replay*> replays;
    for (ReplayHandle* handle : handles) {
      if (&handle->log_ != &log) throw std::invalid_argument("these are replays of another log");
      replays.push_back(&handle->replay_);
    }
    const Progress progress = bindings::make_progress(callable);
    NativeCall call(*log.database);
    return Replay::scan_together(replays, progress);
  }

 private:
  template <class Work>
  py::dict written_by(const Work& work) {
    Written written;
    {
      NativeCall call(*log_.database);
      written = work();
    }
    py::dict dict;
    dict["inserted"] = written.inserted;
    dict["updated"] = written.updated;
    dict["deleted"] = written.deleted;
    dict["rows"] = written.rows;
    dict["head"] = written.head;
    dict["seconds"] = written.seconds;
    return dict;
  }

  // None, or keys as tuples of what the columns store.
  std::optional<std::vector<RowKey>> keys_of(const py::object& wanted) const {
    if (wanted.is_none()) return std::nullopt;
    const auto& parts = projection_.spec->key;
    std::vector<RowKey> keys;
    for (const py::handle item : wanted) {
      const auto tuple = py::cast<py::tuple>(item);
      if (tuple.size() != parts.size()) throw py::type_error("a key has as many parts as there are key fields");
      RowKey& key = keys.emplace_back();
      for (std::size_t part = 0; part < parts.size(); ++part) {
        std::string buffer;
        const CellView cell = bindings::to_cell(parts[part].kind, tuple[part], buffer);
        key.push_back({cell, std::string(cell.view())});
      }
    }
    return keys;
  }

  py::object log_object_;
  LogHandle& log_;
  Projection projection_;
  Replay replay_;
};

py::list keys_of(LogHandle& log, const std::string& spec, Position after, Position until) {
  const auto parsed = std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(spec));
  std::vector<EventKeys> found;
  {
    NativeCall call(*log.database);
    found = keys_of_events(log.log, parsed, after, until);
  }
  py::list events;
  for (const EventKeys& event : found) {
    py::list keys;
    for (const auto& key : event.keys) {
      py::tuple parts(key.size());
      for (std::size_t part = 0; part < key.size(); ++part) parts[part] = to_python(key[part]);
      keys.append(parts);
    }
    events.append(py::make_tuple(event.position, keys));
  }
  return events;
}

std::shared_ptr<FoldResult> fold(LogHandle& log, const std::string& spec, int threads, std::optional<Position> until,
                                 const py::object& handler, const py::object& callable, Position after) {
  const Projection projection = projection_of(spec, handler);
  const Progress progress = bindings::make_progress(callable);
  NativeCall call(*log.database);
  return std::make_shared<FoldResult>(
      fold_log(log.log, projection, {.threads = threads, .until = until, .after = after}, progress));
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
      .def("scan", &ReplayHandle::scan, py::arg("progress") = py::none(), py::arg("until") = py::none())
      .def("read_at_a_time", &ReplayHandle::read_at_a_time, py::arg("batch"))
      .def("save_each", &ReplayHandle::save_each, py::arg("seconds"), py::arg("definition"))
      .def("begin_anew", &ReplayHandle::begin_anew)
      .def("compare", &ReplayHandle::compare, py::arg("limit"), py::arg("until") = py::none(),
           py::arg("keys") = py::none())
      .def("write_rows", &ReplayHandle::write_rows, py::arg("keys"), py::arg("until") = py::none())
      .def("write", &ReplayHandle::write, py::arg("spec_hash") = "", py::arg("read_models") = nullptr);
  module.def("scan_together", &ReplayHandle::scan_together, py::arg("log"), py::arg("replays"),
             py::arg("progress") = py::none(),
             "Fold the log for several replays, of projections without handlers, in one reading of it.");
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
  module.def(
      "mergeable", [](const std::string& spec) { return ProjectionSpec::from_json(spec).mergeable(); }, py::arg("spec"),
      "Whether ranges of the log may be folded apart, and joined.");
  module.def(
      "expression_kind",
      [](const std::string& fields, const std::string& expression) {
        const ExpressionSpec read = ExpressionSpec::from_json(fields, expression);
        return std::make_pair(std::string(kKindNames[static_cast<std::size_t>(read.kind)]), read.places);
      },
      py::arg("fields"), py::arg("expression"),
      "The kind of an expression on an event with these fields, and its decimal places or -1. Raises ProjectionError.");
  module.def("keys_of_events", &keys_of, py::arg("log"), py::arg("spec"), py::arg("after"), py::arg("until"),
             "Of each event that concerns rows: its position, and their keys.");
  module.def("fold", &fold, py::arg("log"), py::arg("spec"), py::arg("threads") = 2, py::arg("until") = py::none(),
             py::arg("handler") = py::none(), py::arg("progress") = py::none(), py::arg("after") = 0);
}
