// Events that nobody folded when they were recorded: by triggers of a tracked table, or by a program without read
// models.
#include <catch2/catch.hpp>
#include <set>

#include "base/uuid.hpp"
#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

namespace {

constexpr const char* kLoans = R"({
  "name": "Loans", "table": "loans", "key": [{"column": "book", "field": "book", "kind": "integer"}],
  "columns": [{"column": "n", "kind": "integer", "op": "count", "from": [["Borrowed", null]], "cleared_by": [],
               "initial": 0}],
  "delete_on": [], "handlers": [], "events": {"Borrowed": {"book": {"kind": "integer", "keys": ["book"]}}}})";

Projection loans() { return {std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(kLoans)), nullptr}; }

using Range = std::optional<std::pair<Position, Position>>;

struct Tracked : TemporaryLog {
  InlineReadModels read_models{{loans()}};
  Tracked() { execute("CREATE TABLE loans (book INTEGER PRIMARY KEY, n INTEGER NOT NULL)"); }

  // As a trigger does it: no id, no write to the header.
  void by_trigger(std::string_view data, const std::string& type = "Borrowed") {
    log.intern_type(type);
    execute(
        "INSERT INTO eventfold_event (position, type_id, created, data) "
        "SELECT head + 1, (SELECT id FROM eventfold_type WHERE name = '" +
        type + "'), max(last_created, 1700000000123456), '" + std::string(data) + "' FROM eventfold_head");
  }
  Appended kept(std::string_view data, AppendListener* listener) {
    const NewEvent event{.type = "Borrowed", .data = data};
    return log.append({&event, 1}, {.keeps_folded = true}, listener);
  }
  std::string rows(const std::string& table = "loans") {
    std::string text;
    auto& statement = log.connection().prepare("SELECT book || ':' || n FROM " + table + " ORDER BY book");
    ResetGuard guard(statement);
    statement.bind({});
    while (statement.step()) text.append(statement.column(0).view()).append(" ");
    return text;
  }
};

struct Seen : AppendListener {
  std::vector<std::vector<Position>> batches;
  void appended(Connection&, std::span<const EventView> events) override {
    auto& batch = batches.emplace_back();
    for (const EventView& event : events) batch.push_back(event.position);
  }
};

}  // namespace

TEST_CASE("without read models to keep, the head counts as folded", "[unfolded]") {
  Tracked t;
  t.append("Borrowed", R"({"book":1})");
  t.kept(R"({"book":1})", nullptr);
  CHECK_FALSE(t.log.unfolded());
}

TEST_CASE("an append that fails, or is rolled back, leaves events to fold", "[unfolded]") {
  Tracked t;
  t.by_trigger(R"({"book":1})");
  CHECK_THROWS_AS(t.kept(R"({"book":null})", &t.read_models), ProjectionError);
  CHECK(t.rows().empty());
  CHECK(t.log.unfolded() == Range({0, 1}));
  t.execute("BEGIN IMMEDIATE");
  t.kept(R"({"book":1})", &t.read_models);
  CHECK(t.rows() == "1:2 ");
  t.execute("ROLLBACK");
  CHECK(t.log.unfolded() == Range({0, 1}));
  t.kept(R"({"book":1})", &t.read_models);
  CHECK(t.rows() == "1:2 ");
}

TEST_CASE("pending events are folded when asked, only those of types that are read", "[unfolded]") {
  Tracked t;
  CHECK_FALSE(t.log.fold_pending(&t.read_models));
  for (int index = 0; index < 5000; ++index) t.append("Noise", "{}");
  t.by_trigger(R"({"book":7})");
  t.by_trigger(R"({"book":7})");
  CHECK(t.log.fold_pending(&t.read_models) == Range({0, 5002}));
  CHECK(t.rows() == "7:2 ");
  CHECK_FALSE(t.log.unfolded());
  CHECK_FALSE(t.log.fold_pending(&t.read_models));
  t.by_trigger("{}", "Unread");
  CHECK(t.log.fold_pending(&t.read_models) == Range({5002, 5003}));
  CHECK(t.rows() == "7:2 ");
  CHECK_FALSE(t.log.unfolded());
}

