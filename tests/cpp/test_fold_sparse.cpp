// Events that say only what changed, and numbers beyond a double, as triggers of tracked tables record them.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"

using namespace eventfold;

namespace {

constexpr const char* kSpec = R"({
  "name": "Books", "table": "books", "key": [{"column": "book", "field": "book", "kind": "integer"}],
  "columns": [
    {"column": "title", "kind": "text", "op": "latest", "from": [["Made", "title"], ["Changed", "title"]],
     "cleared_by": [], "initial": ""},
    {"column": "price", "kind": "real", "op": "latest", "from": [["Made", "price"], ["Changed", "price"]],
     "cleared_by": [], "initial": null},
    {"column": "total", "kind": "real", "op": "sum", "from": [["Made", "price"], ["Changed", "price"]],
     "cleared_by": [], "initial": 0},
    {"column": "most", "kind": "real", "op": "max", "from": [["Made", "price"], ["Changed", "price"]],
     "cleared_by": [], "initial": null},
    {"column": "first", "kind": "text", "op": "first", "from": [["Changed", "title"]], "cleared_by": [],
     "initial": null},
    {"column": "n", "kind": "integer", "op": "count", "from": [["Changed", null]], "cleared_by": [], "initial": 0}],
  "delete_on": [], "handlers": [],
  "events": {
    "Made": {"book": {"kind": "integer", "keys": ["book"]}, "title": {"kind": "text", "keys": ["title"]},
             "price": {"kind": "real", "keys": ["price"]}},
    "Changed": {"book": {"kind": "integer", "keys": ["book"], "sparse": true},
                "title": {"kind": "text", "keys": ["title", "name"], "sparse": true, "default": "never"},
                "price": {"kind": "real", "keys": ["price"], "sparse": true}}}})";

std::shared_ptr<const ProjectionSpec> spec() {
  return std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(kSpec));
}

struct Books {
  Fold fold{spec()};
  Position position = 0;

  Books& given(std::string_view type, std::string_view data) {
    fold.apply(type, {++position, 0, type, data});
    return *this;
  }
  std::string row() {
    std::string text;
    for (std::size_t column = 0; column < 6; ++column) {
      const CellView cell = fold.column(0, column);
      text += cell.has_bytes()              ? std::string(cell.view())
              : cell.type == CellType::null ? "null"
              : cell.type == CellType::real ? std::to_string(cell.real)
                                            : std::to_string(cell.integer);
      text += "|";
    }
    return text;
  }
};

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("an event without a sparse field leaves its columns as they were", "[sparse]") {
  Books t;
  t.given("Made", R"({"book":1,"title":"Emma","price":2.5})");
  t.given("Changed", R"({"book":1})");
  CHECK(t.row() == "Emma|2.500000|2.500000|2.500000|null|1|");
  t.given("Changed", R"({"book":1,"price":1.5})");
  CHECK(t.row() == "Emma|1.500000|4.000000|2.500000|null|2|");
  t.given("Changed", R"({"book":1,"name":"Persuasion"})");
  CHECK(t.row() == "Persuasion|1.500000|4.000000|2.500000|Persuasion|3|");
}

TEST_CASE("a sparse field that is there is what it says, also null", "[sparse]") {
  Books t;
  t.given("Made", R"({"book":1,"title":"Emma","price":2.5})");
  t.given("Changed", R"({"book":1,"title":null,"price":null})");
  CHECK(t.row() == "null|null|2.500000|2.500000|null|1|");
}

TEST_CASE("a row that begins with a sparse event has its initial values", "[sparse]") {
  Books t;
  t.given("Changed", R"({"book":1})");
  CHECK(t.row() == "|null|0.000000|null|null|1|");
}

TEST_CASE("ranges that are folded apart join over sparse fields", "[sparse]") {
  // no sum of floats, which is not folded apart
  std::string json = kSpec;
  json.replace(json.find(R"("total", "kind": "real", "op": "sum")"), 36, R"("total", "kind": "real", "op": "max")");
  const auto mergeable = std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(json));
  const std::vector<std::pair<std::string_view, std::string_view>> events = {
      {"Made", R"({"book":1,"title":"a","price":1.0})"},
      {"Changed", R"({"book":1})"},
      {"Changed", R"({"book":1,"price":3.0})"},
      {"Changed", R"({"book":1,"title":null})"},
      {"Changed", R"({"book":1})"},
      {"Changed", R"({"book":1,"title":"b"})"}};
  Fold whole(mergeable);
  for (std::size_t index = 0; index < events.size(); ++index) {
    whole.apply(events[index].first, {Position(index), 0, events[index].first, events[index].second});
  }
  for (std::size_t cut = 0; cut <= events.size(); ++cut) {
    Fold earlier(mergeable);
    Fold later(mergeable, true);
    for (std::size_t index = 0; index < events.size(); ++index) {
      (index < cut ? earlier : later)
          .apply(events[index].first, {Position(index), 0, events[index].first, events[index].second});
    }
    earlier.merge(std::move(later));
    REQUIRE(earlier.size() == 1);
    for (std::size_t column = 0; column < 6; ++column) CHECK(earlier.column(0, column) == whole.column(0, column));
  }
}

TEST_CASE("a key must be there, sparse or not", "[sparse]") {
  Books t;
  CHECK_THROWS_WITH(t.given("Changed", R"({"price":1.0})"), Catch::Contains("null or missing"));
}

TEST_CASE("a number beyond a double is infinity", "[sparse]") {
  Books t;
  t.given("Made", R"({"book":1,"title":"a","price":9e999})");
  CHECK(t.fold.column(0, 1).real == kInfinity);
  CHECK(t.fold.column(0, 2).real == kInfinity);
  CHECK(t.fold.column(0, 3).real == kInfinity);
  t.given("Changed", R"({"book":1,"price":-9e999})");
  CHECK(t.fold.column(0, 1).real == -kInfinity);
  CHECK(t.fold.column(0, 2).type == CellType::null);  // the sum of both: no number, and NULL in a column
  t.given("Changed", R"({"book":1,"price":2.0})");
  CHECK(t.fold.column(0, 2).real == 2.0);
}

TEST_CASE("infinity is neither an integer nor a decimal, but a JSON value", "[sparse]") {
  const auto read = [](const std::string& kind, bool mixed = false) {
    Fold fold(std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(R"({
      "name": "x", "table": "x", "key": [{"column": "k", "field": "k", "kind": "integer"}],
      "columns": [{"column": "v", "kind": ")" + kind + R"(", "op": "latest", "from": [["E", "v"]], "cleared_by": []}],
      "delete_on": [], "handlers": [],
      "events": {"E": {"k": {"kind": "integer", "keys": ["k"]},
                       "v": {"kind": ")" + kind + R"(", "keys": ["v"], "mixed": )" +
                                                                               (mixed ? "true" : "false") + "}}}}")));
    fold.apply("E", {1, 0, "E", R"({"k":1,"v":-9e999})"});
    const CellView cell = fold.column(0, 0);
    return cell.has_bytes()              ? std::string(cell.view())
           : cell.type == CellType::null ? "null"
                                         : std::to_string(cell.real);
  };
  CHECK_THROWS_AS(read("integer"), CorruptLog);
  CHECK_THROWS_AS(read("decimal"), CorruptLog);
  CHECK_THROWS_AS(read("text"), CorruptLog);
  CHECK(read("json") == "-9e999");
  CHECK(read("any") == "-inf");
  CHECK(read("integer", true) == "null");
  CHECK(read("decimal", true) == "null");
  CHECK(read("text", true) == "-Inf");
  CHECK(read("real", true) == "-inf");
}
