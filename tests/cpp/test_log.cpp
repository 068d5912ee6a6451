#include <catch2/catch.hpp>
#include <set>

#include "eventfold/error.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

TEST_CASE("positions grow by one from one", "[log]") {
  TemporaryLog t;
  CHECK(t.append("A", "{}").first == 1);
  CHECK(t.append("A", "{}").first == 2);
  CHECK(t.log.head() == 2);
}

TEST_CASE("a stream counts its own versions", "[log]") {
  TemporaryLog t;
  t.append("A", "{}", "s");
  t.append("A", "{}", "other");
  CHECK(t.append("A", "{}", "s").versions == std::vector<Version>{2});
  CHECK(t.log.stream_head("s") == 2);
  CHECK(t.log.stream_head("none") == 0);
}

TEST_CASE("what is appended is read back as it was", "[log]") {
  TemporaryLog t;
  const NewEvent event{.type = "A", .data = R"({"x":1})", .stream = "s", .metadata = R"({"user":"ann"})"};
  const auto appended = t.log.append({&event, 1});
  const auto events = t.log.read();
  REQUIRE(events.size() == 1);
  CHECK(events[0].position == 1);
  CHECK(events[0].type == "A");
  CHECK(events[0].data == R"({"x":1})");
  CHECK(events[0].stream == "s");
  CHECK(events[0].version == 1);
  CHECK(events[0].metadata == R"({"user":"ann"})");
  CHECK(events[0].created == appended.created);
  CHECK(events[0].id == appended.ids[0]);
  CHECK((events[0].id[6] >> 4) == 7);
}

TEST_CASE("events are read by type, stream and range, in both directions, with a limit", "[log]") {
  TemporaryLog t;
  for (int index = 0; index < 50; ++index) {
    t.append(index % 2 ? "Odd" : "Even", "{}", index % 5 ? "" : "fives");
  }
  t.append("Rare", "{}");
  const auto positions = [&](const Query& query) {
    std::vector<Position> found;
    // small batches, so that paging is tested too
    t.log.read(query, 3, [&](std::span<const RecordedEvent> batch) {
      for (const auto& event : batch) found.push_back(event.position);
    });
    return found;
  };
  using P = std::vector<Position>;
  CHECK(positions({.types = {"Rare"}}) == P{51});
  CHECK(positions({.types = {"Odd"}, .limit = 3}) == P{2, 4, 6});
  CHECK(positions({.types = {"Odd"}, .backward = true, .limit = 4}) == P{50, 48, 46, 44});
  CHECK(positions({.types = {"Odd", "Rare"}, .after = 46}) == P{48, 50, 51});
  CHECK(positions({.types = {"Rare", "Odd"}, .backward = true, .limit = 4}) == P{51, 50, 48, 46});
  CHECK(positions({.stream = "fives"}) == P{1, 6, 11, 16, 21, 26, 31, 36, 41, 46});
  CHECK(positions({.stream = "fives", .after = 11, .until = 31}) == P{16, 21, 26, 31});
  CHECK(positions({.stream = "fives", .until = 33, .backward = true, .limit = 5}) == P{31, 26, 21, 16, 11});
  CHECK(positions({.types = {"Even"}, .stream = "fives"}) == P{1, 11, 21, 31, 41});
  CHECK(positions({.stream = "nobody"}).empty());
  CHECK(positions({.after = 48}) == P{49, 50, 51});
  CHECK(positions({.limit = 0}).empty());
}

TEST_CASE("a negative limit and an unknown type are refused", "[log]") {
  TemporaryLog t;
  t.append("A", "{}");
  CHECK_THROWS_AS(t.log.read({.limit = -1}), InvalidEvent);
  CHECK_THROWS_AS(t.log.read({.types = {"B"}}), UnknownEventType);
}

TEST_CASE("a batch is recorded whole or not at all", "[log]") {
  TemporaryLog t;
  const NewEvent events[] = {{.type = "A", .data = "{}"}, {.type = "A", .data = "no json"}};
  CHECK_THROWS_AS(t.log.append(events), InvalidEvent);
  CHECK(t.log.head() == 0);
}

TEST_CASE("an event of more than 4 MiB is refused", "[log]") {
  TemporaryLog t;
  const std::string large = R"({"x":")" + std::string(10 << 20, 'x') + R"("})";
  CHECK_THROWS_WITH(t.append("A", large), Catch::Contains("4 MiB"));
}

TEST_CASE("an append within a rolled back transaction leaves nothing, and no id of it is used again", "[log]") {
  TemporaryLog t;
  t.execute("BEGIN IMMEDIATE");
  t.append("Rolled", "{}", "rolled-stream");
  t.execute("ROLLBACK");
  CHECK(t.log.head() == 0);
  CHECK_FALSE(t.log.find_type("Rolled"));
  t.append("Kept", "{}", "kept-stream");
  t.append("Rolled", "{}", "rolled-stream");
  const auto events = t.log.read();
  REQUIRE(events.size() == 2);
  CHECK(events[0].type == "Kept");
  CHECK(events[0].stream == "kept-stream");
  CHECK(events[1].type == "Rolled");
  CHECK(events[1].version == 1);
}

