#include "base/sqlite_connection.hpp"

#include <stdexcept>
#include <utility>

#include "base/row_json.hpp"
#include "eventfold/sqlite_error.hpp"

namespace eventfold {
namespace {

bool is_file(sqlite3* handle) {
  const char* name = sqlite3_db_filename(handle, "main");
  return name != nullptr && *name != '\0';
}

Value to_value(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return Value(static_cast<std::int64_t>(sqlite3_value_int64(value)));
    case SQLITE_FLOAT:
      return Value(sqlite3_value_double(value));
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
      return Value(std::string_view(text, static_cast<std::size_t>(sqlite3_value_bytes(value))));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const char*>(sqlite3_value_blob(value));
      return Value::blob(std::string_view(bytes, static_cast<std::size_t>(sqlite3_value_bytes(value))));
    }
    default:
      return {};
  }
}

}  // namespace

SqliteStatement::SqliteStatement(SqliteConnection& connection, std::string_view sql) : connection_(connection) {
  const int result = sqlite3_prepare_v3(connection.handle(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
  if (result != SQLITE_OK) connection.fail(result, false);
  if (handle_ == nullptr) throw DatabaseError("no statement in this SQL: " + std::string(sql));
}

void SqliteStatement::bind(std::span<const Value> parameters) {
  connection_.handle();  // a child process must not come further
  if (handle_ == nullptr) throw LogClosed("the connection is closed");
  reset();
  int index = 0;
  if (unbound_.size() < parameters.size()) unbound_.resize(parameters.size(), true);
  for (const Value& value : parameters) {
    ++index;
    int result = SQLITE_OK;
    const auto at = static_cast<std::size_t>(index - 1);
    const bool is_null = value.is_null();
    if (is_null && unbound_[at]) continue;
    unbound_[at] = is_null;
    switch (value.type) {
      case ValueType::null:
        result = sqlite3_bind_null(handle_, index);
        break;
      case ValueType::integer:
        result = sqlite3_bind_int64(handle_, index, value.integer);
        break;
      case ValueType::real:
        result = sqlite3_bind_double(handle_, index, value.real);
        break;
      // A null pointer would bind NULL.
      case ValueType::text:
        result = sqlite3_bind_text64(handle_, index, value.size == 0 ? "" : value.data, value.size, SQLITE_STATIC,
                                     SQLITE_UTF8);
        break;
      case ValueType::blob:
        result = sqlite3_bind_blob64(handle_, index, value.size == 0 ? "" : value.data, value.size, SQLITE_STATIC);
        break;
    }
    if (result != SQLITE_OK) connection_.fail(result, false);
  }
}

bool SqliteStatement::step() {
  if (handle_ == nullptr) throw LogClosed("the connection is closed");
  stepped_ = true;
  const int result = sqlite3_step(handle_);
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) fail();
  reset();
  return false;
}

void SqliteStatement::fail() {
  sqlite3* database = sqlite3_db_handle(handle_);
  const int code = sqlite3_extended_errcode(database);
  const std::string message = sqlite3_errmsg(database);
  const bool writing = sqlite3_stmt_readonly(handle_) == 0;
  reset();
  throw_sqlite_error(code, message, writing);
}

Value SqliteStatement::column(int index) {
  // Type and numbers need no lock of SQLite's; text may have to be converted, which does.
  sqlite3_value* value = sqlite3_column_value(handle_, index);
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return Value(static_cast<std::int64_t>(sqlite3_value_int64(value)));
    case SQLITE_FLOAT:
      return Value(sqlite3_value_double(value));
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_, index));
      return Value(std::string_view(text, static_cast<std::size_t>(sqlite3_column_bytes(handle_, index))));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_, index));
      return Value::blob(std::string_view(bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_, index))));
    }
    default:
      return {};
  }
}

void SqliteStatement::reset() noexcept {
  if (!stepped_ || handle_ == nullptr) return;
  sqlite3_reset(handle_);
  stepped_ = false;
}

void SqliteStatement::finalize() noexcept { sqlite3_finalize(std::exchange(handle_, nullptr)); }

SqliteConnection::SqliteConnection(sqlite3* handle, Ownership ownership)
    : handle_(handle), ownership_(ownership), is_file_(is_file(handle)) {
  register_functions();
}

SqliteConnection::~SqliteConnection() { close_now(); }

