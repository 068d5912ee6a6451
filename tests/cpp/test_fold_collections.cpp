// Columns that hold many values: lists, sets, histograms, the greatest values.
#include <catch2/catch.hpp>
#include <random>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"

using namespace eventfold;

namespace {

using Spec = std::shared_ptr<const ProjectionSpec>;

// A row for each `k`, and one column `c`. `operation` begins with a name in quotes; `kind` is that of the field "v".
Spec collecting(const std::string& operation, const std::string& kind = "any", const std::string& source = "",
                const std::string& initial = "[]") {
  const std::string fields = R"({"k": {"kind": "integer", "keys": ["k"]}, "v": {"kind": ")" + kind +
                             R"(", "keys": ["v"], "places": 2}, "by": {"kind": "any", "keys": ["by"]}})";
  return std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(
      R"({"name": "Seen", "table": "seen", "key": [{"column": "k", "field": "k", "kind": "integer"}],
          "columns": [{"column": "c", "kind": "json", "op": )" +
      operation + R"(, "from": [["Rated", "v")" + source + R"(], ["Taken", "v", {"sign": )" +
      (operation.starts_with("\"histogram\"") ? "-1" : "1") + (source.empty() ? "" : R"(, "label": "by")") +
      R"(}]], "cleared_by": ["Cleared"], "initial": )" + initial + R"(}],
          "delete_on": ["Removed"], "handlers": [], "events": {"Rated": )" +
      fields + R"(, "Taken": )" + fields + R"(, "Cleared": {"k": {"kind": "integer", "keys": ["k"]}},
          "Removed": {"k": {"kind": "integer", "keys": ["k"]}}}})"));
}

void rate(Fold& fold, const std::string& value, const std::string& by = "null", int key = 1) {
  const std::string data = "{\"k\":" + std::to_string(key) + ",\"v\":" + value + ",\"by\":" + by + "}";
  fold.apply("Rated", {1, 0, "Rated", data});
}

void happen(Fold& fold, const std::string& type, const std::string& value = "0", int key = 1) {
  const std::string data = "{\"k\":" + std::to_string(key) + ",\"v\":" + value + "}";
  fold.apply(type, {1, 0, type, data});
}

std::string collected(const Fold& fold, std::size_t row = 0) { return std::string(fold.column(row, 0).view()); }

std::string after(const Spec& spec, std::initializer_list<const char*> values) {
  Fold fold(spec);
  for (const char* value : values) rate(fold, value);
  return collected(fold);
}

const char* const kLast3 = R"("list", "limit": 3)";
const char* const kSet3 = R"("set", "limit": 3)";
const char* const kTop2 = R"("top", "limit": 2)";
const char* const kLabelled = R"(, {"label": "by"})";

}  // namespace

TEST_CASE("a list holds the last values in the order of the log, null included", "[fold][collections]") {
  const Spec spec = collecting(kLast3);
  CHECK(after(spec, {"1", "null"}) == "[1,null]");
  CHECK(after(spec, {"1", "2.5", "\"x\\\"\"", "true"}) == R"([2.5,"x\"",true])");
  CHECK(after(spec, {"0", "1", "2", "18446744073709551616", "[1, {\"a\": 2}]"}) ==
        R"([2,18446744073709551616,[1,{"a":2}]])");
  CHECK(after(spec, {"1", "2", "3", "4", "5", "6", "7"}) == "[5,6,7]");
}

TEST_CASE("a set holds the least different values in order, null first", "[fold][collections]") {
  const Spec spec = collecting(kSet3);
  CHECK(after(spec, {"3", "1", "3", "1"}) == "[1,3]");
  CHECK(after(spec, {"\"b\"", "\"a\"", "null", "\"c\"", "\"b\""}) == R"([null,"a","b"])");
  CHECK(after(spec, {"4", "3", "2", "1", "4"}) == "[1,2,3]");
  CHECK(after(spec, {"1", "1.0", "true"}) == "[1]");  // the same to Python and to SQLite
  CHECK_THROWS_WITH(after(spec, {"[1]"}), Catch::Contains("\"c\"") && Catch::Contains("cannot be compared"));
}

