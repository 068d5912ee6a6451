#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

namespace {

constexpr const char* kLoans = R"({
  "name": "Loans", "table": "loans", "key": [{"column": "book", "field": "book", "kind": "integer"}],
  "columns": [
    {"column": "n", "kind": "integer", "op": "count", "from": [["Borrowed", null]], "cleared_by": [], "initial": 0},
    {"column": "by", "kind": "text", "op": "latest", "from": [["Borrowed", "by"]], "cleared_by": ["Returned"]}],
  "delete_on": ["Removed"], "handlers": [],
  "events": {"Borrowed": {"book": {"kind": "integer", "keys": ["book"]}, "by": {"kind": "text", "keys": ["by"]}},
             "Returned": {"book": {"kind": "integer", "keys": ["book"]}},
             "Removed": {"book": {"kind": "integer", "keys": ["book"]}}}})";

Projection loans() { return {std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(kLoans)), nullptr}; }

struct LoansTable : TemporaryLog {
  InlineReadModels read_models{{loans()}};
  LoansTable() {
    execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
    execute("CREATE TABLE loans (book INTEGER PRIMARY KEY, n INTEGER NOT NULL, by TEXT)");
  }
  void live(std::string_view type, std::string_view data) {
    const NewEvent event{.type = type, .data = data};
    log.append({&event, 1}, {.keeps_folded = true}, &read_models);
  }
  std::string rows() {
    std::string text;
    auto& statement =
        log.connection().prepare("SELECT book || ':' || n || ':' || ifnull(by, '-') FROM loans ORDER BY book");
    ResetGuard guard(statement);
    statement.bind({});
    while (statement.step()) text.append(statement.column(0).view()).append(" ");
    return text;
  }
  void append_random(std::size_t count) {
    std::mt19937 random(7);
    std::vector<std::string> data;
    std::vector<NewEvent> events;
    for (std::size_t index = 0; index < count; ++index) {
      data.push_back("{\"book\":" + std::to_string(random() % 500) + ",\"by\":\"r" + std::to_string(index) + "\"}");
    }
    constexpr std::string_view kTypes[] = {"Borrowed", "Borrowed", "Borrowed", "Returned", "Removed"};
    for (std::size_t index = 0; index < count; ++index) {
      events.push_back({.type = kTypes[random() % (index % 50 ? 4 : 5)], .data = data[index]});
    }
    log.append(events, {.trusted = true, .keeps_folded = true}, &read_models);
  }
};

}  // namespace

TEST_CASE("a row follows each append, in its transaction", "[read_model]") {
  LoansTable t;
  t.live("Borrowed", R"({"book":1,"by":"ann"})");
  t.live("Borrowed", R"({"book":1,"by":"bob"})");
  t.live("Returned", R"({"book":1})");
  t.live("Returned", R"({"book":2})");
  CHECK(t.rows() == "1:2:- ");
  t.execute("BEGIN");
  t.live("Removed", R"({"book":1})");
  CHECK(t.rows().empty());
  t.execute("ROLLBACK");
  CHECK(t.rows() == "1:2:- ");
}

TEST_CASE("a table that is missing undoes the append", "[read_model]") {
  LoansTable t;
  t.execute("DROP TABLE loans");
  CHECK_THROWS_AS(t.live("Borrowed", R"({"book":1,"by":"ann"})"), Error);
  CHECK(t.log.head() == 0);
}