TEST_CASE("a rolled back savepoint takes its names with it", "[log]") {
  TemporaryLog t;
  t.execute("BEGIN IMMEDIATE");
  t.append("First", "{}", "s");
  t.execute("SAVEPOINT inner");
  t.append("Second", "{}", "s");
  t.append("Second", "{}", "new");
  t.execute("ROLLBACK TO inner; RELEASE inner");
  t.append("Third", "{}", "s");
  t.append("Third", "{}", "other");
  t.execute("COMMIT");
  const auto events = t.log.read();
  REQUIRE(events.size() == 3);
  CHECK(events[1].type == "Third");
  CHECK(events[1].version == 2);
  CHECK(events[2].stream == "other");
}

TEST_CASE("two connections to one file share one order", "[log]") {
  TemporaryLog t;
  auto other = EventLog::open(t.file.path);
  const NewEvent event{.type = "B", .data = "{}", .stream = "s"};
  t.append("A", "{}", "s");
  other.append({&event, 1});
  t.append("A", "{}", "s");
  const auto events = other.read({.stream = "s"});
  REQUIRE(events.size() == 3);
  CHECK(events[1].type == "B");
  CHECK(events[2].version == 3);
  CHECK(t.log.info().log_id == other.info().log_id);
}

TEST_CASE("a log replaced by an older copy of itself is noticed", "[log]") {
  TemporaryLog t;
  TemporaryFile copy;
  t.append("A", "{}", "a");
  std::filesystem::remove(copy.path);
  t.execute("VACUUM INTO '" + copy.path + "'");
  t.append("B", "{}", "b");
  // the older state comes back into the open connection, as a restore would do it
  t.execute("ATTACH '" + copy.path + "' AS copy");
  t.execute(
      "PRAGMA writable_schema = 0; INSERT INTO eventfold_unlocked VALUES ('restore');"
      "DELETE FROM eventfold_event WHERE position > 1; DELETE FROM eventfold_type WHERE name = 'B';"
      "DELETE FROM eventfold_stream WHERE name = 'b'; DELETE FROM eventfold_unlocked;"
      "UPDATE eventfold_header SET (head, stamp) = (SELECT head, stamp FROM copy.eventfold_header);"
      "UPDATE sqlite_sequence SET seq = 1 WHERE name LIKE 'eventfold_%'");
  t.append("C", "{}", "c");
  t.append("B", "{}", "b");
  const auto events = t.log.read();
  REQUIRE(events.size() == 3);
  CHECK(events[1].type == "C");
  CHECK(events[1].stream == "c");
  CHECK(events[2].type == "B");
  CHECK(events[2].stream == "b");
}

TEST_CASE("the database refuses to change, delete or replace an event", "[log]") {
  TemporaryLog t;
  t.append("A", "{}");
  CHECK_THROWS_AS(t.execute("UPDATE eventfold_event SET data = '{\"x\":1}'"), ImmutableEvent);
  CHECK_THROWS_AS(t.execute("DELETE FROM eventfold_event"), ImmutableEvent);
  CHECK_THROWS_AS(t.execute("INSERT OR REPLACE INTO eventfold_event (position, type_id, created, data, event_id) "
                            "VALUES (1, 1, 1, '{}', x'00')"),
                  ImmutableEvent);
  CHECK(t.log.read().size() == 1);
  CHECK(t.log.read()[0].data == "{}");
}

TEST_CASE("what plain SQL inserted at the end is an event like any other", "[log]") {
  TemporaryLog t;
  t.append("A", "{}");
  t.execute("INSERT INTO eventfold_event (type_id, created, data) VALUES (1, 1, '{}')");
  CHECK(t.append("A", "{}").first == 3);
}

TEST_CASE("a large batch is recorded in order, whatever its size", "[log]") {
  TemporaryLog t;
  for (std::size_t size : {1u, 31u, 32u, 33u, 100u}) {
    std::vector<std::string> data;
    for (std::size_t index = 0; index < size; ++index) data.push_back("{\"x\":" + std::to_string(index) + "}");
    std::vector<NewEvent> events;
    for (const auto& text : data) events.push_back({.type = "A", .data = text, .stream = "s"});
    const auto appended = t.log.append(events);
    const auto recorded = t.log.read({.after = appended.first - 1});
    REQUIRE(recorded.size() == size);
    for (std::size_t index = 0; index < size; ++index) CHECK(recorded[index].data == data[index]);
  }
}

