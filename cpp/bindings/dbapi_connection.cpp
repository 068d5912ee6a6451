#include "dbapi_connection.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "eventfold/sqlite_error.hpp"
#include "split_sql.hpp"

namespace py = pybind11;

namespace eventfold::bindings {
namespace {

constexpr int kBatch = 512;  // rows

py::object to_python(const Value& value) {
  switch (value.type) {
    case ValueType::integer:
      return py::int_(value.integer);
    case ValueType::real:
      return py::float_(value.real);
    case ValueType::text:
      return py::str(value.view().data(), value.size);
    case ValueType::blob:
      return py::bytes(value.view().data(), value.size);
    default:
      return py::none();
  }
}

py::tuple to_tuple(std::span<const Value> values) {
  py::tuple tuple(values.size());
  for (std::size_t index = 0; index < values.size(); ++index) tuple[index] = to_python(values[index]);
  return tuple;
}

// Text comes as str whatever the connection was told, for else it could not be told from a blob.
class TextAsString {
 public:
  explicit TextAsString(const py::object& raw) : raw_(raw) {
    py::object factory = py::getattr(raw, "text_factory", py::none());
    if (factory.is_none() || factory.is(py::type::of(py::str()))) return;
    previous_ = std::move(factory);
    raw_.attr("text_factory") = py::type::of(py::str());
  }
  TextAsString(const TextAsString&) = delete;
  TextAsString& operator=(const TextAsString&) = delete;
  ~TextAsString() {
    if (!previous_) return;
    py::error_scope keep;  // an exception may be on its way
    if (PyObject_SetAttrString(raw_.ptr(), "text_factory", previous_.ptr()) != 0) PyErr_Clear();
  }

