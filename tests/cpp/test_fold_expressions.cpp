#include <catch2/catch.hpp>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"

using namespace eventfold;
using Catch::Contains;

namespace {

constexpr const char* kFields = R"("k": {"kind": "integer", "keys": ["k"]}, "n": {"kind": "integer", "keys": ["n"]},
  "m": {"kind": "integer", "keys": ["m"]}, "price": {"kind": "decimal", "keys": ["price"], "places": 2},
  "x": {"kind": "real", "keys": ["x"]}, "text": {"kind": "text", "keys": ["text"]},
  "day": {"kind": "date", "keys": ["day"]}, "due": {"kind": "datetime", "keys": ["due"]},
  "at": {"kind": "time", "keys": ["at"]}, "took": {"kind": "duration", "keys": ["took"]},
  "tree": {"kind": "json", "keys": ["tree"]}, "any": {"kind": "any", "keys": ["any"]})";

std::string spec_with(const std::string& expression, const std::string& options = "{}", const char* kind = "any",
                      const char* operation = "latest") {
  return std::string(R"({"name": "Orders", "table": "orders", "key": [{"column": "k", "field": "k", "kind": "integer"}],
    "columns": [{"column": "v", "kind": ")") +
         kind + R"(", "op": ")" + operation + R"(", "from": [["E", "made", )" + options +
         R"(]], "cleared_by": [], "initial": null}], "delete_on": [], "handlers": [],
    "events": {"E": {)" +
         kFields + R"(, "made": {"value": )" + expression + "}}}}";
}

std::shared_ptr<const ProjectionSpec> spec_of(const std::string& json) {
  return std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(json));
}

OwnedCell owned(const CellView& cell) { return {cell, std::string(cell.view())}; }

// What an expression makes of an event with this data.
OwnedCell value_of(const std::string& expression, const std::string& data, std::string_view stream = {},
                   std::int64_t created = 0) {
  Fold fold(spec_of(spec_with(expression)));
  fold.apply("E", {5, created, "E", "{\"k\":1" + (data.empty() ? "" : "," + data) + "}", stream});
  return owned(fold.column(0, 0));
}

CellView whole(std::int64_t number) { return CellView(number); }
CellView null() { return {}; }
CellView text(std::string_view bytes) { return CellView(CellType::text, bytes); }

std::string refusal(const std::string& expression) {
  try {
    spec_of(spec_with(expression));
  } catch (const ProjectionError& error) {
    return error.what();
  }
  return "";
}

std::string failure(const std::string& expression, const std::string& data) {
  try {
    value_of(expression, data);
  } catch (const ProjectionError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("integers are calculated with as SQL does", "[fold][expressions]") {
  const char* data = R"("n":-7,"m":2)";
  CHECK(value_of(R"(["+","n","m"])", data).view() == whole(-5));
  CHECK(value_of(R"(["-","n","m"])", data).view() == whole(-9));
  CHECK(value_of(R"(["*","n","m"])", data).view() == whole(-14));
  CHECK(value_of(R"(["/","n","m"])", data).view() == whole(-3));
  CHECK(value_of(R"(["%","n","m"])", data).view() == whole(-1));
  CHECK(value_of(R"(["*",["+","n",["value",10]],"m"])", data).view() == whole(6));
  CHECK(value_of(R"(["/","n",["value",2.0]])", data).view() == CellView(-3.5));
  CHECK(value_of(R"(["%","n",["value",-1]])", R"("n":-9223372036854775808)").view() == whole(0));
  CHECK(value_of(R"(["*","position","m"])", data).view() == whole(10));
}

TEST_CASE("null in arithmetic gives null, and coalesce the first that is not", "[fold][expressions]") {
  CHECK(value_of(R"(["+","n","m"])", R"("n":1,"m":null)").view() == null());
  CHECK(value_of(R"(["/","n","m"])", R"("n":null,"m":0)").view() == null());
  CHECK(value_of(R"(["coalesce","n","m",["value",9]])", R"("m":2)").view() == whole(2));
  CHECK(value_of(R"(["coalesce","n","m",["value",9]])", "").view() == whole(9));
  CHECK(value_of(R"(["coalesce","n","x"])", R"("n":2)").view() == CellView(2.0));
  CHECK(value_of(R"(["nullif","n",["value",0]])", R"("n":0)").view() == null());
  CHECK(value_of(R"(["nullif","n",["value",0]])", R"("n":3)").view() == whole(3));
  CHECK(value_of(R"(["/","m",["nullif","n",["value",0]]])", R"("n":0,"m":1)").view() == null());
}

TEST_CASE("what has no result is an error that says where", "[fold][expressions]") {
  CHECK_THAT(failure(R"(["/","n","m"])", R"("n":1,"m":0)"),
             Contains("Orders, the event E at position 5: the column \"v\", made: a division by zero"));
  CHECK_THAT(failure(R"(["%","n","m"])", R"("n":1,"m":0)"), Contains("a division by zero"));
  CHECK_THAT(failure(R"(["/","x",["value",0.0]])", R"("x":1.5)"), Contains("a division by zero"));
  CHECK_THAT(failure(R"(["+","n",["value",1]])", R"("n":9223372036854775807)"), Contains("beyond 64 bits"));
  CHECK_THAT(failure(R"(["-","n",["value",2]])", R"("n":-9223372036854775807)"), Contains("beyond 64 bits"));
  CHECK_THAT(failure(R"(["*","n","n"])", R"("n":4294967296)"), Contains("beyond 64 bits"));
  CHECK_THAT(failure(R"(["/","n",["value",-1]])", R"("n":-9223372036854775808)"), Contains("beyond 64 bits"));
  CHECK_THAT(failure(R"(["*","x","x"])", R"("x":1e200)"), Contains("a number beyond those of a float"));
  CHECK_THAT(failure(R"(["*","any",["value",2]])", R"("any":"x")"), Contains("no number"));
  CHECK_THAT(failure(R"(["*","any",["value",2]])", R"("any":18446744073709551616)"), Contains("beyond 64 bits"));
  CHECK_THAT(failure(R"(["%","any",["value",2]])", R"("any":1.5)"), Contains("not whole"));
  CHECK_THAT(failure(R"(["extract","hour","any"])", R"("any":"2024-02-30")"), Contains("takes the hour of something"));
}

TEST_CASE("decimals are calculated with exactly while a double holds them", "[fold][expressions]") {
  CHECK(value_of(R"(["*","price","n"])", R"("price":"0.10","n":3)").view() == CellView(0.3));
  CHECK(value_of(R"(["+","price",["value",0.2,"decimal",1]])", R"("price":"0.10")").view() == CellView(0.3));
  CHECK(value_of(R"(["-","price",["value",0.1,"decimal",1]])", R"("price":"1.10")").view() == whole(1));
  CHECK(value_of(R"(["*","price","price"])", R"("price":"1.10")").view() == CellView(1.21));
  CHECK(value_of(R"(["/","price","n"])", R"("price":"3.00","n":2)").view() == CellView(1.5));
  CHECK(value_of(R"(["cast","decimal",["/","price","n"],2])", R"("price":"-10.00","n":7)").view() == CellView(-1.43));
  CHECK(value_of(R"(["cast","decimal",["*","price",["value",0.5,"decimal",1]],2])", R"("price":"2.01")").view() ==
        CellView(1.01));
  CHECK(value_of(R"(["cast","decimal",["*","price",["value",-0.5,"decimal",1]],2])", R"("price":"2.01")").view() ==
        CellView(-1.01));
  CHECK(value_of(R"(["cast","decimal",["path","tree","x"],1])", R"("tree":{"x":"0.25"})").view() == CellView(0.3));
  CHECK(value_of(R"(["*","price","n"])", R"("price":"1234567890123.25","n":1000)").view() == whole(1234567890123250));
}

TEST_CASE("parts of a moment are those of Django", "[fold][expressions]") {
  const auto part = [](const char* name, const char* day) {
    return value_of(R"(["extract",")" + std::string(name) + R"(","due"])", R"("due":")" + std::string(day) + "\"")
        .view();
  };
  constexpr const char* kMoment = "2024-12-30T23:05:09.25Z";  // a Monday, of the first week of 2025
  CHECK(part("year", kMoment) == whole(2024));
  CHECK(part("iso_year", kMoment) == whole(2025));
  CHECK(part("quarter", kMoment) == whole(4));
  CHECK(part("month", kMoment) == whole(12));
  CHECK(part("week", kMoment) == whole(1));
  CHECK(part("day", kMoment) == whole(30));
  CHECK(part("week_day", kMoment) == whole(2));
  CHECK(part("iso_week_day", kMoment) == whole(1));
  CHECK(part("hour", kMoment) == whole(23));
  CHECK(part("minute", kMoment) == whole(5));
  CHECK(part("second", kMoment) == whole(9));
  CHECK(part("week_day", "2024-12-29T00:00:00Z") == whole(1));
  CHECK(part("iso_week_day", "2024-12-29T00:00:00Z") == whole(7));
  CHECK(part("week", "2021-01-03T00:00:00Z") == whole(53));
  CHECK(part("iso_year", "2021-01-03T00:00:00Z") == whole(2020));
  CHECK(part("week_day", "1969-12-31T00:00:00Z") == whole(4));
  CHECK(value_of(R"(["extract","day","day"])", R"("day":"2024-02-29")").view() == whole(29));
  CHECK(value_of(R"(["extract","minute","at"])", R"("at":"23:59:00")").view() == whole(59));
  CHECK(value_of(R"(["extract","hour","created"])", "", {}, 7'200'000'000).view() == whole(2));
  CHECK(value_of(R"(["extract","hour","due"])", R"("due":null)").view() == null());
  CHECK(value_of(R"(["trunc","month","due","date"])", R"("due":"2024-12-30T23:05:09Z")").view() == text("2024-12-01"));
  CHECK(value_of(R"(["-","created","due"])", R"("due":"1970-01-01T00:00:01.5Z")", {}, 2'000'000).view() ==
        whole(500'000));
  CHECK(value_of(R"(["+",["*","took","n"],"took"])", R"("took":5,"n":2)").view() == whole(15));
}

TEST_CASE("a path leads into a JSON value, and to null where there is nothing", "[fold][expressions]") {
  const char* data = R"("tree":{"a":{"b":[10,"x",{"c\"d":"y\n"},null,true,1.5]},"n":"7","1":8})";
  CHECK(value_of(R"(["path","tree","a","b","0"])", data).view() == whole(10));
  CHECK(value_of(R"(["path","tree","a","b","1"])", data).view() == text("x"));
  CHECK(value_of(R"(["path","tree","a","b","2","c\"d"])", data).view() == text("y\n"));
  CHECK(value_of(R"(["path","tree","a","b","3"])", data).view() == null());
  CHECK(value_of(R"(["path","tree","a","b","5"])", data).view() == CellView(1.5));
  CHECK(value_of(R"(["path","tree","a","b","6"])", data).view() == null());
  CHECK(value_of(R"(["path","tree","a","b","-1"])", data).view() == null());
  CHECK(value_of(R"(["path","tree","1"])", data).view() == whole(8));
  CHECK(value_of(R"(["path","tree","a"])", data).view().type == CellType::json);
  CHECK(value_of(R"(["path","tree","n","x"])", data).view() == null());
  CHECK(value_of(R"(["path","tree","x"])", R"("tree":null)").view() == null());
  CHECK(value_of(R"(["path","tree","x"])", R"("tree":[])").view() == null());
  CHECK(value_of(R"(["path","tree","x"])", R"("tree":{})").view() == null());
  CHECK(value_of(R"(["path","tree","0"])", R"("tree":[[1,[2]],3])").view().view() == "[1,[2]]");
  CHECK(value_of(R"(["path","any","x"])", R"("any":{"x":1})").view() == whole(1));
  CHECK(value_of(R"(["path","any","x"])", R"("any":"no JSON")").view() == null());
}

TEST_CASE("what JSON has is taken as the kind that is wanted, and is null where it is none", "[fold][expressions]") {
  const char* data = R"("tree":{"n":"7","r":2.5,"t":"x","d":"2024-05-06T07:08:09Z","w":2.0})";
  CHECK(value_of(R"(["cast","integer",["path","tree","n"]])", data).view() == whole(7));
  CHECK(value_of(R"(["cast","integer",["path","tree","w"]])", data).view() == whole(2));
  CHECK(value_of(R"(["cast","integer",["path","tree","r"]])", data).view() == null());
  CHECK(value_of(R"(["cast","integer",["path","tree","t"]])", data).view() == null());
  CHECK(value_of(R"(["cast","text",["path","tree","r"]])", data).view() == text("2.5"));
  CHECK(value_of(R"(["cast","datetime",["path","tree","d"]])", data).view() == text("2024-05-06 07:08:09"));
  CHECK(value_of(R"(["cast","json",["path","tree","t"]])", data).view() == CellView(CellType::json, "\"x\""));
  CHECK(value_of(R"(["extract","hour",["path","tree","d"]])", data).view() == whole(7));
  CHECK(value_of(R"(["extract","hour",["path","tree","t"]])", data).view() == null());
  CHECK(value_of(R"(["*",["path","tree","n"],["path","tree","r"]])", data).view() == CellView(17.5));
  CHECK(value_of(R"(["*",["path","tree","t"],["value",2]])", data).view() == null());
  CHECK(value_of(R"(["cast","integer",["coalesce",["path","tree","t"],["value",4]]])", data).view() == whole(4));
  CHECK_THAT(failure(R"(["cast","integer",["*",["path","tree","r"],["value",1]]])", data), Contains("is no integer"));
}

TEST_CASE("an expression is evaluated only where it matters", "[fold][expressions]") {
  Fold fold(spec_of(spec_with(R"(["/","n","m"])", R"({"filter": ["not",["exact","m",0]]})")));
  fold.apply("E", {1, 0, "E", R"({"k":1,"n":1,"m":0})"});
  CHECK(fold.size() == 0);
  fold.apply("E", {2, 0, "E", R"({"k":1,"n":6,"m":2})"});
  CHECK(fold.column(0, 0) == whole(3));
  Fold compared(spec_of(spec_with(R"(["/","n","m"])", R"({"filter": ["gt","made",2]})")));
  compared.apply("E", {1, 0, "E", R"({"k":1,"n":4,"m":2})"});
  CHECK(compared.size() == 0);
  CHECK_THROWS_WITH(compared.apply("E", {2, 0, "E", R"({"k":1,"n":4,"m":0})"}), Contains("a division by zero"));
}

TEST_CASE("the name of a stream and its category are values", "[fold][expressions]") {
  CHECK(value_of(R"(["stream"])", "", "book-7-a").view() == text("book-7-a"));
  CHECK(value_of(R"(["category"])", "", "book-7-a").view() == text("book"));
  CHECK(value_of(R"(["category"])", "", "single").view() == text("single"));
  CHECK(value_of(R"(["stream"])", "").view() == null());
  CHECK(ProjectionSpec::from_json(spec_with(R"(["coalesce",["category"],["value","none"]])")).uses_stream());
  CHECK_FALSE(ProjectionSpec::from_json(spec_with(R"(["+","n","m"])")).uses_stream());
  CHECK(ProjectionSpec::from_json(spec_with(R"(["extract","hour","created"])")).uses("created"));
}

TEST_CASE("operands that cannot be are refused, with what they are", "[fold][expressions]") {
  CHECK_THAT(refusal(R"(["*","text","n"])"), Contains("made: \"text\" is of the kind text, and \"*\" is of numbers"));
  CHECK_THAT(refusal(R"(["%","price","n"])"), Contains("\"price\" is of the kind decimal, and \"%\" is of integers"));
  CHECK_THAT(refusal(R"(["+","due","n"])"), Contains("\"due\" is of the kind datetime"));
  CHECK_THAT(refusal(R"(["+","took","n"])"), Contains("duration + integer: a duration is added"));
  CHECK_THAT(refusal(R"(["coalesce","text","n"])"),
             Contains("\"n\" is of the kind integer, and \"text\" of the kind text"));
  CHECK_THAT(refusal(R"(["extract","hour","day"])"), Contains("\"day\" is of the kind date, which has no hour"));
  CHECK_THAT(refusal(R"(["extract","month","at"])"), Contains("\"at\" is of the kind time, which has no month"));
  CHECK_THAT(refusal(R"(["extract","century","due"])"), Contains("no part of a moment \"century\""));
  CHECK_THAT(refusal(R"(["path","n","a"])"), Contains("only JSON has something within"));
  CHECK_THAT(refusal(R"(["cast","integer","text"])"), Contains("only a value out of JSON can be taken"));
  CHECK_THAT(refusal(R"(["+","n","gone"])"), Contains("has no field \"gone\""));
  CHECK_THAT(refusal(R"(["+","n"])"), Contains("is of two expressions"));
  CHECK_THAT(refusal(R"(["sqrt","n"])"), Contains("no expression \"sqrt\""));
  CHECK_THAT(refusal(R"(["value",18446744073709551615])"), Contains("64 bits"));
  CHECK_THAT(refusal(R"({"a":1})"), Contains("an expression is the name of a field, or a list"));
  CHECK_THAT(refusal(R"([])"), Contains("an expression is the name of a field, or a list"));
  CHECK_THROWS_WITH(spec_of(spec_with(R"(["*","x","n"])", "{}", "integer", "sum")), Contains("kind"));
}

TEST_CASE("a tracked change without a field leaves a column as it is", "[fold][expressions]") {
  std::string json = spec_with(R"(["+","n","m"])");
  json.replace(json.find(R"("m": {"kind": "integer")"), 23, R"("m": {"sparse": true, "kind": "integer")");
  Fold fold(spec_of(json));
  fold.apply("E", {1, 0, "E", R"({"k":1,"n":1,"m":2})"});
  fold.apply("E", {2, 0, "E", R"({"k":1,"n":5})"});
  CHECK(fold.column(0, 0) == whole(3));
}

namespace {

std::string orders(const std::string& key, const std::string& delete_on = "[]") {
  return R"({"name": "Sold", "table": "sold", "key": [{"column": "k", "field": ")" + key +
         R"(", "kind": "any"}],
    "columns": [{"column": "orders", "kind": "integer", "op": "count", "from": [["E", null]], "cleared_by": [], "initial": 0},
                {"column": "units", "kind": "any", "op": "sum", "from": [["E", "units"]], "cleared_by": [], "initial": 0},
                {"column": "earned", "kind": "any", "op": "sum", "from": [["E", "price", {"filter": ["gt", "units", 1]}]],
                 "cleared_by": [], "initial": 0}],
    "delete_on": )" +
         delete_on + R"(, "handlers": [],
    "events": {"E": {"by": {"kind": "text", "keys": ["by"]}, "lines": {"kind": "json", "keys": ["lines"]},
      "sku": {"value": ["each", "lines", "sku"]}, "units": {"value": ["each", "lines", "units"]},
      "price": {"value": ["*", ["each", "lines", "units"], ["each", "lines", "price"]]}}}})";
}

