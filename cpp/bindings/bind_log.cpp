// Log: append and read. The GIL is released round all SQL.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "batch.hpp"
#include "bindings.hpp"
#include "log.hpp"

namespace py = pybind11;
using namespace eventfold;
using bindings::Batch;
using bindings::LogHandle;

namespace {

// What an operation returns that runs without the GIL.
template <class F>
auto natively(LogHandle& self, const F& operation) {
  NativeCall call(*self.database);
  return operation(self.log);
}

py::bytes bytes_of(const Uuid& id) { return {reinterpret_cast<const char*>(id.data()), id.size()}; }

Appended append(LogHandle& self, const Batch& batch, const std::string& request, Version expected_version,
                AppendListener* read_models, const Batch* submitted, bool keeps_folded, Position folded,
                bool savepoint) {
  NativeCall call(*self.database);
  const auto events = batch.events();
  std::vector<NewEvent> submitted_events;
  if (submitted) submitted_events = submitted->events();
  return self.log.append(events,
                         {.request = request,
                          .expected_version = expected_version,
                          .trusted = true,
                          .keeps_folded = keeps_folded,
                          .folded = folded,
                          .savepoint = savepoint,
                          .submitted = submitted_events},
                         read_models);
}

std::optional<std::pair<Position, Position>> fold_pending(LogHandle& self, AppendListener* read_models,
                                                          Position limit) {
  NativeCall call(*self.database);
  return self.log.fold_pending(read_models, limit);
}

void fold_range(LogHandle& self, AppendListener* read_models, Position after, Position until) {
  NativeCall call(*self.database);
  self.log.fold_range(*read_models, after, until);
}

// Rows of (position, type_id, data, metadata or None), and up to where they were looked for.
py::tuple tuple_of(const FoundChanges& found) {
  py::list rows(found.changes.size());
  for (std::size_t index = 0; index < found.changes.size(); ++index) {
    const FoundChange& change = found.changes[index];
    rows[index] =
        py::make_tuple(change.position, change.type_id, change.data,
                       change.metadata.empty() ? py::object(py::none()) : py::object(py::str(change.metadata)));
  }
  return py::make_tuple(rows, found.until);
}

py::tuple changes(LogHandle& self, const WantedChanges& wanted, Position after, Position until) {
  return tuple_of(natively(self, [&](EventLog& log) { return log.changes(wanted, after, until); }));
}

py::object fold_and_find(LogHandle& self, AppendListener* read_models, const WantedChanges* wanted) {
  const auto pending = natively(self, [&](EventLog& log) { return log.fold_and_find(read_models, wanted); });
  if (!pending ||
      (wanted && pending->marked && pending->found.changes.empty() && pending->found.until == pending->until)) {
    return py::none();  // nothing is left to do
  }
  return py::make_tuple(pending->after, pending->until, tuple_of(pending->found), pending->marked);
}

py::tuple tuple_of(const RecordedEvent& event) {
  return py::make_tuple(event.position, bytes_of(event.id), event.type, event.data, event.stream, event.version,
                        event.created, event.metadata);
}

py::list read_log(LogHandle& self, std::vector<std::string> types, std::optional<std::string> stream, Position after,
                  std::optional<Position> until, bool backward, std::optional<std::int64_t> limit) {
  const Query query{std::move(types), std::move(stream), after, until, backward, limit};
  const auto events = natively(self, [&](EventLog& log) { return log.read(query); });
  py::list list(events.size());
  for (std::size_t index = 0; index < events.size(); ++index) list[index] = tuple_of(events[index]);
  return list;
}

// A native operation as a method: f(log, arguments...), run in its NativeCall.
template <class F, class... Arguments>
auto native(F function, Arguments... /* types only */) {
  return [function](LogHandle& self, const Arguments&... arguments) {
    NativeCall call(*self.database);
    return function(self.log, arguments...);
  };
}

py::dict info(LogHandle& self) {
  const LogInfo found = natively(self, [](EventLog& log) { return log.info(); });
  py::dict dict;
  dict["log_id"] = found.log_id;
  dict["epoch"] = found.epoch;
  dict["schema_version"] = found.schema_version;
  dict["head"] = found.head;
  return dict;
}

py::dict stats(LogHandle& self) {
  const LogStats found = natively(self, [](EventLog& log) { return log.stats(); });
  py::dict dict;
  dict["events"] = found.events;
  dict["events_by_type"] = found.events_by_type;
  dict["streams"] = found.streams;
  dict["bytes"] = found.bytes;
  return dict;
}

py::dict segments(LogHandle& self) {
  const SegmentStats found = natively(self, [](EventLog& log) { return log.segments(); });
  py::dict dict;
  dict["segments"] = found.segments;
  dict["positions"] = found.positions;
  dict["bytes"] = found.bytes;
  return dict;
}

std::optional<Position> seal_next(LogHandle& self, Position after, Position positions) {
  return natively(self, [&](EventLog& log) { return log.seal_next(after, {.positions = positions}); });
}

}  // namespace