TEST_CASE("a replay on several threads gives the rows that living through it gave", "[read_model]") {
  LoansTable t;
  t.append_random(60'000);
  const std::string lived = t.rows();
  for (const int threads : {1, 2, 3, 8}) {
    Replay replay(t.log, loans(), threads);
    Position last = 0;
    CHECK(replay.scan([&](Position done, Position total) {
      CHECK(done >= last);
      CHECK(total == 60'000);
      last = done;
    }) == 60'000);
    const Written written = replay.write("hash");
    CHECK(written.inserted + written.updated + written.deleted == 0);
    CHECK(t.rows() == lived);
  }
  t.execute(
      "DELETE FROM loans WHERE book < 100; UPDATE loans SET n = n + 1 WHERE book > 400; INSERT INTO loans VALUES (-1, "
      "0, 'x')");
  Replay replay(t.log, loans(), 2);
  const Written written = replay.write("hash");
  CHECK(written.inserted > 0);
  CHECK(written.updated > 0);
  CHECK(written.deleted == 1);
  CHECK(t.rows() == lived);
}

TEST_CASE("events that are appended while a replay scans are in what it writes", "[read_model]") {
  LoansTable t;
  t.append_random(60'000);
  Replay replay(t.log, loans(), 2);
  std::thread writer([&] {
    auto other = EventLog::open(t.file.path);
    InlineReadModels read_models{{loans()}};
    for (int index = 0; index < 200; ++index) {
      const NewEvent event{.type = "Borrowed", .data = R"({"book":1000,"by":"during"})"};
      other.append({&event, 1}, {}, &read_models);
    }
  });
  replay.scan();
  writer.join();
  const std::string lived = t.rows();
  CHECK(replay.write("hash").head == 60'200);
  CHECK(t.rows() == lived);
  CHECK(lived.find("1000:200:during") != std::string::npos);
}

TEST_CASE("a replay stops where its progress throws, and where an event is corrupt", "[read_model]") {
  LoansTable t;
  t.append_random(60'000);
  const std::string lived = t.rows();
  struct Stop {};
  Replay stopped(t.log, loans(), 2);
  CHECK_THROWS_AS(stopped.scan([](Position, Position) { throw Stop(); }), Stop);
  t.execute(
      "INSERT INTO eventfold_unlocked VALUES ('test'); UPDATE eventfold_event SET data = '{' WHERE position = 50000;"
      "DELETE FROM eventfold_unlocked");
  Replay corrupt(t.log, loans(), 2);
  CHECK_THROWS_WITH(corrupt.write("hash"), Catch::Contains("position 50000"));
  CHECK(t.rows() == lived);
}

TEST_CASE("a log that was emptied during a replay is noticed", "[read_model]") {
  LoansTable t;
  t.append_random(100);
  Replay replay(t.log, loans(), 2);
  replay.scan();
  t.log.empty();
  CHECK_THROWS_AS(replay.compare(1), WrongLog);
  replay.scan();
  t.log.empty();
  CHECK_THROWS_AS(replay.write("hash"), WrongLog);
}

TEST_CASE("comparing tells what differs and writes nothing, and writing mends it", "[read_model]") {
  LoansTable t;
  t.append_random(60'000);
  const std::string lived = t.rows();
  const Position head = t.log.head();
  CHECK(Replay(t.log, loans(), 2).compare(10).first.empty());
  t.live("Borrowed", R"({"book":1000,"by":"ann"})");
  t.live("Borrowed", R"({"book":1001,"by":"bob"})");
  t.execute(
      "UPDATE loans SET n = 9, by = NULL WHERE book = 1000; DELETE FROM loans WHERE book = 1001;"
      "INSERT INTO loans VALUES (-1, 0, 'x')");
  const std::string damaged = t.rows();
  Replay replay(t.log, loans(), 2);
  const Compared compared = replay.compare(10);
  CHECK(compared.until == head + 2);
  CHECK(std::tuple(compared.changed, compared.extra, compared.doubled, compared.missing) == std::tuple(1, 1, 0, 1));
  REQUIRE(compared.first.size() == 3);
  const Difference& extra = compared.first[0];
  CHECK(extra.what == Difference::What::extra);
  CHECK(extra.key[0].view() == CellView(std::int64_t{-1}));
  const Difference& changed = compared.first[1];
  CHECK(changed.what == Difference::What::changed);
  REQUIRE(changed.columns.size() == 2);
  CHECK(changed.columns[0].in_log.view() == CellView(std::int64_t{1}));
  CHECK(changed.columns[0].in_table.view() == CellView(std::int64_t{9}));
  CHECK(changed.columns[1].in_log.view().view() == "ann");
  CHECK(changed.columns[1].in_table.view().type == CellType::null);
  CHECK(compared.first[2].what == Difference::What::missing);
  CHECK(t.rows() == damaged);
  CHECK_FALSE(t.log.connection().in_transaction());
  CHECK(replay.compare(1).first.size() == 1);
  const Written written = replay.write("hash");
  CHECK(std::tuple(written.inserted, written.updated, written.deleted) == std::tuple(1, 1, 1));
  CHECK(t.rows() == lived + "1000:1:ann 1001:1:bob ");
  CHECK(replay.compare(10).first.empty());
}

TEST_CASE("comparing holds rows against the events that they follow from", "[read_model]") {
  LoansTable t;
  t.live("Borrowed", R"({"book":1,"by":"ann"})");
  t.append("Borrowed", R"({"book":1,"by":"unseen"})");
  Replay replay(t.log, loans(), 2);
  CHECK(replay.scan() == 2);  // further than the rows
  Compared compared = replay.compare(10);
  CHECK(compared.first.empty());
  CHECK(compared.until == 1);
  CHECK(replay.compare(10, 2).changed == 1);
  CHECK(replay.compare(10, 0).extra == 1);
  CHECK(replay.compare(10).first.empty());
  replay.write("hash", &t.read_models);
  CHECK(t.rows() == "1:2:unseen ");
  t.execute("BEGIN");
  t.live("Borrowed", R"({"book":2,"by":"bob"})");
  CHECK(Replay(t.log, loans(), 2).compare(10).rows == 2);
  CHECK(t.log.connection().in_transaction());
  t.execute("ROLLBACK");
  t.log.empty();
  CHECK(Replay(t.log, loans(), 2).compare(10).extra == 1);
}

TEST_CASE("comparing beside a writer finds no difference", "[read_model]") {
  LoansTable t;
  t.append_random(60'000);
  std::atomic<bool> stopped{false};
  std::thread writer([&] {
    auto other = EventLog::open(t.file.path);
    InlineReadModels read_models{{loans()}};
    for (int index = 0; !stopped; ++index) {
      const std::string data = "{\"book\":" + std::to_string(index % 700) + ",\"by\":\"during\"}";
      const NewEvent event{.type = index % 7 ? "Borrowed" : "Removed", .data = data};
      other.append({&event, 1}, {.keeps_folded = true}, &read_models);
    }
  });
  std::int64_t differences = 0;
  Position last = 0;
  for (int round = 0; round < 30; ++round) {
    const Compared compared = Replay(t.log, loans(), 2).compare(0);
    differences += compared.changed + compared.extra + compared.doubled + compared.missing;
    last = compared.until;
  }
  stopped = true;
  writer.join();
  CHECK(differences == 0);
  CHECK(last > 60'000);
}

TEST_CASE("a projection of a rare type finds its events through the index", "[read_model]") {
  LoansTable t;
  std::vector<NewEvent> noise(5000, NewEvent{.type = "Noise", .data = "{}"});
  t.log.append(noise);
  t.live("Borrowed", R"({"book":1,"by":"ann"})");
  t.log.append(noise);
  t.live("Returned", R"({"book":1})");
  t.live("Borrowed", R"({"book":1,"by":"bob"})");
  const Fold fold = fold_log(t.log, loans());
  CHECK(fold.size() == 1);
  CHECK(fold.column(0, 0).integer == 2);
  CHECK(fold.column(0, 1).view() == "bob");
}

TEST_CASE("replays beside a writer write little with the lock held, and miss nothing", "[read_model]") {
  LoansTable t;
  t.append_random(20'000);
  Replay(t.log, loans(), 1).write("hash", &t.read_models);
  std::atomic<bool> stopped{false};
  std::atomic<int> appended{0};
  std::thread writer([&] {
    auto other = EventLog::open(t.file.path);
    InlineReadModels read_models{{loans()}};
    for (int index = 0; !stopped; ++index, ++appended) {
      const std::string data = "{\"book\":" + std::to_string(index * 7 % 700) + ",\"by\":\"during\"}";
      const NewEvent event{.type = index % 11 == 0 ? "Removed" : index % 5 ? "Borrowed" : "Returned", .data = data};
      other.append({&event, 1}, {.keeps_folded = true}, &read_models);
    }
  });
  std::int64_t differences = 0;
  std::int64_t mended = 0;
  for (int round = 0; round < 60; ++round) {
    const std::string number = std::to_string(round);
    t.execute("UPDATE loans SET n = n + 1000, by = 'wrong' WHERE book % 60 = " + number +
              "; DELETE FROM loans WHERE book % 70 = " + number + "; INSERT OR IGNORE INTO loans VALUES (-" + number +
              ", 0, 'x')");
    Replay replay(t.log, loans(), 1);
    replay.scan();
    const int before = appended;
    while (appended < before + 3) std::this_thread::yield();  // what came since is folded beside
    const Written written = replay.write(round % 3 ? "hash" : "hash of round " + number, &t.read_models);
    mended += written.inserted + written.updated + written.deleted;
    const Compared compared = Replay(t.log, loans(), 1).compare(0);
    differences += compared.changed + compared.extra + compared.doubled + compared.missing;
    if (round % 10 == 0) CHECK(compared.rows > 300);
  }
  stopped = true;
  writer.join();
  CHECK(differences == 0);
  CHECK(mended > 600);
}

TEST_CASE("a replay says how many rows there are, with those that came and went meanwhile", "[read_model]") {
  LoansTable t;
  t.live("Borrowed", R"({"book":1,"by":"ann"})");
  t.live("Borrowed", R"({"book":2,"by":"ann"})");
  Replay replay(t.log, loans(), 1);
  replay.scan();
  t.live("Removed", R"({"book":1})");
  t.live("Borrowed", R"({"book":3,"by":"bob"})");
  t.live("Borrowed", R"({"book":4,"by":"bob"})");
  t.live("Removed", R"({"book":5})");
  t.execute("UPDATE loans SET by = 'x' WHERE book > 2");
  const Written written = replay.write("hash", &t.read_models);
  CHECK(written.rows == 3);
  CHECK(written.updated == 2);
  CHECK(t.rows() == "2:1:ann 3:1:bob 4:1:bob ");
}