void SqliteConnection::close_now() noexcept {
  // In a child process the file is the parent's: closing it here could remove its WAL.
  const bool inherited = is_file_ && generation_ != fork_generation();
  for (auto& [sql, statement] : statements_) {
    statement->reset();
    statement->finalize();
  }
  if (handle_ != nullptr && !inherited) watch_.detach(handle_);
  sqlite3* handle = std::exchange(handle_, nullptr);
  if (ownership_ == Ownership::owned && handle != nullptr && !inherited) sqlite3_close_v2(handle);
}

sqlite3* SqliteConnection::handle() {
  if (handle_ == nullptr) throw LogClosed("the connection is closed; open it again");
  if (is_file_ && generation_ != fork_generation()) [[unlikely]] {
    throw LogClosed(
        "the connection to a database file was opened before this process was forked; open a new one in it");
  }
  return handle_;
}

void SqliteConnection::fail(int result, bool writing) {
  sqlite3* database = handle();
  const int code = sqlite3_extended_errcode(database);
  // The connection remembers its last error, which need not be this one (SQLITE_MISUSE is not kept).
  if ((code & 0xff) != (result & 0xff)) throw_sqlite_error(result, sqlite3_errstr(result), writing);
  throw_sqlite_error(code, sqlite3_errmsg(database), writing);
}

SqliteStatement& SqliteConnection::cached(std::string_view sql) {
  handle();
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return *found->second;
  auto statement = std::make_unique<SqliteStatement>(*this, sql);
  return *statements_.emplace(std::string(sql), std::move(statement)).first->second;
}

void SqliteConnection::execute_script(const std::string& sql) {
  const int result = sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) fail(result, true);
}

void SqliteConnection::execute_untriggered(const std::string& sql) {
  if (!is_file_) return execute_script(sql);  // threads may share it, and another one's statement needs its triggers
  class NoTriggers {
   public:
    explicit NoTriggers(sqlite3* handle) : handle_(handle) {
      sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_TRIGGER, -1, &enabled_);
      sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    }
    NoTriggers(const NoTriggers&) = delete;
    NoTriggers& operator=(const NoTriggers&) = delete;
    ~NoTriggers() { sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_TRIGGER, enabled_, nullptr); }

   private:
    sqlite3* handle_;
    int enabled_ = 1;
  } no_triggers(handle());
  execute_script(sql);
}

bool SqliteConnection::in_transaction() { return sqlite3_get_autocommit(handle()) == 0; }

std::int64_t SqliteConnection::changes() { return sqlite3_changes64(handle()); }

void SqliteConnection::refuse_commit(bool refused) noexcept {
  if (handle_ == nullptr || (is_file_ && generation_ != fork_generation())) return;
  sqlite3_commit_hook(handle_, refused ? [](void*) { return 1; } : static_cast<int (*)(void*)>(nullptr), nullptr);
}

void SqliteConnection::register_functions() {
  using Holder = std::shared_ptr<Visit>;
  auto* holder = new Holder(visit_);
  // SQLite calls the destructor on failure too. DIRECTONLY: no trigger or view of a strange file may call it.
  const int result = sqlite3_create_function_v2(
      handle_, "eventfold_visit", -1, SQLITE_UTF8 | SQLITE_DIRECTONLY, holder, nullptr, &SqliteConnection::visit_row,
      [](sqlite3_context* context) { sqlite3_result_null(context); },
      [](void* data) { delete static_cast<Holder*>(data); });
  if (result != SQLITE_OK) fail(result, false);
  if (const int second = register_row_json(handle_); second != SQLITE_OK) fail(second, false);
}

void SqliteConnection::visit_row(sqlite3_context* context, int count, sqlite3_value** values) noexcept {
  Visit& visit = **static_cast<std::shared_ptr<Visit>*>(sqlite3_user_data(context));
  if (visit.visitor == nullptr) {
    sqlite3_result_error(context, "eventfold_visit can only be called by eventfold", -1);
    return;
  }
  try {
    std::vector<Value>& columns = *visit.columns;
    columns.resize(static_cast<std::size_t>(count));
    for (int index = 0; index < count; ++index) columns[static_cast<std::size_t>(index)] = to_value(values[index]);
    visit.visitor->row(columns);
  } catch (...) {
    visit.error = std::current_exception();
    sqlite3_result_error(context, "the visitor failed", -1);
  }
}

