// A disk that is full, or fails, at each write in turn: an error that says so, and everything as it was before.
#include <catch2/catch.hpp>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "eventfold/sqlite_error.hpp"
#include "failing_disk.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

namespace {

constexpr const char* kSold = R"({
  "name": "Sold", "table": "sold", "key": [{"column": "item", "field": "item", "kind": "integer"}],
  "columns": [
    {"column": "n", "kind": "integer", "op": "count", "from": [["Sold", null]], "cleared_by": [], "initial": 0},
    {"column": "by", "kind": "text", "op": "latest", "from": [["Sold", "by"]], "cleared_by": []}],
  "delete_on": [], "handlers": [],
  "events": {"Sold": {"item": {"kind": "integer", "keys": ["item"]}, "by": {"kind": "text", "keys": ["by"]}}}})";

Projection sold() { return {std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(kSold)), nullptr}; }

// 300 items of long names, so that many pages differ, in a cache so small that pages are written before the commit.
struct SoldTable {
  FailingDisk disk;
  TemporaryLog log;
  InlineReadModels read_models{{sold()}};

  explicit SoldTable(const std::string& journal) {
    log.execute("PRAGMA journal_mode = " + journal + "; PRAGMA cache_size = 10; PRAGMA synchronous = NORMAL");
    log.execute("CREATE TABLE sold (item INTEGER PRIMARY KEY, n INTEGER NOT NULL, by TEXT UNIQUE)");
    append(300, "first");
  }
  void append(std::size_t count, const std::string& by) {
    std::vector<std::string> data;
    std::vector<NewEvent> events;
    for (std::size_t index = 0; index < count; ++index) {
      data.push_back("{\"item\":" + std::to_string(index) + ",\"by\":\"" + by + std::string(100, '.') +
                     std::to_string(index) + "\"}");
    }
    for (const std::string& each : data) events.push_back({.type = "Sold", .data = each});
    log.log.append(events, {.keeps_folded = true}, &read_models);
  }
  void drift() {
    log.execute(
        "DELETE FROM sold WHERE item < 90; UPDATE sold SET n = n + 1, by = 'wrong' || item WHERE item > 120;"
        "INSERT INTO sold SELECT -1 - value, 0, NULL FROM json_each('[' || rtrim(replace(hex(zeroblob(50)), '00', "
        "'1,'), ',') || ']') GROUP BY 1 UNION SELECT -rowid - 1, 0, NULL FROM eventfold_event");
  }
  // As another process sees it, which the disk does not fail.
  std::string seen() {
    auto other = open_sqlite(log.file.path);
    std::string text;
    for (const char* sql : {"SELECT group_concat(item || ':' || n || ':' || ifnull(by, '-')) FROM sold",
                            "SELECT head || ' ' || (SELECT count(*) FROM eventfold_event) FROM eventfold_head",
                            "SELECT group_concat(name || position) FROM eventfold_read_model",
                            "SELECT group_concat(integrity_check) FROM pragma_integrity_check"}) {
      Statement& statement = other->prepare(sql);
      ResetGuard guard(statement);
      statement.bind({});
      REQUIRE(statement.step());
      text.append(statement.column(0).view()).append("\n");
    }
    return text;
  }
};

struct Fault {
  int code;
  const char* says;
};

// Lets each write of `work` fail in turn, until it passes; returns how many did.
template <class Work>
int fail_each_write(SoldTable& t, const Fault& fault, const Work& work) {
  const std::string before = t.seen();
  for (int number = 0;; ++number) {
    REQUIRE(number < 2000);
    t.disk.fail_writes(fault.code, number);
    try {
      work();
      t.disk.work();
      return number;
    } catch (const SqliteError& error) {
      t.disk.work();
      INFO("write " << number << ": " << error.what());
      CHECK(std::string(error.what()).find(fault.says) != std::string::npos);
      CHECK_FALSE(t.log.log.connection().in_transaction());
      REQUIRE(t.seen() == before);
    }
  }
}

}  // namespace

TEST_CASE("a replay whose disk is full, or fails, at any write leaves the table as it was", "[faults]") {
  const std::string journal = GENERATE("WAL", "DELETE");
  const Fault fault = GENERATE(Fault{SQLITE_FULL, "full"}, Fault{SQLITE_IOERR_WRITE, "I/O error"});
  SoldTable t(journal);
  const std::string right = t.seen();
  t.drift();
  REQUIRE(t.seen() != right);
  const int failed = fail_each_write(t, fault, [&] { Replay(t.log.log, sold(), 1).write("hash"); });
  CHECK(failed > 20);
  CHECK(t.seen().substr(0, right.find('\n')) == right.substr(0, right.find('\n')));
  CHECK(t.seen().find("Sold300") != std::string::npos);
  CHECK(t.seen().find("ok") != std::string::npos);
}

TEST_CASE("an append whose disk is full, or fails, at any write is not recorded, nor folded", "[faults]") {
  const std::string journal = GENERATE("WAL", "DELETE");
  const Fault fault = GENERATE(Fault{SQLITE_FULL, "full"}, Fault{SQLITE_IOERR_WRITE, "I/O error"});
  SoldTable t(journal);
  const int failed = fail_each_write(t, fault, [&] { t.append(200, "second"); });
  CHECK(failed > 20);
  CHECK(t.log.log.head() == 500);
  CHECK(Replay(t.log.log, sold(), 1).compare(10).first.empty());
  CHECK(t.seen().find("ok") != std::string::npos);
}

TEST_CASE("a replay that cannot read the log says so, and writes nothing", "[faults]") {
  SoldTable t("WAL");
  t.drift();
  const std::string before = t.seen();
  t.log.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  int failed = 0;
  for (int number = 0; number < 1000; ++number) {
    t.disk.fail_reads(number);
    try {
      const Fold fold = fold_log(t.log.log, sold(), {.threads = 1});
      t.disk.work();
      CHECK(fold.size() == 300);
      break;
    } catch (const SqliteError& error) {
      t.disk.work();
      ++failed;
      CHECK_THAT(error.what(), Catch::Contains("I/O error"));
    }
  }
  CHECK(failed > 5);
  CHECK(t.seen() == before);
}

TEST_CASE("a replay whose disk is full, or fails, at any write while it saves goes on, or can be run again",
          "[faults]") {
  const std::string journal = GENERATE("WAL", "DELETE");
  const Fault fault = GENERATE(Fault{SQLITE_FULL, "full"}, Fault{SQLITE_IOERR_WRITE, "I/O error"});
  bool saved = false;
  for (int number = 0; !saved; ++number) {
    REQUIRE(number < 500);
    SoldTable t(journal);
    const std::string right = t.seen();
    t.drift();
    {
      Replay replay(t.log.log, sold(), 1);
      replay.read_at_a_time(100);
      replay.save_each(0, "definition");
      t.disk.fail_writes(fault.code, number);
      try {
        const Position reached = replay.scan();
        CHECK(reached == 300);
        saved = !t.disk.failed();
      } catch (const SqliteError&) {
        // a database without a WAL cannot even be read before its journal was rolled back
        CHECK(journal == "DELETE");
      }
      t.disk.work();
    }
    Replay replay(t.log.log, sold(), 1);
    if (saved) CHECK(replay.save_each(10, "definition") == 200);
    replay.save_each(10, "definition");
    replay.write("hash");
    CHECK(t.seen().substr(0, right.find('\n')) == right.substr(0, right.find('\n')));
  }
}
