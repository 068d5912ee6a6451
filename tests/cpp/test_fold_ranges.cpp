// Folding many events ahead, in ranges, and again with the same fold.
#include <catch2/catch.hpp>
#include <random>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

namespace {

std::shared_ptr<const ProjectionSpec> sum_of(const std::string& kind, int places = 0) {
  const std::string decimal = R"("kind": ")" + kind + R"(", "places": )" + std::to_string(places);
  return std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(
      R"({"name": "Sums", "table": "sums", "key": [{"column": "k", "field": "k", "kind": "any"}],
          "columns": [{"column": "n", "kind": "integer", "op": "count", "from": [["Paid", null]], "cleared_by": [], "initial": 0},
                      {"column": "v", )" +
      decimal + R"(, "op": "sum", "from": [["Paid", "v"]], "cleared_by": ["Cleared"], "initial": 0},
                      {"column": "last", "kind": "text", "op": "latest", "from": [["Paid", "by"]], "cleared_by": []}],
          "delete_on": [], "handlers": [],
          "events": {"Paid": {"k": {"kind": "any", "keys": ["k"]}, "v": {)" +
      decimal + R"(, "keys": ["v"]},
                              "by": {"kind": "text", "keys": ["by"]}},
                     "Cleared": {"k": {"kind": "any", "keys": ["k"]}}}})"));
}

void pay(Fold& fold, const std::string& value, const char* type = "Paid") {
  const std::string data = "{\"k\":1,\"v\":" + value + ",\"by\":\"x\"}";
  fold.apply(type, {1, 0, type, data});
}

}  // namespace

TEST_CASE("events that are folded ahead give what they give one by one", "[fold]") {
  const auto spec = sum_of("integer");
  Fold ahead(spec), one_by_one(spec);
  std::mt19937 random(3);
  for (int index = 0; index < 200'000; ++index) {
    // enough rows that the fold looks ahead, and keys of every length
    const auto key = random() % 30'000;
    const std::string name =
        key % 2 ? std::to_string(key) : '"' + std::string(key % 23, 'k') + std::to_string(key) + '"';
    const std::string data =
        "{\"k\":" + name + ",\"v\":" + std::to_string(index % 7) + ",\"by\":\"" + std::string(index % 50, 'x') + "\"}";
    const int plan = random() % 5 ? 0 : 1;
    const EventView event{index, 0, {}, data};
    ahead.feed(plan, event);
    one_by_one.apply(plan, event);
  }
  ahead.finish();
  REQUIRE(ahead.slots() == one_by_one.slots());
  REQUIRE(ahead.size() == one_by_one.size());
  bool same = true;
  for (std::size_t row = 0; row < ahead.slots(); ++row) {
    same = same && ahead.key(row, 0) == one_by_one.key(row, 0) && ahead.alive(row) == one_by_one.alive(row);
    for (std::size_t column = 0; column < 3; ++column) {
      same = same && ahead.column(row, column) == one_by_one.column(row, column);
    }
  }
  CHECK(same);
}