constexpr const char* kOrder =
    R"({"by":"ann","lines":[{"sku":"a","units":2,"price":5},{"sku":"b","units":1,"price":7},{"sku":"a","units":3,"price":5}]})";

CellView column_of(const Fold& fold, std::string_view key, std::size_t column) {
  const CellView keys[] = {text(key)};
  const auto row = fold.find(keys);
  REQUIRE(row);
  return fold.column(*row, column);
}

}  // namespace

TEST_CASE("an event is folded once for each element that its key is taken from", "[fold][expressions]") {
  Fold fold(spec_of(orders("sku")));
  fold.apply("E", {1, 0, "E", kOrder});
  fold.apply("E", {2, 0, "E", R"({"by":"bob","lines":[]})"});
  fold.apply("E", {3, 0, "E", R"({"by":"bob"})"});
  fold.apply("E", {4, 0, "E", R"({"by":"bob","lines":null})"});
  CHECK(fold.size() == 2);
  CHECK(column_of(fold, "a", 0) == whole(2));
  CHECK(column_of(fold, "a", 1) == whole(5));
  CHECK(column_of(fold, "a", 2) == whole(25));
  CHECK(column_of(fold, "b", 0) == whole(1));
  CHECK(column_of(fold, "b", 2) == whole(0));
}