TEST_CASE("a histogram counts each value, whole numbers first and in their order", "[fold][collections]") {
  const Spec spec = collecting(R"("histogram")", "any", "", "{}");
  CHECK(after(spec, {"10", "9", "10", "null", "\"b\"", "\"a\"", "-1", "true", "2.5"}) ==
        R"({"-1":1,"9":1,"10":2,"2.5":1,"a":1,"b":1,"true":1})");
  CHECK(after(spec, {"null"}) == "{}");
  CHECK_THROWS_WITH(after(spec, {"{}"}), Catch::Contains("cannot be compared"));
}

TEST_CASE("a value that is taken off a histogram is gone when none is left, and may come to less than none",
          "[fold][collections]") {
  Fold fold(collecting(R"("histogram")", "any", "", "{}"));
  rate(fold, "\"a\"");
  rate(fold, "\"a\"");
  happen(fold, "Taken", "\"a\"");
  CHECK(collected(fold) == R"({"a":1})");
  happen(fold, "Taken", "\"a\"");
  CHECK(collected(fold) == "{}");
  happen(fold, "Taken", "\"a\"");
  CHECK(collected(fold) == R"({"a":-1})");
}

TEST_CASE("a histogram by month counts moments by the first day of theirs", "[fold][collections]") {
  const Spec spec = collecting(R"("histogram", "trunc": "month")", "datetime", "", "{}");
  CHECK(after(spec, {"\"2024-02-29T23:59:59Z\"", "\"2024-02-01T00:00:00Z\"", "\"2024-03-01T00:00:00.5Z\"", "null"}) ==
        R"({"2024-02-01":2,"2024-03-01":1})");
  CHECK_THROWS_WITH(after(collecting(R"("histogram", "trunc": "day")", "any", "", "{}"), {"7"}),
                    Catch::Contains("has none"));
}

TEST_CASE("the greatest values come first, of equal ones the earlier, with their labels", "[fold][collections]") {
  CHECK(after(collecting(kTop2), {"3", "null", "9", "4"}) == "[9,4]");
  CHECK(after(collecting(kTop2, "decimal"), {"\"1.50\"", "\"10.00\"", "\"0.99\""}) == "[10,1.5]");
  Fold fold(collecting(R"("top", "limit": 3)", "any", kLabelled));
  rate(fold, "5", "\"ann\"");
  rate(fold, "7", "\"bob\"");
  rate(fold, "5", "\"eve\"");
  rate(fold, "5", "\"zoe\"");
  CHECK(collected(fold) == R"([[7,"bob"],[5,"ann"],[5,"eve"]])");
  rate(fold, "6");
  CHECK(collected(fold) == R"([[7,"bob"],[6,null],[5,"ann"]])");
}

