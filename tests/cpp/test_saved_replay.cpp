#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "eventfold/saved_replay.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

namespace {

Projection sold(const std::string& name = "Sold", const std::string& key = "item") {
  const std::string field = R"({"column": ")" + key + R"(", "field": ")" + key + R"(", "kind": "any"})";
  return {std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(
              R"({"name": ")" + name + R"(", "table": ")" + name + R"(", "key": [)" + field + R"(], "columns": [
    {"column": "n", "kind": "integer", "op": "count", "from": [["Sold", null]], "cleared_by": [], "initial": 0},
    {"column": "sum", "kind": "decimal", "places": 2, "op": "sum", "from": [["Sold", "price"]], "cleared_by": [],
     "initial": 0},
    {"column": "by", "kind": "json", "op": "list", "limit": 5, "from": [["Sold", "by"]], "cleared_by": ["Returned"],
     "initial": "[]"}],
  "delete_on": ["Removed"], "handlers": [],
  "events": {"Sold": {")" +
              key + R"(": {"kind": "any", "keys": [")" + key + R"("]}, "by": {"kind": "text", "keys": ["by"]},
                      "price": {"kind": "decimal", "places": 2, "keys": ["price"]}},
             "Returned": {")" +
              key + R"(": {"kind": "any", "keys": [")" + key + R"("]}},
             "Removed": {")" +
              key + R"(": {"kind": "any", "keys": [")" + key + R"("]}}}})")),
          nullptr};
}

struct Shop : TemporaryLog {
  explicit Shop(std::size_t count, int items = 700) {
    execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
    execute("CREATE TABLE Sold (item, n, sum, by); CREATE TABLE Shops (shop, n, sum, by)");
    append_random(count, items);
  }
  void append_random(std::size_t count, int items = 700) {
    std::vector<std::string> data;
    std::vector<NewEvent> events;
    for (std::size_t index = 0; index < count; ++index) {
      const auto item = random() % static_cast<unsigned>(items);
      data.push_back("{\"item\":" + (item % 3 ? std::to_string(item) : "\"i" + std::to_string(item) + "\"") +
                     ",\"shop\":" + std::to_string(random() % 9) + ",\"by\":\"p" + std::to_string(random() % 50) +
                     "\",\"price\":" + std::to_string(random() % 900) + "." + std::to_string(random() % 90 + 10) + "}");
    }
    constexpr std::string_view kTypes[] = {"Sold", "Sold", "Sold", "Other", "Returned", "Removed"};
    for (std::size_t index = 0; index < count; ++index) {
      events.push_back({.type = kTypes[random() % (index % 40 ? 5 : 6)], .data = data[index]});
    }
    log.append(events, {.trusted = true, .keeps_folded = true});
  }
  std::string text(const std::string& sql) {
    std::string text;
    Statement& statement = log.connection().prepare(sql);
    ResetGuard guard(statement);
    statement.bind({});
    while (statement.step()) text.append(statement.column(0).view()).append("\n");
    return text;
  }
  std::string rows(const std::string& table = "Sold", const std::string& key = "item") {
    return text("SELECT " + key + " || '|' || n || '|' || sum || '|' || by FROM " + table + " ORDER BY 1");
  }
  std::string saved() { return text("SELECT name || ' ' || parts FROM eventfold_replay ORDER BY 1"); }
  std::string parts() { return text("SELECT name || ' ' || number FROM eventfold_replay_part ORDER BY 1"); }
  // What the first event said is lost, by a disk, say: only who has folded it before can go on.
  void lose_the_first_event() {
    execute(
        "DROP TRIGGER eventfold_event_changed; INSERT INTO eventfold_unlocked VALUES ('test'); UPDATE eventfold_event "
        "SET data = '{' WHERE position = "
        "(SELECT min(position) FROM eventfold_event WHERE type_id = (SELECT id FROM eventfold_type WHERE name = "
        "'Sold')); DELETE FROM eventfold_unlocked");
  }
  // Scans, saving whenever it can, and is not there any more when it should write.
  Position begin(const Projection& projection, int threads, std::string_view definition = "d") {
    Replay replay(log, projection, threads);
    replay.read_at_a_time(5000);
    replay.save_each(0, definition);
    replay.scan();
    return Replay(log, projection).save_each(1, definition);
  }
  std::mt19937 random{5};
};

}  // namespace