TEST_CASE("with another key, only what is made of elements happens for each", "[fold][expressions]") {
  Fold fold(spec_of(orders("by")));
  fold.apply("E", {1, 0, "E", kOrder});
  fold.apply("E", {2, 0, "E", R"({"by":"bob","lines":[]})"});
  CHECK(column_of(fold, "ann", 0) == whole(1));
  CHECK(column_of(fold, "ann", 1) == whole(6));
  CHECK(column_of(fold, "ann", 2) == whole(25));
  CHECK(column_of(fold, "bob", 0) == whole(1));
  CHECK(column_of(fold, "bob", 1) == whole(0));
}

TEST_CASE("a handler is called with the row of each element", "[fold][expressions]") {
  std::string json = orders("sku");
  json.replace(json.find(R"("handlers": [])"), 14, R"("handlers": ["E"])");
  Fold fold(spec_of(json));
  std::string seen;
  fold.set_handler([&](Fold::Row& row, const EventView&) { seen += row.key(0).view(); });
  fold.apply("E", {1, 0, "E", kOrder});
  CHECK(seen == "aba");
}

TEST_CASE("what is no list, or an element without its key, is an error", "[fold][expressions]") {
  Fold fold(spec_of(orders("sku")));
  CHECK_THROWS_WITH(fold.apply("E", {1, 0, "E", R"({"by":"a","lines":{"sku":"a"}})"}),
                    Contains("\"lines\" is no list"));
  fold.clear();
  CHECK_THROWS_WITH(fold.apply("E", {1, 0, "E", R"({"by":"a","lines":[{"units":1}]})"}),
                    Contains("Sold, the event E at position 1: its key \"sku\" is null or missing"));
  std::string two = orders("sku");
  two.replace(two.find(R"(["each", "lines", "units"])"), 26, R"(["each", ["path", "lines", "x"], "units"])");
  CHECK_THROWS_WITH(spec_of(two), Contains("the event E is taken apart by two lists, lines and lines__x"));
}