TEST_CASE("clearing and deleting put a collection back to where it began", "[fold][collections]") {
  Fold fold(collecting(kLast3, "any", "", R"("[ \"first\" ]")"));
  rate(fold, "1");
  CHECK(collected(fold) == R"(["first",1])");
  happen(fold, "Cleared");
  CHECK(collected(fold) == R"([ "first" ])");
  rate(fold, "2");
  happen(fold, "Removed");
  CHECK(fold.size() == 0);
  rate(fold, "3");
  CHECK(collected(fold) == R"(["first",3])");
}

TEST_CASE("a stored text is gone on with, and what is no collection is refused", "[fold][collections]") {
  const auto stored = [](const Spec& spec, const std::string& text) {
    Fold fold(spec);
    fold.set_loader([&](std::span<const CellView>, std::vector<CellView>& columns) {
      columns.assign(1, CellView(CellType::json, text));
      return true;
    });
    rate(fold, "2");
    return collected(fold);
  };
  CHECK(stored(collecting(kLast3), R"([7,"\u00e9\n",9e999,null])") == R"([9e999,null,2])");
  CHECK(stored(collecting(kLast3), "[\"\\u0000\xc3\xa9\"]") == "[\"\\u0000\xc3\xa9\",2]");
  CHECK(stored(collecting(kSet3), "[3,1]") == "[1,2,3]");
  CHECK(stored(collecting(R"("histogram")"), R"({"2":41,"x":-1})") == R"({"2":42,"x":-1})");
  CHECK(stored(collecting(kTop2), "[9,1]") == "[9,2]");
  CHECK(stored(collecting(kTop2, "any", kLabelled), R"([[9,[1]],[1,"x"]])") == "[[9,[1]],[2,null]]");
  for (const char* text : {"", "7", "{}", "[1,2", "[1]]", "[1,]", "[\"\xff\"]"}) {
    CHECK_THROWS_WITH(stored(collecting(kLast3), text), Catch::Contains("\"c\" holds something that no fold wrote"));
  }
  for (const char* text : {"[]", R"({"a":"b"})", R"({"a":1.5})", R"({"a")", R"({a:1})"}) {
    CHECK_THROWS_AS(stored(collecting(R"("histogram")"), text), ProjectionError);
  }
  CHECK_THROWS_AS(stored(collecting(kSet3), "[[1]]"), ProjectionError);
  CHECK_THROWS_AS(stored(collecting(kTop2), "[null]"), ProjectionError);
  CHECK_THROWS_AS(stored(collecting(kTop2, "any", kLabelled), "[1]"), ProjectionError);
  CHECK_THROWS_AS(stored(collecting(kTop2, "any", kLabelled), "[[1,2,3]]"), ProjectionError);
  CHECK_THROWS_WITH(stored(collecting(R"("histogram")"), R"({"2":9223372036854775807})"), Catch::Contains("64 bits"));
}

TEST_CASE("a stored text that no event touches stays as it is", "[fold][collections]") {
  Fold fold(collecting(R"("histogram")"));
  fold.set_loader([&](std::span<const CellView>, std::vector<CellView>& columns) {
    columns.assign(1, CellView(CellType::json, R"({ "x": 1 })"));
    return true;
  });
  rate(fold, "null");
  CHECK(collected(fold) == R"({ "x": 1 })");
}

TEST_CASE("ranges that are folded apart collect what they collect in one piece", "[fold][collections]") {
  struct Event {
    std::string type, value, by;
    int key;
  };
  std::mt19937 random(11);
  const auto value = [&]() -> std::string {
    switch (random() % 6) {
      case 0:
        return "null";
      case 1:
        return '"' + std::string(random() % 30, static_cast<char>('a' + random() % 3)) + '"';
      case 2:
        return std::to_string(random() % 4) + ".5";
      default:
        return std::to_string(random() % 12);
    }
  };
  const std::vector<Spec> specs = {collecting(kLast3),
                                   collecting(kSet3),
                                   collecting(R"("histogram")", "any", "", "{}"),
                                   collecting(kTop2),
                                   collecting(kTop2, "any", kLabelled),
                                   collecting(kLast3, "any", "", R"("[ \"first\" ]")"),
                                   collecting(kSet3, "any", "", "null")};
  for (int round = 0; round < 200; ++round) {
    std::vector<Event> events;
    for (std::size_t left = random() % 40; left > 0; --left) {
      const auto dice = random() % 12;
      const char* const type = dice == 0 ? "Removed" : dice == 1 ? "Cleared" : dice < 5 ? "Taken" : "Rated";
      events.push_back({type, value(), std::to_string(random() % 5), static_cast<int>(random() % 3)});
    }
    const std::size_t first = events.empty() ? 0 : random() % events.size();
    const std::size_t second = events.empty() ? 0 : first + random() % (events.size() - first);
    for (const Spec& spec : specs) {
      const auto fold_range = [&](Fold& fold, std::size_t from, std::size_t to) {
        for (std::size_t at = from; at < to; ++at) {
          const Event& event = events[at];
          const std::string data =
              "{\"k\":" + std::to_string(event.key) + ",\"v\":" + event.value + ",\"by\":" + event.by + "}";
          fold.apply(event.type, {static_cast<Position>(at), 0, event.type, data});
        }
      };
      Fold whole(spec), begin(spec), middle(spec, true), end(spec, true);
      fold_range(whole, 0, events.size());
      fold_range(begin, 0, first);
      fold_range(middle, first, second);
      fold_range(end, second, events.size());
      if (round % 2) {
        middle.merge(std::move(end));
        begin.merge(std::move(middle));
      } else {
        begin.merge(std::move(middle));
        begin.merge(std::move(end));
      }
      REQUIRE(begin.size() == whole.size());
      for (std::size_t row = 0; row < whole.slots(); ++row) {
        const CellView key[] = {whole.key(row, 0)};
        const auto same = begin.find(key);
        REQUIRE(same.has_value() == whole.alive(row));
        if (same) REQUIRE(begin.column(*same, 0) == whole.column(row, 0));
      }
    }
  }
}

TEST_CASE("collections of very many rows, fed ahead and in ranges, are those of one fold", "[fold][collections]") {
  const Spec spec = collecting(kLast3, "any", "", "null");
  Fold whole(spec), end(spec, true);
  {
    Fold begin(spec);
    const auto feed = [](Fold& fold, int from, int to) {
      for (int index = from; index < to; ++index) {
        const std::string data = "{\"k\":" + std::to_string(index % 30'000) + ",\"v\":\"" +
                                 std::string(static_cast<std::size_t>(index % 40), 'x') + std::to_string(index) + "\"}";
        fold.feed(index % 11 ? 0 : 2, {index, 0, {}, data});  // a rating, or now and then a clearing
      }
      fold.finish();
    };
    feed(whole, 0, 200'000);
    feed(begin, 0, 70'000);
    feed(end, 70'000, 200'000);
    begin.merge(std::move(end));
    REQUIRE(begin.size() == whole.size());
    bool same = true;
    for (std::size_t row = 0; row < whole.slots(); ++row) {
      const CellView key[] = {whole.key(row, 0)};
      const auto found = begin.find(key);
      same =
          same && found.has_value() == whole.alive(row) && (!found || begin.column(*found, 0) == whole.column(row, 0));
    }
    CHECK(same);
    end = std::move(begin);
  }
  CHECK(end.column(0, 0) == whole.column(0, 0));
  end.clear();
  rate(end, "1");
  CHECK(collected(end) == "[1]");
}

TEST_CASE("a fold with collections can be moved, cleared and used again", "[fold][collections]") {
  Fold fold(collecting(kLast3));
  for (int key = 0; key < 100; ++key) rate(fold, "\"a text of more than a few bytes\"", "null", key);
  Fold moved = std::move(fold);
  CHECK(collected(moved, 99) == R"(["a text of more than a few bytes"])");
  moved.clear();
  rate(moved, "1");
  CHECK(moved.slots() == 1);
  CHECK(collected(moved) == "[1]");
  moved = Fold(collecting(kSet3));
  CHECK(moved.slots() == 0);
}

TEST_CASE("a handler sees the collection and may put another in its place", "[fold][collections]") {
  const std::string field = R"({"k": {"kind": "integer", "keys": ["k"]}})";
  Fold fold(std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(
      R"({"name": "Seen", "table": "seen", "key": [{"column": "k", "field": "k", "kind": "integer"}],
          "columns": [{"column": "c", "kind": "json", "op": "list", "limit": 3, "from": [["Rated", "k"]],
                       "cleared_by": [], "initial": "[]"}],
          "delete_on": [], "handlers": ["Rated"], "events": {"Rated": )" +
      field + "}}")));
  std::vector<std::string> seen;
  fold.set_handler([&](Fold::Row& row, const EventView&) {
    seen.emplace_back(row.get(0).view());
    row.set(0, seen.size() == 1 ? CellView(CellType::json, "[5]") : row.get(0));
  });
  for (int times = 0; times < 3; ++times) rate(fold, "0");
  CHECK(seen == std::vector<std::string>{"[1]", "[5,1]", "[5,1,1]"});
}

TEST_CASE("a specification with a collection that cannot be is refused", "[fold][collections]") {
  CHECK_THROWS_WITH(collecting(R"("list")"), Catch::Contains("\"limit\""));
  CHECK_THROWS_WITH(collecting(R"("set", "limit": 0)"), Catch::Contains("\"limit\""));
  CHECK_THROWS_WITH(collecting(R"("list", "limit": 100001)"), Catch::Contains("100000"));
  CHECK_THROWS_WITH(collecting(R"("top", "limit": 1001)"), Catch::Contains("\"limit\""));
  CHECK_THROWS_WITH(collecting(kLast3, "binary"), Catch::Contains("bytes"));
  CHECK_THROWS_WITH(collecting(kSet3, "json"), Catch::Contains("list or an object"));
  CHECK_THROWS_WITH(collecting(kLast3, "any", kLabelled), Catch::Contains("\"label\""));
  CHECK_THROWS_WITH(collecting(kTop2, "any", R"(, {"label": "nothing"})"), Catch::Contains("nothing"));
  CHECK_THROWS_WITH(collecting(kLast3, "any", R"(, {"sign": -1})"), Catch::Contains("signs"));
  CHECK_THROWS_WITH(collecting(R"("histogram", "trunc": "day")", "integer"), Catch::Contains("span of time"));
  CHECK_THROWS_WITH(collecting(R"("histogram", "trunc": "hour")", "date"), Catch::Contains("span of time"));
  CHECK_THROWS_WITH(collecting(R"("histogram", "trunc": "week")"), Catch::Contains("week"));
}