void bind_log(py::module_& module) {
  py::class_<AppendListener, std::shared_ptr<AppendListener>>(module, "AppendListener");
  py::class_<Appended>(module, "Appended", "Where a batch was recorded.")
      .def_readonly("first", &Appended::first)
      .def_readonly("last", &Appended::last)
      .def_readonly("created", &Appended::created)
      .def_readonly("repeated", &Appended::repeated)
      .def_readonly("versions", &Appended::versions)
      .def("ids", [](const Appended& appended) {
        py::list ids;
        for (const Uuid& id : appended.ids) ids.append(bytes_of(id));
        return ids;
      });
  py::class_<WantedChanges, std::shared_ptr<WantedChanges>>(module, "WantedChanges",
                                                            "Event types by number, and members of their data.")
      .def(py::init<const std::map<std::int64_t, std::vector<std::string>>&>(), py::arg("members"));
  py::class_<LogHandle>(module, "Log", "The event log of a Database. One thread at a time.")
      .def(py::init<std::shared_ptr<DatabaseHandle>>(), py::arg("database"))
      .def("install", native([](EventLog& log) { log.install(); }))
      .def("installed", native([](EventLog& log) { return log.installed(); }))
      .def("empty", native([](EventLog& log) { log.empty(); }))
      .def("info", &info)
      .def("stats", &stats)
      .def("head", native([](EventLog& log) { return log.head(); }))
      .def("stream_head",
           native([](EventLog& log, const std::string& stream) { return log.stream_head(stream); }, std::string()),
           py::arg("stream"))
      .def("intern_type",
           native([](EventLog& log, const std::string& name) { return log.intern_type(name); }, std::string()),
           py::arg("name"))
      .def("type_id", native([](EventLog& log, const std::string& name) { return log.type_id(name); }, std::string()),
           py::arg("name"))
      .def("rename_type",
           native([](EventLog& log, const std::string& from, const std::string& to) { log.rename_type(from, to); },
                  std::string(), std::string()),
           py::arg("old"), py::arg("new"))
      .def("append", &append, py::arg("batch"), py::kw_only(), py::arg("request") = "",
           py::arg("expected_version") = kAny, py::arg("read_models") = nullptr, py::arg("submitted") = nullptr,
           py::arg("keeps_folded") = false, py::arg("folded") = 0, py::arg("savepoint") = true)
      .def("unfolded", native([](EventLog& log) { return log.unfolded(); }))
      .def("fold_pending", &fold_pending, py::arg("read_models") = nullptr, py::arg("limit") = INT64_MAX)
      .def("fold_range", &fold_range, py::arg("read_models").none(false), py::arg("after"), py::arg("until"))
      .def("changes", &changes, py::arg("wanted"), py::arg("after"), py::arg("until"))
      .def("fold_and_find", &fold_and_find, py::arg("read_models") = nullptr, py::arg("wanted") = nullptr)
      .def("mark_folded", native([](EventLog& log, Position until) { log.mark_folded(until); }, Position()),
           py::arg("until"))
      .def("may_have_unseen", native([](EventLog& log) { return log.may_have_unseen(); }))
      .def("forget_seen", native([](EventLog& log) { log.forget_seen(); }))
      .def("append_selected",
           native([](EventLog& log, const std::string& insert) { return log.append_selected(insert); }, std::string()),
           py::arg("insert"))
      .def("seal_next", &seal_next, py::arg("after") = 0, py::arg("positions") = SealOptions().positions)
      .def("unseal", native([](EventLog& log) { log.unseal(); }))
      .def("segments", &segments)
      .def("read", &read_log, py::kw_only(), py::arg("types") = std::vector<std::string>(),
           py::arg("stream") = py::none(), py::arg("after") = 0, py::arg("until") = py::none(),
           py::arg("backward") = false, py::arg("limit") = py::none());
}