TEST_CASE("a replay goes on from what an earlier one has saved, and comes to the same rows", "[saved]") {
  const int threads = GENERATE(1, 2, 3);
  const int items = GENERATE(700, 40'000);
  Shop t(70'000, items);
  Replay(t.log, sold()).write("hash");
  const std::string right = t.rows();
  t.execute("DELETE FROM Sold");
  const Position saved = t.begin(sold(), threads);
  CHECK(saved >= 20'000);
  CHECK(saved < 70'000);
  t.lose_the_first_event();
  Replay anew(t.log, sold(), threads);
  CHECK_THROWS_AS(anew.scan(), CorruptLog);
  Replay replay(t.log, sold(), threads);
  CHECK(replay.save_each(10, "d") == saved);
  replay.scan([&](Position done, Position total) {
    CHECK(done >= saved);
    CHECK(total == 70'000);
  });
  CHECK(replay.write("hash").head == 70'000);
  CHECK(t.rows() == right);
  CHECK(t.saved().empty());
  CHECK(t.parts().empty());
}

TEST_CASE("what was saved is not used for another definition, name or log, or if it is not wanted", "[saved]") {
  Shop t(30'000);
  const Position saved = t.begin(sold(), 1);
  REQUIRE(saved > 0);
  CHECK(Replay(t.log, sold("Shops", "shop")).save_each(1, "d") == 0);
  SECTION("another definition") {
    CHECK(Replay(t.log, sold()).save_each(1, "other") == 0);
    CHECK(t.saved().empty());
  }
  SECTION("another log") { t.execute("UPDATE eventfold_header SET log_id = 'other', stamp = random()"); }
  SECTION("a log that ends before it") { t.execute("UPDATE eventfold_replay SET position = 30001"); }
  SECTION("an event that was changed, or removed") {
    const std::string what =
        GENERATE("UPDATE eventfold_event SET data = '{}' WHERE", "DELETE FROM eventfold_event WHERE");
    t.execute("INSERT INTO eventfold_unlocked VALUES ('test')");
    t.execute(what + " position > " + std::to_string(saved));
    CHECK(Replay(t.log, sold()).save_each(1, "d") == saved);
    t.execute(what + " position = " + std::to_string(saved));
    t.execute("DELETE FROM eventfold_unlocked");
  }
  SECTION("a log that was emptied") {
    t.log.empty();
    CHECK(t.saved().empty());
  }
  SECTION("not wanted") {
    CHECK(Replay(t.log, sold()).save_each(1, "d") == saved);
    Replay(t.log, sold()).begin_anew();
  }
  CHECK(Replay(t.log, sold()).save_each(1, "d") == 0);
  CHECK(t.parts().empty());
}

TEST_CASE("saved rows that are damaged or not whole are left, and the replay begins anew", "[saved]") {
  Shop t(30'000);
  Replay(t.log, sold()).write("hash");
  const std::string right = t.rows();
  REQUIRE(t.begin(sold(), 1) > 0);
  const char* const damage =
      GENERATE("UPDATE eventfold_replay_part SET bytes = x'0102'",
               "UPDATE eventfold_replay_part SET bytes = substr(bytes, 1, 1000)",
               "UPDATE eventfold_replay_part SET bytes = x'ff'", "DELETE FROM eventfold_replay_part");
  t.execute(damage);
  t.execute("DELETE FROM Sold");
  Replay replay(t.log, sold());
  replay.save_each(10, "d");
  replay.write("hash");
  CHECK(t.rows() == right);
  CHECK(t.saved().empty());
}

TEST_CASE("parts without their last word do not count, and are removed", "[saved]") {
  Shop t(30'000);
  const Position saved = t.begin(sold(), 1);
  t.execute("INSERT INTO eventfold_replay_part VALUES (1, 0, 'Sold', x'00'), (2, 0, 'Long ago', x'00')");
  CHECK(Replay(t.log, sold()).save_each(1, "d") == saved);
  CHECK(t.parts() == "Sold 0\n");
}

TEST_CASE("a save that another replay has spoilt does not count, and one that came further stays", "[saved]") {
  Shop t(100);
  SavedReplay one(t.log, "Sold", "d");
  SavedReplay other(t.log, "Sold", "d");
  const auto nothing = [](std::string_view) {};
  CHECK(one.load(100, nothing) == 0);
  CHECK(other.load(100, nothing) == 0);
  int left = 2;
  CHECK_FALSE(one.save(50, [&](std::string& part) {
    part = "part";
    if (left == 1) other.clean_up();
    return left-- > 0;
  }));
  CHECK(t.saved().empty());
  CHECK(t.parts().empty());
  const auto once = [](int& times) {
    return [&times](std::string& part) {
      part = "part";
      return times-- > 0;
    };
  };
  int times = 3;
  CHECK(one.save(60, once(times)));
  times = 1;
  CHECK_FALSE(other.save(40, once(times)));
  CHECK(one.position() == 60);
  CHECK(t.parts() == "Sold 0\nSold 1\nSold 2\n");
  CHECK(other.load(59, nothing) == 0);
  t.log.empty();
  times = 1;
  CHECK_FALSE(one.save(70, once(times)));
  CHECK(t.parts().empty());
}

TEST_CASE("several replays in one reading go on each from where it was", "[saved]") {
  Shop t(150'000);  // more than one batch of a shared reading
  const Projection shops = sold("Shops", "shop");
  Replay(t.log, sold()).write("hash");
  Replay(t.log, shops).write("hash");
  const std::string right = t.rows();
  const std::string right_of_shops = t.rows("Shops", "shop");
  t.execute("DELETE FROM Sold; DELETE FROM Shops");
  const bool both = GENERATE(true, false);
  {
    Replay one(t.log, sold(), 2);
    Replay other(t.log, shops, 2);
    one.save_each(0, "d");
    if (both) other.save_each(0, "d");
    Replay* replays[] = {&one, &other};
    Replay::scan_together(replays);
  }
  if (both) t.lose_the_first_event();
  Replay one(t.log, sold(), 2);
  Replay other(t.log, shops, 2);
  CHECK(one.save_each(10, "d") > 30'000);
  CHECK((other.save_each(10, "d") > 30'000) == both);
  Replay* replays[] = {&one, &other};
  Replay::scan_together(replays);
  one.write("hash");
  other.write("hash");
  CHECK(t.rows() == right);
  CHECK(t.rows("Shops", "shop") == right_of_shops);
  CHECK(t.parts().empty());
}

TEST_CASE("nothing is saved in a transaction, in memory, or in a log without the tables for it", "[saved]") {
  Shop t(30'000);
  SECTION("in a transaction") {
    Transaction transaction(t.log.connection());
    Replay replay(t.log, sold(), 1);
    CHECK(replay.save_each(0, "d") == 0);
    replay.scan();
    CHECK(t.parts().empty());
    replay.write("hash");
  }
  SECTION("without tables") {
    t.execute("DROP TABLE eventfold_replay; DROP TABLE eventfold_replay_part");
    CHECK(t.begin(sold(), 1) == 0);
    Replay(t.log, sold()).begin_anew();
    t.log.install();
    CHECK(t.begin(sold(), 1) > 0);
  }
  SECTION("in memory") {
    const char* const name = GENERATE(":memory:", "file:shared?mode=memory&cache=shared");
    auto log = EventLog(std::shared_ptr<Connection>(open_sqlite(name)));
    log.install();
    CHECK_FALSE(SavedReplay(log, "Sold", "d").possible());
  }
}

TEST_CASE("different values that are counted are saved too, however many a row has", "[saved]") {
  Shop t(60'000, GENERATE(1, 700));
  const Projection projection{std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(R"({
    "name": "Sold", "table": "Sold", "key": [{"column": "item", "field": "item", "kind": "any"}],
    "columns": [{"column": "n", "kind": "integer", "op": "distinct", "from": [["Sold", "price"]], "cleared_by": [],
                 "initial": 0}],
    "delete_on": [], "handlers": [],
    "events": {"Sold": {"item": {"kind": "any", "keys": ["item"]},
                        "price": {"kind": "text", "keys": ["price"], "mixed": true}}}})")),
                              nullptr};
  const int threads = GENERATE(1, 2);
  Replay(t.log, projection, 1).write("hash");
  const auto all = [&] {
    return t.text("SELECT item || '|' || n FROM Sold ORDER BY 1") +
           t.text("SELECT key || '|' || value FROM eventfold_distinct ORDER BY 1");
  };
  const std::string right = all();
  t.execute("DELETE FROM Sold; DELETE FROM eventfold_distinct");
  const Position saved = t.begin(projection, threads);
  CHECK(saved >= 20'000);
  t.lose_the_first_event();
  Replay replay(t.log, projection, threads);
  CHECK(replay.save_each(10, "d") == saved);
  replay.write("hash");
  CHECK(all() == right);
}

TEST_CASE("a writer gets its turn while a replay saves many rows", "[saved]") {
  Shop t(200'000, 150'000);
  std::atomic<bool> done = false;
  int written = 0;
  std::thread writer([&] {
    auto other = EventLog::open(t.file.path);
    while (!done) {
      const NewEvent event{.type = "Sold", .data = R"({"item":1,"price":1,"by":"x"})"};
      other.append({&event, 1});
      ++written;
    }
  });
  const Position saved = t.begin(sold(), 2);
  done = true;
  writer.join();
  CHECK(written > 10);
  CHECK(saved > 0);
  Replay replay(t.log, sold());
  CHECK(replay.save_each(10, "d") == saved);
  replay.write("hash");
  CHECK(Replay(t.log, sold()).compare(1).first.empty());
}