TEST_CASE("many rows with expressions are folded as few are", "[fold][expressions]") {
  const auto spec = spec_of(spec_with(R"(["*","n",["value",2]])", R"({"filter": ["gt","made",1]})"));
  Fold one(spec);
  Fold many(spec);
  const int plan = many.plan_of("E");
  for (int number = 0; number < 60'000; ++number) {
    const std::string data = "{\"k\":" + std::to_string(number % 30'000) + ",\"n\":" + std::to_string(number % 7) + "}";
    one.apply("E", {number, 0, "E", data});
    many.feed(plan, {number, 0, "E", data});
  }
  many.finish();
  REQUIRE(one.size() == many.size());
  for (std::size_t row = 0; row < one.slots(); ++row) {
    const CellView key[] = {one.key(row, 0)};
    CHECK(many.column(*many.find(key), 0) == one.column(row, 0));
  }
}

TEST_CASE("an event that cannot be folded concerns its rows all the same", "[fold][expressions]") {
  std::string json = orders("sku");
  json.replace(json.find(R"(["*", ["each")"), 5, R"(["/",)");
  Fold fold(spec_of(json));
  CHECK_THROWS_WITH(
      fold.apply("E", {1, 0, "E", R"({"lines":[{"sku":"a","units":3,"price":1},{"sku":"b","units":3,"price":0},
    {"sku":"c"},{"units":1}]})"}),
      Contains("a division by zero"));
  REQUIRE(fold.slots() == 3);
  CHECK(fold.key(0, 0) == text("a"));
  CHECK(fold.key(1, 0) == text("b"));
  CHECK(fold.key(2, 0) == text("c"));
  CHECK(fold.size() == 1);
  Fold compared(spec_of(spec_with(R"(["/","n","m"])", R"({"filter": ["gt","made",2]})")));
  CHECK_THROWS(compared.apply("E", {1, 0, "E", R"({"k":7,"n":1,"m":0})"}));
  REQUIRE(compared.slots() == 1);
  CHECK(compared.key(0, 0) == whole(7));
}
