#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

namespace {

// Counts the events of some types, and knows the latest "by", for each value of a key.
Projection counting(const std::string& name, const std::string& key, const std::vector<std::string>& types) {
  std::string from;
  std::string latest;
  std::string events;
  for (const std::string& type : types) {
    const std::string comma = from.empty() ? "" : ", ";
    from += comma + "[\"" + type + "\", null]";
    latest += comma + "[\"" + type + "\", \"by\"]";
    events += comma + "\"" + type + "\": {\"" + key + "\": {\"kind\": \"any\", \"keys\": [\"" + key +
              "\"]}, \"by\": {\"kind\": \"text\", \"keys\": [\"by\"]}}";
  }
  const std::string json =
      "{\"name\": \"" + name + "\", \"table\": \"" + name + "\", \"key\": [{\"column\": \"" + key +
      "\", \"field\": \"" + key + "\", \"kind\": \"any\"}], \"columns\": [" +
      "{\"column\": \"n\", \"kind\": \"integer\", \"op\": \"count\", \"from\": [" + from +
      "], \"cleared_by\": [], \"initial\": 0}, {\"column\": \"last\", \"kind\": \"text\", \"op\": " +
      "\"latest\", \"from\": [" + latest +
      "], \"cleared_by\": []}], \"delete_on\": [], \"handlers\": [], \"events\": {" + events + "}}";
  return {std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(json)), nullptr};
}

// By stream and buyer, what is made of other fields: as a key, in a condition, as a value.
Projection calculating() {
  const std::string json = R"j({"name": "Calculating", "table": "t", "key": [
      {"column": "where", "field": "stream", "kind": "any"}, {"column": "who", "field": "who", "kind": "any"}],
    "columns": [
      {"column": "n", "kind": "integer", "op": "count", "cleared_by": [], "initial": 0,
       "from": [["Sold", null, {"filter": ["gt", "twice", 900]}], ["Bought", null]]},
      {"column": "last", "kind": "text", "op": "latest", "cleared_by": [], "from": [["Sold", "who"]]},
      {"column": "sum", "kind": "integer", "op": "sum", "cleared_by": [], "initial": 0, "from": [["Bought", "twice"]]}],
    "delete_on": [], "handlers": [], "events": {)j" +
                           [] {
                             const std::string fields = R"j({"item": {"kind": "integer", "keys": ["item"]},
      "by": {"kind": "text", "keys": ["by"]}, "twice": {"value": ["*", "item", ["value", 2]]},
      "who": {"value": ["coalesce", "by", ["stream"]]}, "stream": {"value": ["stream"]}})j";
                             return "\"Sold\": " + fields + ", \"Bought\": " + fields + "}}";
                           }();
  return {std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(json)), nullptr};
}

std::string rows_of(const Fold& fold) {
  std::vector<std::string> rows;
  for (std::size_t row = 0; row < fold.slots(); ++row) {
    if (!fold.alive(row)) continue;
    std::string& text = rows.emplace_back();
    for (std::size_t part = 0; part < fold.spec().key.size(); ++part) {
      const CellView key = fold.key(row, part);
      text += (key.type == CellType::integer ? std::to_string(key.integer) : std::string(key.view())) + ":";
    }
    text += std::to_string(fold.column(row, 0).integer) + ":" + std::string(fold.column(row, 1).view());
    if (fold.spec().columns.size() > 2) text += ":" + std::to_string(fold.column(row, 2).integer);
  }
  std::sort(rows.begin(), rows.end());
  std::string text;
  for (const std::string& row : rows) text += row + "\n";
  return text;
}

struct MixedLog : TemporaryLog {
  std::vector<Projection> projections{
      counting("Sold", "item", {"Sold"}),
      counting("Both", "item", {"Bought", "Sold"}),
      counting("People", "by", {"Sold", "Bought"}),
      counting("Bought", "shop", {"Bought"}),
      counting("Never", "item", {"Unheard"}),
      counting("All", "item", {"Rare", "Sold", "Bought"}),
      calculating(),
  };
  explicit MixedLog(std::size_t count, std::size_t bytes = 0) {
    execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
    std::mt19937 random(11);
    std::vector<std::string> data;
    std::vector<NewEvent> events;
    for (std::size_t index = 0; index < count; ++index) {
      data.push_back("{\"item\":" + std::to_string(random() % 900) + ",\"by\":\"p" + std::to_string(random() % 50) +
                     "\",\"shop\":" + std::to_string(random() % 5) + ",\"more\":\"" + std::string(bytes, 'x') + "\"}");
    }
    constexpr std::string_view kTypes[] = {"Sold", "Bought", "Other", "Sold"};
    constexpr std::string_view kStreams[] = {"shop-1", "shop-23", "store-a-rather-long-name"};
    for (std::size_t index = 0; index < count; ++index) {
      events.push_back({.type = index % 5000 == 4999 ? "Rare" : kTypes[random() % 4], .data = data[index]});
      events.back().stream = kStreams[random() % 3];
    }
    if (!events.empty()) log.append(events, {.trusted = true});
  }
};

}  // namespace