TEST_CASE("positions are not used again after the log was emptied or its tail was cut off", "[log]") {
  TemporaryLog t;
  t.append("A", "{}");
  t.append("A", "{}");
  const auto before = t.log.info();
  t.log.empty();
  CHECK(t.log.read().empty());
  CHECK(t.log.info().epoch == before.epoch + 1);
  CHECK(t.append("A", "{}").first == 3);
  t.execute(
      "INSERT INTO eventfold_unlocked VALUES ('test'); DELETE FROM eventfold_event; DELETE FROM eventfold_unlocked");
  CHECK(t.append("A", "{}").first == 4);
}

TEST_CASE("created never decreases", "[log]") {
  TemporaryLog t;
  t.append("A", "{}");
  t.execute("UPDATE eventfold_header SET last_created = 9000000000000000");
  CHECK(t.append("A", "{}").created == 9000000000000000);
}

TEST_CASE("a log of a newer release is refused and not touched", "[log]") {
  TemporaryLog t;
  t.execute("UPDATE eventfold_header SET schema_version = 99");
  CHECK_THROWS_AS(EventLog::open(t.file.path), UnsupportedSchema);
  CHECK_THROWS_AS(t.append("A", "{}"), UnsupportedSchema);
}

TEST_CASE("tables of our names that are not ours are refused", "[log]") {
  TemporaryFile file;
  auto connection = open_sqlite(file.path);
  connection->execute_script("CREATE TABLE eventfold_header (a); CREATE TABLE eventfold_event (b)");
  CHECK_THROWS_AS(EventLog::open(file.path), UnsupportedSchema);
}

TEST_CASE("a database without a log says how to get one", "[log]") {
  TemporaryFile file;
  EventLog log{std::shared_ptr<Connection>(open_sqlite(file.path))};
  const NewEvent event{.type = "A", .data = "{}"};
  CHECK_FALSE(log.installed());
  CHECK_THROWS_AS(log.append({&event, 1}), LogNotFound);
  CHECK_THROWS_WITH(log.head(), Catch::Contains("migrate"));
}

TEST_CASE("an expected version guards a stream", "[log]") {
  TemporaryLog t;
  const NewEvent event{.type = "A", .data = "{}", .stream = "s"};
  t.log.append({&event, 1}, {.expected_version = kNoStream});
  CHECK_THROWS_AS(t.log.append({&event, 1}, {.expected_version = kNoStream}), WrongExpectedVersion);
  t.log.append({&event, 1}, {.expected_version = 1});
  t.log.append({&event, 1}, {.expected_version = kStreamExists});
  CHECK_THROWS_AS(t.log.append({&event, 1}, {.expected_version = 2}), WrongExpectedVersion);
  const NewEvent streamless{.type = "A", .data = "{}"};
  CHECK_THROWS_AS(t.log.append({&streamless, 1}, {.expected_version = 0}), InvalidEvent);
  CHECK(t.log.stream_head("s") == 3);
}

TEST_CASE("ids of many appends are all different and ordered", "[log]") {
  TemporaryLog t;
  std::vector<NewEvent> events(1000, NewEvent{.type = "A", .data = "{}"});
  std::set<Uuid> ids;
  for (int round = 0; round < 3; ++round) {
    const auto appended = t.log.append(events);
    CHECK(std::is_sorted(appended.ids.begin(), appended.ids.end()));
    ids.insert(appended.ids.begin(), appended.ids.end());
  }
  CHECK(ids.size() == 3000);
}

TEST_CASE("statistics count events, types and streams", "[log]") {
  TemporaryLog t;
  t.append("A", "{}", "s");
  t.append("B", "{}", "s");
  t.append("A", "{}");
  const auto stats = t.log.stats();
  CHECK(stats.events == 3);
  CHECK(stats.events_by_type == std::map<std::string, std::int64_t>{{"A", 2}, {"B", 1}});
  CHECK(stats.streams == 1);
  CHECK(stats.bytes > 0);
}

TEST_CASE("a renamed type keeps its events", "[log]") {
  TemporaryLog t;
  t.append("Old", "{}");
  t.log.rename_type("Old", "New");
  CHECK(t.log.read({.types = {"New"}}).size() == 1);
  CHECK_THROWS_AS(t.log.type_id("Old"), UnknownEventType);
}

namespace {
struct Failing : AppendListener {
  void appended(Connection&, std::span<const EventView> events) override {
    seen = events.size();
    throw ProjectionError("no");
  }
  std::size_t seen = 0;
};
}  // namespace

TEST_CASE("a listener that throws undoes the append", "[log]") {
  TemporaryLog t;
  Failing listener;
  const NewEvent event{.type = "A", .data = "{}", .stream = "s"};
  CHECK_THROWS_AS(t.log.append({&event, 1}, {}, &listener), ProjectionError);
  CHECK(listener.seen == 1);
  CHECK(t.log.head() == 0);
  CHECK(t.append("A", "{}", "s").versions == std::vector<Version>{1});
}