 private:
  const py::object& raw_;
  py::object previous_;
};

// Python 3.10 tells no code, so the message must do.
int code_of_message(std::string_view message) {
  constexpr std::array<std::pair<std::string_view, int>, 10> known{{
      {"database is locked", 5},
      {"database table is locked", 6},
      {"database schema is locked", 6},
      {"attempt to write a readonly database", 8},
      {"disk I/O error", 10},
      {"database disk image is malformed", 11},
      {"database or disk is full", 13},
      {"unable to open database file", 14},
      {"eventfold: ", 1811},
      {"file is not a database", 26},
  }};
  for (const auto& [text, code] : known) {
    if (message.starts_with(text)) return code;
  }
  return message.find("constraint failed") != std::string_view::npos ? 19 : 1;
}

bool is_writing(std::string_view sql) {
  const auto first = sql.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return false;
  sql.remove_prefix(first);
  return !(sql.starts_with("SELECT") || sql.starts_with("WITH") || sql.starts_with("PRAGMA") ||
           sql.starts_with("SAVEPOINT") || sql.starts_with("ROLLBACK") || sql.starts_with("RELEASE"));
}

}  // namespace

DbapiCursor::DbapiCursor(DbapiConnection& connection, const py::str& sql, const py::tuple& parameters, bool writing)
    : connection_(connection), writing_(writing) {
  const py::object& raw = connection.raw();
  try {
    cursor_ = raw.attr("cursor")();
    if (py::hasattr(cursor_, "row_factory")) cursor_.attr("row_factory") = py::none();
    {
      TextAsString text(raw);
      cursor_.attr("execute")(sql, parameters);
    }
    exhausted_ = cursor_.attr("description").is_none();
  } catch (py::error_already_set& error) {
    connection.fail(error, writing_);
  }
}

DbapiCursor::~DbapiCursor() {
  // Closing resets the statement: none may be left stepped.
  if (!cursor_ || exhausted_) return;
  py::error_scope keep;
  try {
    cursor_.attr("close")();
  } catch (py::error_already_set&) {
    // The connection is closed already, or not this thread's: then there is nothing to reset from here.
  }
}

void DbapiCursor::fetch() {
  try {
    TextAsString text(connection_.raw());
    rows_ = cursor_.attr("fetchmany")(kBatch);
  } catch (py::error_already_set& error) {
    connection_.fail(error, writing_);
  }
  row_ = 0;
  exhausted_ = rows_.size() < static_cast<std::size_t>(kBatch);
}

bool DbapiCursor::next() {
  kept_ = py::list();
  ++row_;
  if (row_ < rows_.size()) return true;
  rows_ = py::list();
  if (exhausted_) return false;
  fetch();
  return rows_.size() > 0;
}

int DbapiCursor::columns() const {
  return static_cast<int>(PyTuple_GET_SIZE(PyList_GET_ITEM(rows_.ptr(), static_cast<Py_ssize_t>(row_))));
}

Value DbapiCursor::column(int index) {
  PyObject* row = PyList_GET_ITEM(rows_.ptr(), static_cast<Py_ssize_t>(row_));
  py::object value = py::reinterpret_borrow<py::object>(PyTuple_GET_ITEM(row, index));
  if (value.is_none()) return {};
  if (PyLong_Check(value.ptr())) return Value(static_cast<std::int64_t>(PyLong_AsLongLong(value.ptr())));
  if (PyFloat_Check(value.ptr())) return Value(PyFloat_AS_DOUBLE(value.ptr()));
  if (PyBytes_Check(value.ptr())) {
    return Value::blob({PyBytes_AS_STRING(value.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(value.ptr()))});
  }
  if (!PyUnicode_Check(value.ptr())) {
    // A converter of the connection (detect_types) made it: a date or time is written as str() gives it, a UUID as hex.
    value = py::hasattr(value, "hex") ? value.attr("hex") : py::object(py::str(value));
    kept_.append(value);
  }
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (text == nullptr) throw py::error_already_set();
  return Value(std::string_view(text, static_cast<std::size_t>(size)));
}

DbapiStatement::DbapiStatement(DbapiConnection& connection, std::string_view sql)
    : connection_(connection), sql_(sql.data(), sql.size()), writing_(is_writing(sql)) {}

DbapiStatement::~DbapiStatement() = default;  // by DbapiConnection, with the GIL

void DbapiStatement::bind(std::span<const Value> parameters) {
  py::gil_scoped_acquire gil;
  connection_.raw();
  cursor_.reset();
  parameters_ = to_tuple(parameters);
}

bool DbapiStatement::step() {
  py::gil_scoped_acquire gil;
  if (!cursor_) cursor_ = std::make_unique<DbapiCursor>(connection_, sql_, parameters_, writing_);
  if (cursor_->next()) return true;
  cursor_.reset();
  return false;
}

Value DbapiStatement::column(int index) {
  py::gil_scoped_acquire gil;
  return cursor_->column(index);
}

void DbapiStatement::reset() noexcept {
  if (!cursor_) return;
  py::gil_scoped_acquire gil;
  cursor_.reset();
}

DbapiConnection::DbapiConnection(py::object raw) : raw_(std::move(raw)) {
  DbapiCursor databases(*this, py::str("PRAGMA database_list"), py::tuple(), false);
  while (databases.next()) {
    if (databases.column(1).view() == "main") is_file_ = !databases.column(2).view().empty();
  }
}

DbapiConnection::~DbapiConnection() {
  close_now();
  if (Py_IsInitialized() == 0) {  // too late to give anything back
    for (auto& [sql, statement] : statements_) (void)statement.release();
    return;
  }
  py::gil_scoped_acquire gil;
  statements_.clear();
}

void DbapiConnection::close_now() noexcept {
  if (std::exchange(closed_, true)) return;
  if (Py_IsInitialized() == 0) {
    (void)raw_.release();
    return;
  }
  py::gil_scoped_acquire gil;
  for (auto& [sql, statement] : statements_) statement->reset();
  raw_ = py::object();
}

const py::object& DbapiConnection::raw() {
  if (closed_) throw LogClosed("the connection is closed; open it again");
  if (is_file_ && generation_ != fork_generation()) {
    throw LogClosed(
        "the connection to a database file was opened before this process was forked; open a new one in it");
  }
  return raw_;
}

void DbapiConnection::fail(py::error_already_set& error, bool writing) {
  if (!py::hasattr(raw_, "Error") || !error.matches(raw_.attr("Error"))) throw;
  const std::string message = py::str(error.value());
  if (error.matches(raw_.attr("ProgrammingError"))) {
    if (message.find("closed database") != std::string::npos) {
      throw LogClosed("the connection that the log was borrowed from is closed; open it again");
    }
    throw;  // a wrong thread: the connection's own words say it best
  }
  if (message.starts_with("Could not decode to UTF-8")) throw CorruptLog(message);
  const py::object code = py::getattr(error.value(), "sqlite_errorcode", py::none());
  throw_sqlite_error(code.is_none() ? code_of_message(message) : code.cast<int>(), message, writing);
}

void DbapiConnection::visit(std::string_view columns, std::string_view tail, std::span<const Value> parameters,
                            RowVisitor& visitor) {
  std::string sql = "SELECT ";
  sql.append(columns).append(" ").append(tail);
  py::gil_scoped_acquire gil;
  DbapiCursor cursor(*this, py::str(sql), to_tuple(parameters), false);
  std::vector<Value> row;
  while (cursor.next()) {
    row.resize(static_cast<std::size_t>(cursor.columns()));
    for (std::size_t index = 0; index < row.size(); ++index) row[index] = cursor.column(static_cast<int>(index));
    visitor.row(row);
  }
}

Statement& DbapiConnection::prepare(std::string_view sql) {
  py::gil_scoped_acquire gil;
  raw();
  auto& statement = statements_[std::string(sql)];
  if (!statement) statement = std::make_unique<DbapiStatement>(*this, sql);
  return *statement;
}

// executescript() would commit the caller's transaction first.
void DbapiConnection::execute_script(const std::string& sql) {
  py::gil_scoped_acquire gil;
  for (const std::string& statement : split_sql(sql)) {
    DbapiCursor(*this, py::str(statement), py::tuple(), true);
  }
}

bool DbapiConnection::in_transaction() {
  py::gil_scoped_acquire gil;
  try {
    return raw().attr("in_transaction").cast<bool>();
  } catch (py::error_already_set& error) {
    fail(error, false);
  }
}

std::int64_t DbapiConnection::changes() {
  Statement& statement = prepare("SELECT changes()");
  ResetGuard guard(statement);
  statement.bind({});
  return statement.step() ? statement.column(0).integer : 0;
}

}  // namespace eventfold::bindings
