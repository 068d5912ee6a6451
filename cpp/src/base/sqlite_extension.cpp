#include "base/sqlite_extension.hpp"

#ifdef EVENTFOLD_BORROW_SQLITE
#include <dlfcn.h>

#include <random>
#include <utility>

#include "eventfold/borrow.hpp"
#include "eventfold/error.hpp"
#include "eventfold/sqlite_error.hpp"

// The routines of the one library that this process uses.
const sqlite3_api_routines* sqlite3_api = nullptr;

namespace eventfold {
namespace {

constexpr const char* kByLoading = "load_extension";
constexpr const char* kByAutoExtension = "auto_extension";

// Who waits for eventfold_borrow on this thread, and what came of it.
struct Expected {
  std::int64_t token = 0;
  HostConnection* host = nullptr;
};
thread_local Expected expected;

void borrow(sqlite3_context* context, int, sqlite3_value** values) {
  if (expected.token == 0 || sqlite3_value_int64(values[0]) != expected.token) {
    sqlite3_result_error(context, "eventfold_borrow can only be called by eventfold", -1);
    return;
  }
  auto* host = static_cast<HostConnection*>(sqlite3_user_data(context));
  host->handle = sqlite3_context_db_handle(context);
  expected.host = host;
  sqlite3_result_int(context, 1);
}

// A table whose only use is its end: SQLite disconnects it first when the connection is closed, while our statements
// would otherwise keep the connection, its file descriptors and the WAL for ever. No Python here, and no lock that is
// held while anything is waited for.
struct CloseTable : sqlite3_vtab {
  HostConnection* host;
};

int connect_close_table(sqlite3* database, void* host, int, const char* const*, sqlite3_vtab** table, char**) {
  const int result = sqlite3_declare_vtab(database, "CREATE TABLE x (unused)");
  if (result != SQLITE_OK) return result;
  *table = new CloseTable{{}, static_cast<HostConnection*>(host)};
  return SQLITE_OK;
}

int disconnect_close_table(sqlite3_vtab* table) {
  auto* const ours = static_cast<CloseTable*>(table);
  if (auto connection = std::move(ours->host->connection)) connection->close();
  delete ours;
  return SQLITE_OK;
}

int open_cursor(sqlite3_vtab*, sqlite3_vtab_cursor** cursor) {
  *cursor = new sqlite3_vtab_cursor{};
  return SQLITE_OK;
}

int close_cursor(sqlite3_vtab_cursor* cursor) {
  delete cursor;
  return SQLITE_OK;
}

const sqlite3_module& close_module() {
  static const sqlite3_module module = [] {
    sqlite3_module made{};  // without xCreate it is there by its name alone, and cannot be created in a file
    made.xConnect = connect_close_table;
    made.xDisconnect = disconnect_close_table;
    made.xBestIndex = [](sqlite3_vtab*, sqlite3_index_info*) { return SQLITE_OK; };
    made.xOpen = open_cursor;
    made.xClose = close_cursor;
    made.xFilter = [](sqlite3_vtab_cursor*, int, const char*, int, sqlite3_value**) { return SQLITE_OK; };
    made.xNext = [](sqlite3_vtab_cursor*) { return SQLITE_OK; };
    made.xEof = [](sqlite3_vtab_cursor*) { return 1; };
    made.xColumn = [](sqlite3_vtab_cursor*, sqlite3_context*, int) { return SQLITE_OK; };
    made.xRowid = [](sqlite3_vtab_cursor*, sqlite3_int64* row) {
      *row = 0;
      return SQLITE_OK;
    };
    return made;
  }();
  return module;
}

bool is_registered(sqlite3* database) {
  sqlite3_stmt* probe = nullptr;
  const int result = sqlite3_prepare_v2(database, "SELECT eventfold_borrow(0)", -1, &probe, nullptr);
  sqlite3_finalize(probe);
  return result == SQLITE_OK;
}

int register_on(sqlite3* database, const char* way) {
  auto* host = new HostConnection{database, way, nullptr};
  // The module owns the host connection; SQLite destroys it on failure too.
  int result = sqlite3_create_module_v2(database, "eventfold_connection", &close_module(), host,
                                        [](void* data) { delete static_cast<HostConnection*>(data); });
  if (result != SQLITE_OK) return result;
  result = sqlite3_create_function_v2(database, "eventfold_borrow", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, host, borrow,
                                      nullptr, nullptr, nullptr);
  return result;
}

}  // namespace

std::string bound_sqlite_version() { return sqlite3_api == nullptr ? std::string() : sqlite3_libversion(); }

std::string bound_sqlite_file() {
  if (sqlite3_api == nullptr) return {};
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(sqlite3_api->libversion), &info) == 0 || info.dli_fname == nullptr)
    return {};
  return info.dli_fname;
}

std::int64_t expect_borrow() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  expected = {static_cast<std::int64_t>(random() >> 1) | 1, nullptr};
  return expected.token;
}

Borrowed take_borrowed() {
  HostConnection* const host = std::exchange(expected, {}).host;
  if (host == nullptr) return {};
  // Threads that share the connection may come here at once; SQLite's own lock of it, which may be entered again.
  struct Locked {
    explicit Locked(sqlite3* handle) : mutex(sqlite3_db_mutex(handle)) { sqlite3_mutex_enter(mutex); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    ~Locked() { sqlite3_mutex_leave(mutex); }
    sqlite3_mutex* mutex;
  } locked(host->handle);
  if (host->connection == nullptr || host->connection->closed()) {
    auto connection = std::make_shared<SqliteConnection>(host->handle, SqliteConnection::Ownership::borrowed);
    // Read once, so that SQLite connects it and has it to disconnect.
    const int result = sqlite3_exec(host->handle, "SELECT 1 FROM eventfold_connection", nullptr, nullptr, nullptr);
    if (result != SQLITE_OK) connection->fail(result, false);
    host->connection = std::move(connection);
  }
  return {host->connection, host->way};
}

}  // namespace eventfold

namespace {

int enter(sqlite3* database, const sqlite3_api_routines* routines, const char* way) {
  // Too old a table ends before the routines that we call.
  if (routines->libversion_number() < eventfold::kMinimumSqlite) return SQLITE_OK;
  // The first library stays: with another one's routines the statements of the first would crash.
  static const sqlite3_api_routines* const first = (sqlite3_api = routines);
  if (first != routines) return SQLITE_OK;
  try {
    // Registering anew would disconnect the table, as if the connection were closed. A new connection has nothing yet.
    if (way == eventfold::kByLoading && eventfold::is_registered(database)) return SQLITE_OK;
    return eventfold::register_on(database, way);
  } catch (...) {
    return SQLITE_NOMEM;
  }
}

}  // namespace

// Into a connection that is being opened. An error that it remembers from here would fail the opening.
int eventfold_auto_extension_init(sqlite3* database, char**, const sqlite3_api_routines* routines) {
  return enter(database, routines, eventfold::kByAutoExtension);
}

int sqlite3_extension_init(sqlite3* database, char**, const sqlite3_api_routines* routines) {
  return enter(database, routines, eventfold::kByLoading);
}

// The name that SQLite derives from the file's, _core.
extern "C" __attribute__((visibility("default"))) int sqlite3_core_init(sqlite3* database, char**,
                                                                        const sqlite3_api_routines* routines) {
  return enter(database, routines, eventfold::kByLoading);
}
#endif