void SqliteConnection::visit(std::string_view columns, std::string_view tail, std::span<const Value> parameters,
                             RowVisitor& visitor) {
  std::string sql;
  sql.reserve(columns.size() + tail.size() + 32);
  sql.append("SELECT eventfold_visit(").append(columns).append(") ").append(tail);
  SqliteStatement& statement = cached(sql);
  if (statement.stepped()) throw std::logic_error("this scan is running already: " + sql);
  const auto state = visit_;
  std::vector<Value> row;
  struct Outer {  // goes on after this one: a visitor may begin a visit of its own
    explicit Outer(Visit& kept) : visit(kept), visitor(kept.visitor), columns(kept.columns) {}
    Outer(const Outer&) = delete;
    Outer& operator=(const Outer&) = delete;
    ~Outer() {
      visit.visitor = visitor;
      visit.columns = columns;
    }
    Visit& visit;
    RowVisitor* visitor;
    std::vector<Value>* columns;
  } outer(*state);
  state->visitor = &visitor;
  state->columns = &row;
  ResetGuard guard(statement);
  try {
    statement.bind(parameters);
    while (statement.step()) {
    }
  } catch (...) {
    if (auto error = std::exchange(state->error, nullptr)) std::rethrow_exception(error);
    throw;
  }
}

namespace {

sqlite3* open_handle(const char* path, int flags, int busy_timeout_ms, const char* vfs) {
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(path, &handle, flags, vfs);
  if (result != SQLITE_OK) {
    const int code = handle == nullptr ? result : sqlite3_extended_errcode(handle);
    const std::string message = handle == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(handle);
    sqlite3_close(handle);
    throw_sqlite_error(code, std::string(path) + ": " + message, false);
  }
  sqlite3_busy_timeout(handle, busy_timeout_ms);
  return handle;
}

// A new file gets the journal that lets readers and a writer go on together. What exists keeps what it has.
void choose_journal(Connection& connection) {
  Statement& pages = connection.prepare("PRAGMA page_count");
  ResetGuard pages_guard(pages);
  pages.bind({});
  const bool is_new = pages.step() && pages.column(0) == Value(0);
  pages.reset();
  if (is_new) connection.execute_script("PRAGMA journal_mode = WAL");
  Statement& journal = connection.prepare("PRAGMA journal_mode");
  ResetGuard journal_guard(journal);
  journal.bind({});
  const bool wal = journal.step() && journal.column(0).view() == "wal";
  journal.reset();
  if (wal) connection.execute_script("PRAGMA synchronous = NORMAL");
}

}  // namespace

std::unique_ptr<Connection> SqliteConnection::open_reader() {
  sqlite3* database = handle();
  const char* path = sqlite3_db_filename(database, "main");
  if (path == nullptr || *path == '\0') return nullptr;
  if (sqlite3_uri_boolean(path, "nolock", 0) != 0 || sqlite3_uri_boolean(path, "immutable", 0) != 0) return nullptr;
  // A file that was moved away or replaced is no longer what this connection reads.
  int moved = 0;
  sqlite3_file_control(database, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (moved != 0) return nullptr;
  sqlite3_vfs* vfs = nullptr;
  sqlite3_file_control(database, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
  constexpr int kBusyTimeoutMs = 5000;  // two that open an idle WAL file together meet a lock for a moment
  sqlite3* reader = open_handle(path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, kBusyTimeoutMs,
                                vfs == nullptr ? nullptr : vfs->zName);
  return std::make_unique<SqliteConnection>(reader, Ownership::owned);
}

std::unique_ptr<Connection> open_sqlite(const std::string& path, const OpenOptions& options) {
#ifdef EVENTFOLD_BORROW_SQLITE
  if (sqlite3_api == nullptr) {
    throw DatabaseError("no SQLite is in use yet; open the log through the Python package");
  }
#endif
  const int flags = options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* handle = open_handle(path.c_str(), flags | SQLITE_OPEN_NOMUTEX, options.busy_timeout_ms, nullptr);
  auto connection = std::make_unique<SqliteConnection>(handle, SqliteConnection::Ownership::owned);
  if (!options.read_only) choose_journal(*connection);
  return connection;
}

}  // namespace eventfold
