#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <vector>

#include "base/sqlite_connection.hpp"
#include "eventfold/error.hpp"
#include "eventfold/sqlite_error.hpp"

using namespace eventfold;

namespace {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "eventfold-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const char* name = "events.db") const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::unique_ptr<ManagedConnection> open(const std::string& path, const OpenOptions& options = {}) {
  return std::unique_ptr<ManagedConnection>(dynamic_cast<ManagedConnection*>(open_sqlite(path, options).release()));
}

std::int64_t number(Connection& connection, std::string_view sql) {
  Statement& statement = connection.prepare(sql);
  ResetGuard guard(statement);
  statement.bind({});
  REQUIRE(statement.step());
  return statement.column(0).integer;
}

std::string text(Connection& connection, std::string_view sql) {
  Statement& statement = connection.prepare(sql);
  ResetGuard guard(statement);
  statement.bind({});
  REQUIRE(statement.step());
  return std::string(statement.column(0).view());
}

struct Collect : RowVisitor {
  std::vector<std::int64_t> seen;
  void row(std::span<const Value> columns) override { seen.push_back(columns[0].integer); }
};

constexpr const char* kThreeRows =
    "CREATE TABLE t (a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z')";

}  // namespace

TEST_CASE("values of every type come back as they were bound") {
  auto connection = open(":memory:");
  Statement& statement = connection->prepare("SELECT ?, ?, ?, ?, ?, ?, ?");
  statement.bind(
      {Value(), INT64_MIN, 0.1, "nul\0inside", std::string_view("nul\0inside", 10), Value::blob({"\0\xff", 2}), ""});
  REQUIRE(statement.step());
  CHECK(statement.column(0).is_null());
  CHECK(statement.column(1) == Value(INT64_MIN));
  CHECK(statement.column(2) == Value(0.1));
  CHECK(statement.column(3) == Value("nul"));
  CHECK(statement.column(4) == Value(std::string_view("nul\0inside", 10)));
  CHECK(statement.column(5) == Value::blob({"\0\xff", 2}));
  CHECK(statement.column(6) == Value(""));
  CHECK_FALSE(statement.step());
}

TEST_CASE("a statement is prepared once for each text") {
  auto connection = open(":memory:");
  CHECK(&connection->prepare("SELECT 1") == &connection->prepare(std::string("SELECT ") + "1"));
}

TEST_CASE("a visitor sees every row in the order in which it is found") {
  auto connection = open(":memory:");
  connection->execute_script(kThreeRows);
  Collect collect;
  const Value parameters[] = {2};
  connection->visit("a", "FROM t WHERE a >= ?", parameters, collect);
  CHECK(collect.seen == std::vector<std::int64_t>{2, 3});
}

TEST_CASE("a visitor may run statements and visits of its own") {
  auto connection = open(":memory:");
  connection->execute_script(kThreeRows);
  struct Outer : RowVisitor {
    explicit Outer(Connection& used) : inner_connection(used) {}
    Connection& inner_connection;
    Collect inner;
    int rows = 0;
    void row(std::span<const Value>) override {
      ++rows;
      inner_connection.visit("a", "FROM t WHERE a = 1", {}, inner);
    }
  } outer(*connection);
  connection->visit("a", "FROM t", {}, outer);
  CHECK(outer.rows == 3);
  CHECK(outer.inner.seen.size() == 3);
}

TEST_CASE("an exception of a visitor ends the scan and comes out as it was thrown") {
  auto connection = open(":memory:");
  connection->execute_script(kThreeRows);
  struct Fails : RowVisitor {
    int rows = 0;
    void row(std::span<const Value>) override {
      if (++rows == 2) throw ProjectionError("enough");
    }
  } fails;
  CHECK_THROWS_AS(connection->visit("a", "FROM t", {}, fails), ProjectionError);
  CHECK(fails.rows == 2);
  connection->execute_script("DROP TABLE t");  // "database table is locked" if the scan were still open
}

TEST_CASE("the function behind a visit cannot be called from SQL") {
  auto connection = open(":memory:");
  CHECK_THROWS_AS(connection->prepare("SELECT eventfold_visit(1)").run({}), DatabaseError);
}

