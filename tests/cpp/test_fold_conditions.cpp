#include <catch2/catch.hpp>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"

using namespace eventfold;

namespace {

std::string spec_with(const std::string& filter, const std::string& delete_on = "[]") {
  return R"({"name": "Loans", "table": "loans", "key": [{"column": "k", "field": "k", "kind": "integer"}],
    "columns": [{"column": "n", "kind": "integer", "op": "count", "from": [["E", null, {"filter": )" +
         filter + R"(}]], "cleared_by": [], "initial": 0},
                {"column": "latest", "kind": "text", "op": "latest", "from": [["E", "by", {"filter": )" +
         filter + R"(}]], "cleared_by": [], "initial": null}],
    "delete_on": )" +
         delete_on + R"(, "handlers": [],
    "events": {"E": {"k": {"kind": "integer", "keys": ["k"]}, "days": {"kind": "integer", "keys": ["days"]},
                     "by": {"kind": "text", "keys": ["by"]}, "price": {"kind": "decimal", "keys": ["price"], "places": 2},
                     "kept": {"kind": "boolean", "keys": ["kept"]}, "any": {"kind": "any", "keys": ["any"]}},
               "Gone": {"k": {"kind": "integer", "keys": ["k"]}, "lost": {"kind": "boolean", "keys": ["lost"]}}}})";
}

std::shared_ptr<const ProjectionSpec> spec_of(const std::string& json) {
  return std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(json));
}

// Whether an event with this data counts.
bool holds(const std::string& filter, const std::string& data, std::int64_t created = 0) {
  Fold fold(spec_of(spec_with(filter)));
  fold.apply("E", {5, created, "E", "{\"k\":1," + data + "}"});
  const CellView key[] = {CellView(std::int64_t{1})};
  return fold.find(key).has_value();
}

}  // namespace

TEST_CASE("a comparison is of the value that the field's kind makes of the data", "[fold][conditions]") {
  CHECK(holds(R"(["exact","days",14])", R"("days":14)"));
  CHECK_FALSE(holds(R"(["exact","days",14])", R"("days":15)"));
  CHECK(holds(R"(["gt","days",14])", R"("days":15)"));
  CHECK_FALSE(holds(R"(["gt","days",14])", R"("days":14)"));
  CHECK(holds(R"(["gte","days",14])", R"("days":14)"));
  CHECK(holds(R"(["lt","days",14])", R"("days":-15)"));
  CHECK_FALSE(holds(R"(["lte","days",14])", R"("days":15)"));
  CHECK(holds(R"(["exact","price",12.5])", R"("price":"12.50")"));
  CHECK(holds(R"(["gt","price",9])", R"("price":"12.50")"));
  CHECK(holds(R"(["exact","kept",true])", R"("kept":true)"));
  CHECK_FALSE(holds(R"(["exact","kept",true])", R"("kept":false)"));
  CHECK(holds(R"(["in","by",["ann","bob"]])", R"("by":"bob")"));
  CHECK_FALSE(holds(R"(["in","by",["ann","bob"]])", R"("by":"Bob")"));
  CHECK_FALSE(holds(R"(["in","by",[]])", R"("by":"bob")"));
  CHECK(holds(R"(["startswith","by","b\u010d"])", R"("by":"bča")"));
  CHECK(holds(R"(["endswith","by","\""])", R"("by":"b\"")"));
  CHECK_FALSE(holds(R"(["contains","by","B"])", R"("by":"abc")"));
  CHECK(holds(R"(["contains","by","b"])", R"("by":"abc")"));
}

TEST_CASE("a comparison with null or a missing field is neither true nor false", "[fold][conditions]") {
  for (const char* data : {R"("by":null)", R"("days":1)"}) {
    INFO(data);
    CHECK_FALSE(holds(R"(["exact","by","ann"])", data));
    CHECK_FALSE(holds(R"(["not",["exact","by","ann"]])", data));
    CHECK_FALSE(holds(R"(["not",["in","by",["ann"]]])", data));
    CHECK(holds(R"(["not",["in","by",[]]])", data));
    CHECK(holds(R"(["isnull","by",true])", data));
    CHECK_FALSE(holds(R"(["isnull","by",false])", data));
    CHECK(holds(R"(["or",["exact","by","ann"],["isnull","by",true]])", data));
    CHECK_FALSE(holds(R"(["and",["not",["exact","by","ann"]],["isnull","by",true]])", data));
  }
  CHECK(holds(R"(["not",["exact","by","ann"]])", R"("by":"")"));
}

TEST_CASE("values of different types are never equal, and neither is less", "[fold][conditions]") {
  CHECK_FALSE(holds(R"(["exact","any",5])", R"("any":"5")"));
  CHECK(holds(R"(["not",["exact","any",5]])", R"("any":"5")"));
  CHECK_FALSE(holds(R"(["gt","any",5])", R"("any":"6")"));
  CHECK_FALSE(holds(R"(["not",["gt","any",5]])", R"("any":"6")"));
  CHECK_FALSE(holds(R"(["exact","any","[1]"])", R"("any":[1])"));
  CHECK(holds(R"(["exact","any",1])", R"("any":1.0)"));
  CHECK(holds(R"(["exact","any",1])", R"("any":true)"));
  CHECK(holds(R"(["in","any",["a",2,1.5,true]])", R"("any":2.0)"));
  CHECK(holds(R"(["gt","any",9223372036854775807])", R"("any":9223372036854775808)"));
}

TEST_CASE("position and created can be compared", "[fold][conditions]") {
  CHECK(holds(R"(["lte","position",5])", R"("days":1)"));
  CHECK_FALSE(holds(R"(["gt","position",5])", R"("days":1)"));
  CHECK(holds(R"(["gte","created","1970-01-01 00:00:01"])", R"("days":1)", 1'000'000));
  CHECK_FALSE(holds(R"(["gte","created","1970-01-01 00:00:01"])", R"("days":1)", 999'999));
  const auto spec = spec_of(spec_with(R"(["or",["gt","days",3],["not",["lt","created","1970-01-01 00:00:01"]]])"));
  CHECK(spec->uses("created"));
  CHECK_FALSE(spec->uses("position"));
}

TEST_CASE("an event that no condition lets in needs no key and makes no row", "[fold][conditions]") {
  Fold fold(spec_of(spec_with(R"(["gt","days",14])", R"([["Gone", ["exact","lost",true]]])")));
  fold.apply("E", {1, 0, "E", R"({"days":3})"});
  fold.apply("E", {2, 0, "E", R"({"k":1,"days":3})"});
  CHECK(fold.slots() == 0);
  fold.apply("E", {3, 0, "E", R"({"k":1,"days":30,"by":"ann"})"});
  fold.apply("Gone", {4, 0, "Gone", R"({"k":1,"lost":false})"});
  CHECK(fold.size() == 1);
  fold.apply("Gone", {5, 0, "Gone", R"({"k":1,"lost":true})"});
  CHECK(fold.size() == 0);
  CHECK_THROWS_AS(fold.apply("E", {6, 0, "E", R"({"days":30})"}), ProjectionError);
}

TEST_CASE("conditions hold for events that wait until their rows are fetched", "[fold][conditions]") {
  Fold fold(spec_of(spec_with(R"(["gt","days",14])")));
  const int plan = fold.plan_of("E");
  constexpr int kKeys = 20'000;  // more than the cache is taken to hold
  for (int round = 0; round < 3; ++round) {
    for (int key = 0; key < kKeys; ++key) {
      const std::string data = "{\"k\":" + std::to_string(key) + ",\"by\":\"a reader with a longer name\",\"days\":" +
                               std::to_string(round == 1 ? 1 : 20) + "}";
      fold.feed(plan, {round * kKeys + key + 1, 0, "E", data});
    }
  }
  fold.finish();
  CHECK(fold.size() == kKeys);
  for (const std::int64_t key : {0, 77, kKeys - 1}) {
    const CellView wanted[] = {CellView(key)};
    CHECK(fold.column(*fold.find(wanted), 0).integer == 2);
  }
}

TEST_CASE("what is no condition is refused with a reason", "[fold][conditions]") {
  for (const char* filter :
       {"[]", "{}", "5", R"(["like","by","a"])", R"(["exact","by"])", R"(["exact","by",null])", R"(["exact","by",[1]])",
        R"(["in","by","a"])", R"(["in","by",[null]])", R"(["startswith","by",5])", R"(["isnull","by",1])", R"(["not"])",
        R"(["not",["gt","days",1],["gt","days",2]])", R"(["and",5])", R"(["exact","nothing",1])"}) {
    INFO(filter);
    CHECK_THROWS_AS(spec_of(spec_with(filter)), ProjectionError);
  }
  CHECK_THROWS_AS(spec_of(spec_with(R"(["gt","days",1])", R"([["E"]])")), ProjectionError);
  std::string many = R"(["E", null, {"filter": ["exact","days",0]}])";
  for (int number = 1; number <= 64; ++number) {
    many += R"(,["E", null, {"filter": ["exact","days",)" + std::to_string(number) + "]}]";
  }
  CHECK_THROWS_WITH(
      spec_of(R"({"name": "x", "table": "x", "key": [{"column": "days", "field": "days", "kind": "integer"}],
    "columns": [{"column": "n", "kind": "integer", "op": "count", "from": [)" +
              many + R"(], "cleared_by": []}], "delete_on": [], "handlers": [],
    "events": {"E": {"days": {"kind": "integer", "keys": ["days"]}}}})"),
      Catch::Contains("64 conditions"));
}
