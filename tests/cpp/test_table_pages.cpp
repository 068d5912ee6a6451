// Rows out of the pages of the file: the same as SQL has them, or none at all.
#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <random>
#include <thread>

#include "base/sqlite_api.hpp"
#include "base/sqlite_connection.hpp"
#include "eventfold/error.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

namespace {

constexpr std::string_view kColumns[] = {"c", "a", "id", "b"};

struct Collected : RowVisitor {
  void row(std::span<const Value> columns) override {
    std::string& text = rows.emplace_back();
    for (const Value& value : columns) {
      switch (value.type) {
        case ValueType::null:
          text += "null|";
          break;
        case ValueType::integer:
          text += std::to_string(value.integer) + "|";
          break;
        case ValueType::real: {
          text += "r";
          text.append(reinterpret_cast<const char*>(&value.real), sizeof value.real).append("|");
          break;
        }
        default:
          text.append(value.type == ValueType::text ? "t" : "b").append(value.view()).append("|");
      }
    }
  }
  std::vector<std::string> rows;
};

struct Pages : TemporaryFile {
  std::unique_ptr<Connection> connection;

  explicit Pages(const std::string& pragmas = "", int reserved = 0) {
    std::filesystem::remove(path);
    connection = open_sqlite(path, {});
    connection->execute_script("PRAGMA journal_mode = DELETE; VACUUM");
    if (reserved > 0) {
      sqlite3_file_control(dynamic_cast<SqliteConnection&>(*connection).handle(), "main", SQLITE_FCNTL_RESERVE_BYTES,
                           &reserved);
    }
    connection->execute_script(pragmas + "; VACUUM; CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c)");
  }
  std::vector<std::string> by_sql(std::int64_t after, std::int64_t until) {
    Collected found;
    connection->visit("c, a, id, b", "FROM t WHERE id > ? AND id <= ?", std::vector<Value>{after, until}, found);
    return found.rows;
  }
  // Those that come out of the pages, all of which must be there.
  std::vector<std::string> by_pages(std::int64_t after, std::int64_t until) {
    Collected found;
    CHECK(connection->visit_pages("t", kColumns, after, until, found) == until);
    return found.rows;
  }
  void insert(std::mt19937& random, int rows, std::int64_t least, std::int64_t most) {
    connection->execute_script("BEGIN");
    Statement& statement = connection->prepare("INSERT OR REPLACE INTO t VALUES (?, ?, ?, ?)");
    std::string bytes[3];
    for (int row = 0; row < rows; ++row) {
      Value values[3];
      for (int column = 0; column < 3; ++column) {
        const auto number = static_cast<std::int64_t>(random()) << (random() % 32) >> (random() % 40);
        std::string& text = bytes[column];
        text.assign(random() % 12 == 0 ? random() % 30'000 : random() % 90, static_cast<char>('a' + random() % 26));
        const Value kinds[] = {Value(),
                               Value(number % 2),
                               Value(number),
                               Value(-number),
                               Value(static_cast<double>(number) / 7),
                               Value(std::string_view(text)),
                               Value::blob(text)};
        values[column] = kinds[random() % std::size(kinds)];
      }
      const std::int64_t id = std::uniform_int_distribution<std::int64_t>(least, most)(random);
      statement.run({id, values[0], values[1], values[2]});
    }
    connection->execute_script("COMMIT");
  }
};

}  // namespace

TEST_CASE("rows out of pages are those of SQL, whatever they hold and however the file is made", "[pages]") {
  const std::string pragmas = GENERATE("PRAGMA page_size = 4096", "PRAGMA page_size = 512",
                                       "PRAGMA page_size = 65536; PRAGMA journal_mode = WAL",
                                       "PRAGMA auto_vacuum = FULL; PRAGMA page_size = 1024; PRAGMA journal_mode = WAL",
                                       "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
  std::mt19937 random(GENERATE(1u, 2u, 3u));
  Pages t(pragmas);
  CAPTURE(pragmas);
  CHECK(t.by_pages(INT64_MIN, INT64_MAX).empty());
  const auto check = [&](std::int64_t after, std::int64_t until) {
    REQUIRE(t.by_pages(after, until) == t.by_sql(after, until));
  };
  t.insert(random, 1, 5, 5);
  check(INT64_MIN, INT64_MAX);
  t.insert(random, 400, 1, 100'000);
  t.insert(random, 50, INT64_MIN, INT64_MAX);
  check(INT64_MIN, INT64_MAX);
  t.connection->execute_script("DELETE FROM t WHERE id % 3 = 0; UPDATE t SET a = zeroblob(9000) WHERE id % 7 = 1");
  t.insert(random, 300, 1, 100'000);
  check(INT64_MIN, INT64_MAX);
  for (int range = 0; range < 60; ++range) {
    const auto after = static_cast<std::int64_t>(random() % 110'000) - 5'000;
    check(after, after + static_cast<std::int64_t>(random() % 20'000));
  }
  t.connection->execute_script("PRAGMA wal_checkpoint(PASSIVE); DELETE FROM t WHERE id % 2 = 0");
  check(INT64_MIN, INT64_MAX);
}

TEST_CASE("columns that were added later, or are of another kind, are found or left to SQL", "[pages]") {
  Pages t;
  t.connection->execute_script("INSERT INTO t VALUES (1, 2, 3, 4); ALTER TABLE t ADD COLUMN d DEFAULT 7");
  const auto up_to = [&](std::vector<std::string_view> columns) {
    Collected found;
    return t.connection->visit_pages("t", columns, 0, 10, found);
  };
  CHECK(up_to({"a", "c"}) == 10);
  CHECK(up_to({"a", "d"}) == 0);  // the first row says nothing of it
  t.connection->execute_script("UPDATE t SET d = d");
  CHECK(up_to({"a", "d"}) == 10);
  CHECK(up_to({"a", "e"}) == 0);
  t.connection->execute_script("ALTER TABLE t ADD COLUMN e AS (a + 1)");
  CHECK(up_to({"a", "c"}) == 0);
  Collected found;
  CHECK(t.connection->visit_pages("nothing", kColumns, 0, 10, found) == 0);
  t.connection->execute_script(
      "CREATE VIEW v AS SELECT * FROM t; CREATE TABLE w (a PRIMARY KEY, id, b, c) WITHOUT ROWID");
  CHECK(t.connection->visit_pages("v", kColumns, 0, 10, found) == 0);
  CHECK(t.connection->visit_pages("w", kColumns, 0, 10, found) == 0);
}

TEST_CASE("where pages cannot be read past SQL, nothing is", "[pages]") {
  Collected found;
  SECTION("in a transaction, which may have rows of its own") {
    Pages t;
    t.connection->execute_script("BEGIN; INSERT INTO t VALUES (1, 2, 3, 4)");
    CHECK(t.connection->visit_pages("t", kColumns, 0, 10, found) == 0);
  }
  SECTION("in memory") {
    const auto connection = open_sqlite(":memory:", {});
    connection->execute_script("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c); INSERT INTO t VALUES (1, 2, 3, 4)");
    CHECK(connection->visit_pages("t", kColumns, 0, 10, found) == 0);
  }
  SECTION("in a file of UTF-16") {
    Pages t("PRAGMA encoding = 'UTF-16le'");
    std::filesystem::remove(t.path);
    const auto connection = open_sqlite(t.path, {});
    connection->execute_script("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c)");
    CHECK(connection->visit_pages("t", kColumns, 0, 10, found) == 0);
  }
  SECTION("in a file whose pages somebody adds something to") {
    Pages t("", 32);
    t.connection->execute_script("INSERT INTO t VALUES (1, 2, 3, 4)");
    CHECK(t.connection->visit_pages("t", kColumns, 0, 10, found) == 0);
  }
  SECTION("in a file that one process has for itself") {
    Pages t("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL");
    t.connection->execute_script("INSERT INTO t VALUES (1, 2, 3, 4)");
    CHECK(t.connection->visit_pages("t", kColumns, 0, 10, found) == 0);
  }
  CHECK(found.rows.empty());
}

TEST_CASE("what a visitor throws goes through, and the next scan begins anew", "[pages]") {
  Pages t;
  std::mt19937 random(7);
  t.insert(random, 500, 1, 1'000'000);
  struct Stop {};
  struct Stops : RowVisitor {
    void row(std::span<const Value>) override { throw Stop(); }
  } stops;
  CHECK_THROWS_AS(t.connection->visit_pages("t", kColumns, 0, INT64_MAX, stops), Stop);
  CHECK_FALSE(t.connection->in_transaction());
  CHECK(t.by_pages(0, INT64_MAX) == t.by_sql(0, INT64_MAX));
}

TEST_CASE("while others write and checkpoint, each scan has every row that was there when it began", "[pages]") {
  const std::string mode = GENERATE("WAL", "DELETE");
  Pages t("PRAGMA journal_mode = " + mode);
  t.connection->execute_script("PRAGMA synchronous = OFF");
  std::atomic<std::int64_t> committed{0};
  std::atomic<bool> done{false};
  std::thread writer([&] {
    const auto own = open_sqlite(t.path, {});
    own->execute_script("PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 20");
    Statement& insert = own->prepare("INSERT INTO t VALUES (?1, ?1 * 3, substr(hex(zeroblob(150)), 1, ?1 % 300), -?1)");
    for (std::int64_t id = 1; id <= 6'000;) {
      try {
        own->execute_script("BEGIN IMMEDIATE");
        for (int row = 0; row < 20; ++row) insert.run({id + row});
        own->execute_script("COMMIT");
        id += 20;
        committed = id - 1;
        if (id % 400 == 1) own->execute_script("PRAGMA wal_checkpoint(TRUNCATE)");
      } catch (const DatabaseError&) {  // a reader was in the way
        if (own->in_transaction()) own->execute_script("ROLLBACK");
      }
    }
    done = true;
  });
  struct Rows : RowVisitor {
    void row(std::span<const Value> columns) override {
      ++count;
      const std::int64_t id = columns[2].integer;
      right = right && id == count && columns[1].integer == id * 3 && columns[0].integer == -id &&
              columns[3].view() == std::string(static_cast<std::size_t>(id % 300), '0');
    }
    std::int64_t count = 0;
    bool right = true;
  };
  std::int64_t by_pages = 0;
  while (!done) {
    const std::int64_t there = committed;
    Rows rows;
    try {
      if (t.connection->visit_pages("t", kColumns, 0, there, rows) == there) {
        ++by_pages;
        REQUIRE(rows.right);
        REQUIRE(rows.count == there);
      }
    } catch (const LogLocked&) {  // no journal of its own lets readers and a writer go on together
    }
  }
  writer.join();
  CHECK(by_pages > 5);
}

TEST_CASE("a file that is damaged gives no wrong memory, and at worst fewer rows", "[pages]") {
  std::mt19937 random(GENERATE(range(1u, 31u)));
  Pages t("PRAGMA page_size = 1024");
  t.insert(random, 400, 1, 1'000'000);
  const auto right = t.by_sql(0, INT64_MAX);
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(t.path));
  for (int damage = 0; damage < 40; ++damage) {
    {
      std::fstream file(t.path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(1024 + static_cast<std::streamoff>(random() % static_cast<unsigned>(size - 1024)));
      file.put(static_cast<char>(random()));
    }
    Collected found;
    CHECK_NOTHROW(t.connection->visit_pages("t", kColumns, 0, INT64_MAX, found));
    CHECK(found.rows.size() <= 3 * right.size());
  }
}