TEST_CASE("a transaction that is not committed leaves nothing") {
  auto connection = open(":memory:");
  connection->execute_script(kThreeRows);
  {
    Transaction transaction(*connection);
    CHECK(connection->in_transaction());
    connection->prepare("DELETE FROM t").run({});
    CHECK(connection->changes() == 3);
  }
  CHECK_FALSE(connection->in_transaction());
  CHECK(number(*connection, "SELECT count(*) FROM t") == 3);
}

TEST_CASE("a transaction within another one is a savepoint of it") {
  auto connection = open(":memory:");
  connection->execute_script(kThreeRows);
  Transaction outer(*connection);
  connection->prepare("DELETE FROM t WHERE a = 1").run({});
  {
    Transaction inner(*connection);
    connection->prepare("DELETE FROM t").run({});
  }
  CHECK(number(*connection, "SELECT count(*) FROM t") == 2);
  {
    Transaction inner(*connection);
    connection->prepare("DELETE FROM t WHERE a = 2").run({});
    inner.commit();
  }
  outer.commit();
  CHECK(number(*connection, "SELECT count(*) FROM t") == 1);
}

TEST_CASE("a transaction copes with SQLite having rolled back already") {
  auto connection = open(":memory:");
  connection->execute_script(kThreeRows);
  {
    Transaction outer(*connection);
    Transaction inner(*connection);
    CHECK_THROWS_AS(connection->prepare("INSERT OR ROLLBACK INTO t VALUES (1, 'again')").run({}), DatabaseError);
    CHECK_FALSE(connection->in_transaction());
  }
  Transaction next(*connection);
  next.commit();
}

TEST_CASE("each failure of SQLite becomes the error that says what to do") {
  Folder folder;
  auto connection = open(folder.file(), {.busy_timeout_ms = 0});
  connection->execute_script("CREATE TABLE t (a UNIQUE)");

  SECTION("another writer") {
    auto other = open(folder.file(), {.busy_timeout_ms = 0});
    Transaction writing(*other);
    CHECK_THROWS_AS(Transaction(*connection), LogLocked);
  }
  SECTION("a stale snapshot") {
    connection->execute_script("BEGIN");
    number(*connection, "SELECT count(*) FROM t");
    open(folder.file())->execute_script("INSERT INTO t VALUES (1)");
    CHECK_THROWS_AS(connection->prepare("INSERT INTO t VALUES (2)").run({}), ConcurrencyError);
  }
  SECTION("a database opened to read") {
    auto reader = open(folder.file(), {.read_only = true});
    CHECK_THROWS_AS(reader->prepare("INSERT INTO t VALUES (2)").run({}), ReadOnlyLog);
  }
  SECTION("no log") {
    CHECK_THROWS_AS(connection->prepare("SELECT * FROM eventfold_header"), LogNotFound);
    CHECK_THROWS_AS(connection->prepare("SELECT * FROM books_booklist"), DatabaseError);
  }
  SECTION("a guard") {
    connection->execute_script(
        "CREATE TRIGGER g BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'eventfold: not to be deleted'); END;"
        "INSERT INTO t VALUES (1)");
    CHECK_THROWS_AS(connection->prepare("DELETE FROM t").run({}), ImmutableEvent);
  }
  SECTION("a constraint, with its code") {
    connection->prepare("INSERT INTO t VALUES (1)").run({});
    try {
      connection->prepare("INSERT INTO t VALUES (1)").run({});
      FAIL("the second row was taken");
    } catch (const SqliteError& error) {
      CHECK(error.code == SQLITE_CONSTRAINT_UNIQUE);
    }
  }
  SECTION("no database at all") {
    std::ofstream(folder.file("notes.txt")) << std::string(4096, 'x');
    CHECK_THROWS_AS(open(folder.file("notes.txt"), {.read_only = true})->prepare("SELECT * FROM t"), CorruptLog);
    CHECK_THROWS_AS(open(folder.file("none/events.db")), DatabaseError);
  }
}

TEST_CASE("what is called after close says so") {
  Folder folder;
  auto connection = open(folder.file());
  Statement& statement = connection->prepare("SELECT 1");
  statement.bind({});
  statement.step();
  connection->close();
  CHECK(connection->closed());
  CHECK_THROWS_AS(connection->prepare("SELECT 1"), LogClosed);
  CHECK_THROWS_AS(statement.bind({}), LogClosed);
  CHECK_THROWS_AS(statement.step(), LogClosed);
  CHECK_THROWS_AS(connection->in_transaction(), LogClosed);
  connection->close();
}