TEST_CASE("many pending events come in batches", "[unfolded]") {
  Tracked t;
  const std::vector<NewEvent> events(10'000, NewEvent{.type = "Borrowed", .data = R"({"book":3})"});
  t.log.append(events);
  Seen seen;
  CHECK(t.log.fold_pending(&seen) == Range({0, 10'000}));
  CHECK(seen.batches.size() > 1);
  Position expected = 0;
  bool in_order = true;
  for (const auto& batch : seen.batches) {
    for (const Position position : batch) in_order = in_order && position == ++expected;
  }
  CHECK(in_order);
}

TEST_CASE("folding that fails leaves its events to fold, and the transaction as it was", "[unfolded]") {
  Tracked t;
  t.execute("BEGIN IMMEDIATE");
  t.by_trigger(R"({"book":1})");
  t.by_trigger(R"({"book":null})");
  CHECK_THROWS_AS(t.log.fold_pending(&t.read_models), ProjectionError);
  CHECK(t.log.connection().in_transaction());
  CHECK(t.rows().empty());
  t.execute("COMMIT");
  CHECK(t.log.unfolded() == Range({0, 2}));
}

TEST_CASE("a handler cannot have anything folded", "[unfolded]") {
  Tracked t;
  t.by_trigger(R"({"book":1})");
  t.log.connection().folding = true;
  CHECK_THROWS_AS(t.log.fold_pending(&t.read_models), ProjectionError);
  t.log.connection().folding = false;
  CHECK(t.log.fold_pending(&t.read_models) == Range({0, 1}));
}

TEST_CASE("an emptied log has nothing to fold, and goes on after its last position", "[unfolded]") {
  Tracked t;
  t.by_trigger(R"({"book":1})");
  t.by_trigger(R"({"book":1})");
  t.log.empty();
  CHECK_FALSE(t.log.unfolded());
  CHECK(t.log.read().empty());
  CHECK(t.append("Borrowed", R"({"book":1})").first == 3);
}

TEST_CASE("what a replay has in its rows is not folded again", "[unfolded]") {
  Tracked t;
  t.kept(R"({"book":1})", &t.read_models);
  t.by_trigger(R"({"book":1})");
  Replay replay(t.log, loans(), 1);
  replay.scan();
  t.by_trigger(R"({"book":1})");
  SECTION("with the other read models") {
    Seen others;
    CHECK(replay.write("hash", &others).head == 3);
    CHECK(others.batches == std::vector<std::vector<Position>>{{2, 3}});
  }
  SECTION("alone") { replay.write("hash"); }
  CHECK(t.rows() == "1:3 ");
  t.kept(R"({"book":1})", &t.read_models);
  CHECK(t.rows() == "1:4 ");
}

TEST_CASE("a replay as of a position fills a temporary table, and nothing else", "[unfolded]") {
  Tracked t;
  t.execute("PRAGMA journal_mode = WAL");
  const std::vector<NewEvent> events(50'000, NewEvent{.type = "Borrowed", .data = R"({"book":3})"});
  t.log.append(events);
  t.log.fold_pending(&t.read_models);
  t.by_trigger(R"({"book":4})");
  const auto before = t.log.unfolded();
  t.execute("CREATE TEMP TABLE loans (book INTEGER PRIMARY KEY, n INTEGER NOT NULL)");
  for (const int threads : {1, 2}) {
    Replay replay(t.log, loans(), threads, 30'000);
    CHECK(replay.scan() == 30'000);
    const Written written = replay.write("hash");
    CHECK(written.head == 30'000);
    CHECK(written.inserted == (threads == 1 ? 1 : 0));
    CHECK(t.rows("temp.loans") == "3:30000 ");
  }
  Replay beyond(t.log, loans(), 2, 99'999);
  CHECK(beyond.write("hash").head == 50'001);
  CHECK(t.rows("temp.loans") == "3:50000 4:1 ");
  t.execute("DROP TABLE temp.loans");
  CHECK(t.rows() == "3:50000 ");
  CHECK(t.log.unfolded() == before);
  auto& checkpoints = t.log.connection().prepare("SELECT count(*) FROM eventfold_read_model");
  ResetGuard guard(checkpoints);
  checkpoints.bind({});
  REQUIRE(checkpoints.step());
  CHECK(checkpoints.column(0).integer == 0);
}

TEST_CASE("an event without an id has one that follows from the log, its time and its position", "[unfolded]") {
  Tracked t;
  t.by_trigger("{}");
  t.by_trigger("{}");
  const auto events = t.log.read();
  REQUIRE(events.size() == 2);
  const std::string id = format_uuid(events[0].id);
  CHECK(id.substr(0, 13) == "018bcfe5-687b");  // 1700000000123 milliseconds
  CHECK(id[14] == '7');
  CHECK(std::string("89ab").find(id[19]) != std::string::npos);
  CHECK(events[0].id != events[1].id);
  CHECK(t.log.read()[0].id == events[0].id);
  CHECK(derived_uuid(t.log.info().log_id, events[0].created, 1) == events[0].id);
  CHECK(derived_uuid("another", events[0].created, 1) != events[0].id);
  std::set<Uuid> ids;
  for (Position position = 1; position <= 10'000; ++position) ids.insert(derived_uuid("log", 1, position));
  CHECK(ids.size() == 10'000);
}

TEST_CASE("metadata may stand aside, and is as fixed as the event", "[unfolded]") {
  Tracked t;
  t.by_trigger("{}");
  t.by_trigger("{}");
  t.execute("INSERT INTO eventfold_metadata VALUES (2, '{\"user\":\"ann\"}')");
  const auto events = t.log.read();
  CHECK(events[0].metadata.empty());
  CHECK(events[1].metadata == R"({"user":"ann"})");
  for (const char* change : {"UPDATE eventfold_metadata SET metadata = '{}'", "DELETE FROM eventfold_metadata",
                             "INSERT OR REPLACE INTO eventfold_metadata VALUES (2, '{}')",
                             "INSERT INTO eventfold_metadata VALUES (2, '{}')"}) {
    CHECK_THROWS_AS(t.execute(change), ImmutableEvent);
  }
  t.log.empty();
  t.by_trigger("{}");
  CHECK(t.log.read()[0].metadata.empty());
}

TEST_CASE("an event that a trigger recorded cannot be replaced once it was folded", "[unfolded]") {
  Tracked t;
  t.by_trigger(R"({"book":1})");
  t.log.fold_pending(&t.read_models);
  CHECK_THROWS_AS(t.execute("REPLACE INTO eventfold_event (position, type_id, created, data) VALUES (1, 1, 1, '{}')"),
                  ImmutableEvent);
}