TEST_CASE("folded together they are what each is alone", "[together]") {
  const auto [count, bytes] = GENERATE(table<std::size_t, std::size_t>({{30'000, 0}, {2'000, 3000}, {7, 0}, {0, 0}}));
  MixedLog t(count, bytes);
  const int threads = GENERATE(1, 2, 3, 50);
  Position last = 0;
  const auto folded = fold_together(t.log, t.projections, {.threads = threads}, [&](Position done, Position total) {
    CHECK(done >= last);
    CHECK(total == static_cast<Position>(count));
    last = done;
  });
  CHECK(last == static_cast<Position>(count));
  REQUIRE(folded.size() == t.projections.size());
  for (std::size_t index = 0; index < folded.size(); ++index) {
    REQUIRE(folded[index].fold);
    CHECK(rows_of(*folded[index].fold) == rows_of(fold_log(t.log, t.projections[index], {.threads = 1})));
  }
  if (count > 100) CHECK(rows_of(*folded[1].fold).size() > 5000);
}

TEST_CASE("together, up to a position, in a transaction and through the index", "[together]") {
  MixedLog t(20'000);
  const std::vector<Projection> rare{counting("Rare", "item", {"Rare"}), counting("Rarely", "by", {"Rare", "Unheard"})};
  CHECK(fold_together(t.log, rare)[1].fold->size() > 0);
  t.execute("BEGIN");
  t.append("Sold", R"({"item":-1,"by":"within"})");
  CHECK(rows_of(*fold_together(t.log, t.projections)[0].fold).find("-1:1:within") == 0);
  t.execute("ROLLBACK");
  const auto early = fold_together(t.log, t.projections, {.until = 100});
  CHECK(rows_of(*early[5].fold) == rows_of(fold_log(t.log, t.projections[5], {.until = 100})));
}

TEST_CASE("what one of them cannot fold is its own failure", "[together]") {
  MixedLog t(10'000);
  t.append("Bought", R"({"by":"nobody","shop":1})");  // no item
  t.append("Sold", R"({"item":7,"by":"last"})");
  const auto folded = fold_together(t.log, t.projections);
  for (const std::size_t fails : {1, 5}) {
    REQUIRE(folded[fails].failure);
    CHECK_THROWS_AS(std::rethrow_exception(folded[fails].failure), ProjectionError);
    try {
      std::rethrow_exception(folded[fails].failure);
    } catch (const ProjectionError& error) {
      CHECK_THAT(error.what(), Catch::Contains("the event Bought at position 10001: its key \"item\""));
    }
  }
  CHECK(rows_of(*folded[0].fold).find("7:") != std::string::npos);
  CHECK(rows_of(*folded[0].fold).find(":last") != std::string::npos);
}

TEST_CASE("replays that scan together each write their own table", "[together]") {
  MixedLog t(10'000);
  t.execute("CREATE TABLE Sold (item INTEGER PRIMARY KEY, n INTEGER NOT NULL, last TEXT)");
  t.execute("CREATE TABLE Both (item INTEGER PRIMARY KEY, n INTEGER NOT NULL, last TEXT)");
  t.execute("CREATE TABLE Bought (shop INTEGER PRIMARY KEY, n INTEGER NOT NULL, last TEXT)");
  Replay sold(t.log, t.projections[0]);
  Replay both(t.log, t.projections[1]);
  Replay bought(t.log, t.projections[3]);
  const std::vector<Replay*> replays{&sold, &both, &bought};
  CHECK(Replay::scan_together(replays) == 10'000);
  t.append("Bought", R"({"by":"nobody","shop":99})");  // since: no item
  CHECK_THROWS_AS(both.write("hash"), ProjectionError);
  CHECK(sold.write("hash").head == 10'001);
  CHECK(bought.write("hash").inserted == 6);
  // now it is among those that are scanned
  CHECK(Replay::scan_together(replays) == 10'001);
  CHECK_THROWS_AS(both.compare(1), ProjectionError);
  CHECK(sold.compare(1).first.empty());
  CHECK(bought.write("hash").inserted == 0);
}

TEST_CASE("an event whose data is damaged fails only those that read it", "[together]") {
  MixedLog t(10'000);
  t.append("Bought", R"({"item":1,"by":"x","shop":1})");
  t.execute(
      "INSERT INTO eventfold_unlocked VALUES ('test'); UPDATE eventfold_event SET data = x'00' WHERE position = 10001;"
      "DELETE FROM eventfold_unlocked");
  CHECK_THROWS_AS(fold_together(t.log, t.projections), CorruptLog);
  t.execute("CREATE TABLE Sold (item INTEGER PRIMARY KEY, n INTEGER NOT NULL, last TEXT)");
  Replay sold(t.log, t.projections[0]);
  Replay both(t.log, t.projections[1]);
  const std::vector<Replay*> replays{&sold, &both};
  Replay::scan_together(replays);
  CHECK(sold.write("hash").inserted > 800);
  CHECK_THROWS_AS(both.write("hash"), CorruptLog);
}

TEST_CASE("progress that throws ends it, threads and all", "[together]") {
  MixedLog t(30'000);
  struct Stop {};
  CHECK_THROWS_AS(fold_together(t.log, t.projections, {.threads = 4}, [](Position, Position) { throw Stop(); }), Stop);
}
