// Database: how Python comes by a connection. The borrowing helpers are for python/eventfold/_borrow.py alone.
#include <dlfcn.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <optional>
#include <utility>

#include "bindings.hpp"
#include "database.hpp"
#include "dbapi_connection.hpp"
#include "eventfold/borrow.hpp"

namespace py = pybind11;
using namespace eventfold;

namespace {

std::optional<std::string> none_if_empty(std::string text) {
  if (text.empty()) return std::nullopt;
  return text;
}

std::shared_ptr<DatabaseHandle> native_handle(std::shared_ptr<ManagedConnection> connection, std::string way) {
  auto handle = std::make_shared<DatabaseHandle>();
  handle->connection = std::move(connection);
  handle->way = std::move(way);
  handle->library = bound_sqlite_file();
  handle->version = bound_sqlite_version();
  return handle;
}

std::shared_ptr<DatabaseHandle> open_database(const std::string& path, bool read_only, int busy_timeout_ms) {
  std::shared_ptr<ManagedConnection> connection;
  {
    py::gil_scoped_release release;
    // open_sqlite gives nothing else
    connection.reset(static_cast<ManagedConnection*>(open_sqlite(path, {read_only, busy_timeout_ms}).release()));
  }
  return native_handle(std::move(connection), "own");
}

std::shared_ptr<DatabaseHandle> dbapi_database(py::object raw, std::string library, std::string version,
                                               std::string reason) {
  auto handle = std::make_shared<DatabaseHandle>();
  handle->connection = std::make_shared<bindings::DbapiConnection>(std::move(raw));
  handle->way = "dbapi";
  handle->library = std::move(library);
  handle->version = std::move(version);
  handle->reason = std::move(reason);
  return handle;
}

// The same connection, reached the same way, is the same object for as long as somebody holds it. Guarded by the GIL.
std::shared_ptr<DatabaseHandle> borrowed_database(std::string way) {
  static auto& known = *new std::map<std::pair<ManagedConnection*, std::string>, std::weak_ptr<DatabaseHandle>>();
  Borrowed borrowed;
  {
    py::gil_scoped_release release;
    borrowed = take_borrowed();
  }
  if (!borrowed.connection) return nullptr;
  if (way.empty()) way = borrowed.way;
  std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
  auto& entry = known[{borrowed.connection.get(), way}];
  auto handle = entry.lock();
  if (!handle) entry = handle = native_handle(std::move(borrowed.connection), way);
  return handle;
}

// The SQLite that a loaded extension module (or, without a file, the program itself) calls; not another one that may be
// in the process too.
void* symbol_of(const std::optional<std::string>& file, const char* name) {
  void* library = dlopen(file ? file->c_str() : nullptr, file ? RTLD_LAZY | RTLD_NOLOAD : RTLD_LAZY);
  if (library == nullptr) return nullptr;
  void* symbol = dlsym(library, name);
  dlclose(library);  // counted: the module itself keeps it
  return symbol;
}

using AutoExtension = int (*)(void (*)());

// None: done. Else the reason why not.
std::optional<std::string> register_auto_extension(const std::optional<std::string>& file) {
  void* symbol = symbol_of(file, "sqlite3_auto_extension");
  if (symbol == nullptr) return "sqlite3_auto_extension cannot be found in " + file.value_or("the Python program");
  py::gil_scoped_release release;
  const int result =
      reinterpret_cast<AutoExtension>(symbol)(reinterpret_cast<void (*)()>(&eventfold_auto_extension_init));
  if (result == 0) return std::nullopt;
  return "sqlite3_auto_extension failed with SQLite error " + std::to_string(result);
}

void cancel_auto_extension(const std::optional<std::string>& file) {
  void* symbol = symbol_of(file, "sqlite3_cancel_auto_extension");
  if (symbol == nullptr) return;
  py::gil_scoped_release release;
  reinterpret_cast<AutoExtension>(symbol)(reinterpret_cast<void (*)()>(&eventfold_auto_extension_init));
}

void close_database(DatabaseHandle& database) {
  const auto connection = database.connection;
  connection->use_lock.renew_after_fork();
  py::gil_scoped_release release;
  connection->close();
}

}  // namespace

void bind_sqlite(py::module_& module) {
  py::class_<DatabaseHandle, std::shared_ptr<DatabaseHandle>>(module, "Database", "A connection to a database.")
      .def_readonly("way", &DatabaseHandle::way,
                    "How it is reached: load_extension, auto_extension, own (opened by eventfold) or dbapi.")
      .def_readonly("library", &DatabaseHandle::library, "The file of its SQLite library.")
      .def_readonly("version", &DatabaseHandle::version, "The version of its SQLite library.")
      .def_readonly("reason", &DatabaseHandle::reason, "Why the slower dbapi way is used; else empty.")
      .def_property_readonly("closed", [](const DatabaseHandle& self) { return self.connection->closed(); })
      .def("close", &close_database, "Gives back what is held; a borrowed connection itself stays open.")
      .def("__repr__", [](const DatabaseHandle& self) {
        return "<Database by " + self.way + (self.connection->closed() ? ", closed>" : ">");
      });
  module.def(
      "sqlite_library", [] { return none_if_empty(bound_sqlite_version()); },
      "Version of the SQLite in use; None: none yet.");
  module.def("sqlite_library_file", [] { return none_if_empty(bound_sqlite_file()); });
  module.def("open_database", &open_database, py::arg("path"), py::arg("read_only") = false,
             py::arg("busy_timeout_ms") = 5000);
  module.def("dbapi_database", &dbapi_database, py::arg("raw_connection"), py::arg("library") = "",
             py::arg("version") = "", py::arg("reason") = "");
  module.def("expect_borrow", &expect_borrow);
  module.def("take_borrowed", &borrowed_database, py::arg("way") = "");
  module.def("register_auto_extension", &register_auto_extension, py::arg("file"));
  module.def("cancel_auto_extension", &cancel_auto_extension, py::arg("file"));
}