TEST_CASE("of two events that cannot be folded the first is named, also when folding ahead", "[fold]") {
  const auto spec = sum_of("integer");
  Fold fold(spec);
  Position position = 0;
  const auto feed = [&](const std::string& data) { fold.feed(0, {++position, 0, {}, data}); };
  for (int key = 0; key < 20'000; ++key) feed("{\"k\":" + std::to_string(key) + ",\"v\":9223372036854775807}");
  feed(R"({"k":5,"v":1})");
  CHECK_THROWS_WITH(feed("{"), Catch::Contains("position 20001") && Catch::Contains("64 bits"));
}

TEST_CASE("a fold that was cleared begins anew", "[fold]") {
  Fold fold(sum_of("integer"));
  for (const int rows : {1, 100, 5000, 3}) {
    for (int key = 0; key < rows; ++key) {
      const std::string data = "{\"k\":" + std::to_string(key) + ",\"v\":2}";
      fold.apply("Paid", {1, 0, {}, data});
    }
    CHECK(fold.size() == static_cast<std::size_t>(rows));
    for (std::size_t row = 0; row < fold.slots(); ++row) {
      CHECK(fold.column(row, 0).integer == 1);
      CHECK(fold.column(row, 1).integer == 2);
      CHECK(fold.column(row, 2).type == CellType::null);
    }
    fold.clear();
    CHECK(fold.size() == 0);
    CHECK(fold.slots() == 0);
  }
}

TEST_CASE("a range whose sum depends on what came before is not folded apart", "[fold]") {
  for (const char* value : {"0.5", "4611686018427387905", "-4611686018427387905"}) {
    INFO(value);
    Fold relative(sum_of("any"), true);
    CHECK_THROWS_AS(pay(relative, value), OrderMatters);
    Fold cleared(sum_of("any"), true);
    pay(cleared, "1");
    pay(cleared, "0", "Cleared");
    CHECK_NOTHROW(pay(cleared, value));  // nothing before matters any more
  }
  Fold relative(sum_of("decimal", 2), true);
  CHECK_NOTHROW(pay(relative, "\"1000000000000.25\""));
  CHECK_THROWS_AS(pay(relative, "\"9000000000000.25\""), OrderMatters);
}

TEST_CASE("a range is not joined to a sum near its limit", "[fold]") {
  for (const char* value : {"0.5", "4611686018427387905"}) {
    Fold first(sum_of("any")), later(sum_of("any"), true);
    pay(first, value);
    pay(later, "1");
    CHECK_THROWS_AS(first.merge(std::move(later)), OrderMatters);
  }
}

TEST_CASE("ranges of many text keys are joined, whichever of them has a key, and the fold can begin anew", "[fold]") {
  Fold whole(sum_of("any")), first(sum_of("any")), later(sum_of("any"), true);
  const auto key = [](int number) { return "a rather long key, no. " + std::to_string(number); };
  const auto feed = [&](Fold& fold, int number) {
    const std::string data = "{\"k\":\"" + key(number) + "\",\"v\":" + std::to_string(number) + "}";
    fold.feed(fold.plan_of("Paid"), {1, 0, {}, data});
  };
  constexpr int kKeys = 40'000;
  for (int number = 0; number < kKeys; ++number) feed(whole, number), feed(first, number);
  for (int number = kKeys / 2; number < kKeys * 3 / 2; ++number) feed(whole, number), feed(later, number);
  for (Fold* fold : {&whole, &first, &later}) fold->finish();
  first.merge(std::move(later));
  REQUIRE(first.size() == static_cast<std::size_t>(kKeys * 3 / 2));
  int different = 0;
  for (int number = 0; number < kKeys * 3 / 2; ++number) {
    const std::string text = key(number);
    const CellView cells[] = {CellView(CellType::text, text)};
    const auto row = first.find(cells), other = whole.find(cells);
    different += !row || !other || first.column(*row, 1).integer != whole.column(*other, 1).integer;
  }
  CHECK(different == 0);
  first.clear();
  feed(first, 7);
  first.finish();
  CHECK(first.key(0, 0).view() == key(7));
}

TEST_CASE("sums that cannot be folded apart are folded in one piece", "[read_model]") {
  TemporaryLog t;
  std::vector<std::string> data;
  for (int index = 0; index < 30'000; ++index) {
    data.push_back("{\"k\":" + std::to_string(index % 10) + ",\"v\":" + (index == 29'000 ? "0.5" : "2") + "}");
  }
  std::vector<NewEvent> events;
  for (const auto& each : data) events.push_back({.type = "Paid", .data = each});
  t.log.append(events);
  const Fold fold = fold_log(t.log, {sum_of("any"), nullptr}, {.threads = 3});
  const CellView key[] = {CellView(std::int64_t{0})};
  CHECK(fold.column(*fold.find(key), 1) == CellView(5998.5));
  const CellView other[] = {CellView(std::int64_t{1})};
  CHECK(fold.column(*fold.find(other), 1) == CellView(std::int64_t{6000}));
}

TEST_CASE("the error that comes first in the log is reported, whichever thread finds one first", "[read_model]") {
  TemporaryLog t;
  std::vector<NewEvent> events(60'000, NewEvent{.type = "Paid", .data = R"({"k":1,"v":1})"});
  t.log.append(events);
  t.execute(
      "INSERT INTO eventfold_unlocked VALUES ('test'); UPDATE eventfold_event SET data = '{' WHERE position IN (29999, "
      "30001, 59999); DELETE FROM eventfold_unlocked");
  for (const int threads : {1, 2, 3}) {
    CHECK_THROWS_WITH(fold_log(t.log, {sum_of("integer"), nullptr}, {.threads = threads}),
                      Catch::Contains("position 29999"));
  }
}

TEST_CASE("a replay that failed can be tried again", "[read_model]") {
  TemporaryLog t;
  const Projection projection{sum_of("integer"), nullptr};
  t.append("Paid", R"({"k":1,"v":1,"by":"a"})");
  Replay replay(t.log, projection);
  replay.scan();
  CHECK_THROWS_AS(replay.write("hash"), Error);  // no table
  t.append("Paid", R"({"k":1,"v":1,"by":"b"})");
  t.execute("CREATE TABLE sums (k INTEGER PRIMARY KEY, n INTEGER, v INTEGER, last TEXT)");
  CHECK(replay.write("hash").inserted == 1);
  CHECK(replay.write("hash").updated == 0);
  auto& statement = t.log.connection().prepare("SELECT n, v, last FROM sums");
  ResetGuard guard(statement);
  statement.bind({});
  REQUIRE(statement.step());
  CHECK(statement.column(0) == Value(2));
  CHECK(statement.column(1) == Value(2));
  CHECK(statement.column(2).view() == "b");
}

TEST_CASE("types whose ids are neighbours, apart, or many are all found", "[read_model]") {
  TemporaryLog t;
  constexpr int kTypes = 12;
  std::vector<std::string> names;
  for (int index = 0; index < kTypes; ++index) names.push_back("Type" + std::to_string(index));
  for (int round = 0; round < 10; ++round) {
    for (const auto& name : names) t.append(name, R"({"k":1})");
  }
  for (unsigned chosen = 1; chosen < (1u << kTypes); chosen += 7) {
    std::string from, events;
    std::int64_t count = 0;
    for (int index = 0; index < kTypes; ++index) {
      if (!(chosen >> index & 1)) continue;
      from += (from.empty() ? "[\"" : ",[\"") + names[index] + "\",null]";
      events += (events.empty() ? "\"" : ",\"") + names[index] + R"(":{"k":{"kind":"integer","keys":["k"]}})";
      count += 10;
    }
    const auto spec = std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(
        R"({"name":"x","table":"x","key":[{"column":"k","field":"k","kind":"integer"}],"columns":[{"column":"n",
            "kind":"integer","op":"count","from":[)" +
        from + R"(],"cleared_by":[],"initial":0}],"delete_on":[],
            "handlers":[],"events":{)" +
        events + "}}"));
    const Fold fold = fold_log(t.log, {spec, nullptr});
    INFO(chosen);
    CHECK(fold.column(0, 0).integer == count);
  }
}