TEST_CASE("a close that comes during a use waits for its end") {
  auto connection = open(":memory:");
  {
    Use use(*connection);
    Use again(*connection);
    connection->close();
    CHECK_FALSE(connection->closed());
    CHECK(number(*connection, "SELECT 1") == 1);
  }
  CHECK(connection->closed());
}

TEST_CASE("one thread at a time uses a connection") {
  auto connection = open(":memory:");
  connection->use_lock.enter();
  auto other = std::async(std::launch::async, [&] { connection->use_lock.enter(std::chrono::milliseconds(20)); });
  CHECK_THROWS_AS(other.get(), LogLocked);
  connection->use_lock.leave();
  std::async(std::launch::async, [&] { Use use(*connection); }).get();
}

TEST_CASE("a reader is a second connection to the same file, which cannot write") {
  Folder folder;
  auto connection = open(folder.file());
  connection->execute_script(kThreeRows);
  auto reader = connection->open_reader();
  REQUIRE(reader);
  CHECK(number(*reader, "SELECT count(*) FROM t") == 3);
  CHECK_THROWS_AS(reader->prepare("DELETE FROM t").run({}), ReadOnlyLog);
  Transaction writing(*connection);
  CHECK(number(*reader, "SELECT count(*) FROM t") == 3);
}

TEST_CASE("there is no reader where a second connection would see something else") {
  Folder folder;
  CHECK(open(":memory:")->open_reader() == nullptr);
  auto connection = open(folder.file());
  connection->execute_script(kThreeRows);
  std::filesystem::rename(folder.file(), folder.file("moved.db"));
  CHECK(connection->open_reader() == nullptr);
}

TEST_CASE("a new file gets a write-ahead log and what exists keeps its journal") {
  Folder folder;
  CHECK(text(*open(folder.file()), "PRAGMA journal_mode") == "wal");
  CHECK(number(*open(folder.file()), "PRAGMA synchronous") == 1);
  {
    auto old = open(folder.file("old.db"));
    old->execute_script("PRAGMA journal_mode = DELETE; CREATE TABLE t (a)");
  }
  CHECK(text(*open(folder.file("old.db")), "PRAGMA journal_mode") == "delete");
}

TEST_CASE("a child process cannot use a file that its parent opened, and does no harm to it") {
  Folder folder;
  auto connection = open(folder.file());
  auto memory = open(":memory:");
  connection->execute_script(kThreeRows);
  memory->execute_script(kThreeRows);
  number(*connection, "SELECT count(*) FROM t");
  const pid_t child = fork();
  if (child == 0) {
    int failures = 0;
    try {
      number(*connection, "SELECT count(*) FROM t");
      failures |= 1;
    } catch (const LogClosed&) {
    }
    if (number(*memory, "SELECT count(*) FROM t") != 3) failures |= 2;
    connection.reset();
    _exit(failures);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(std::filesystem::exists(folder.file("events.db-wal")));
  connection->prepare("DELETE FROM t WHERE a = 1").run({});
  CHECK(number(*open(folder.file()), "SELECT count(*) FROM t") == 2);
}

TEST_CASE("what is run without triggers fires none, and they are on again after it, whatever happens") {
  Folder folder;
  auto connection = open(folder.file());
  connection->execute_script(
      "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE seen (id INTEGER);"
      "CREATE TRIGGER follow AFTER INSERT ON t BEGIN INSERT INTO seen VALUES (new.id); END");
  connection->execute_untriggered("INSERT INTO t VALUES (1), (2)");
  CHECK(connection->changes() == 2);
  CHECK(number(*connection, "SELECT count(*) FROM seen") == 0);
  CHECK_THROWS(connection->execute_untriggered("INSERT INTO t VALUES (1)"));
  connection->execute_script("INSERT INTO t VALUES (3)");
  CHECK(number(*connection, "SELECT count(*) FROM seen") == 1);
}

TEST_CASE("a row's JSON is written by a function that every connection has") {
  Folder folder;
  auto connection = open(folder.file());
  CHECK(text(*connection, "SELECT eventfold_row_json('=\t{\"a\":\nd2\t,\"b\":\nr\t,\"c\":', 'x\"', 1.5, 2)") ==
        "{\"a\":\"x\\\"\",\"b\":\"1.50\",\"c\":2.0}");
  CHECK_THROWS(connection->execute_script("SELECT eventfold_row_json('=\tx', 1, 2)"));
}
