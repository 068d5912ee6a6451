#include <catch2/catch.hpp>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"

using namespace eventfold;

namespace {

// The key of a row that an event makes.
std::string key_of(const std::string& unit, const std::string& kind, const std::string& source, const std::string& data,
                   std::int64_t created = 0) {
  const std::string field = source == "created" ? "created" : "on";
  const auto spec = std::make_shared<const ProjectionSpec>(
      ProjectionSpec::from_json(R"({"name": "Days", "table": "days", "key": [{"column": "span", "field": ")" + field +
                                R"(", "kind": ")" + kind + R"(", "trunc": ")" + unit + R"("}], "columns": [
          {"column": "n", "kind": "integer", "op": "count", "from": [["E", null]], "cleared_by": [], "initial": 0}],
          "delete_on": [], "handlers": [], "events": {"E": {"on": {"kind": ")" +
                                (source == "created" ? "any" : source) + R"(", "keys": ["on"]}}}})"));
  Fold fold(spec);
  fold.apply("E", {1, created, "E", R"({"on":")" + data + "\"}"});
  return std::string(fold.key(0, 0).view());
}

}  // namespace

TEST_CASE("a key may be the span of time in which a moment lies", "[fold][buckets]") {
  CHECK(key_of("year", "date", "date", "2024-02-29") == "2024-01-01");
  CHECK(key_of("month", "date", "date", "2024-02-29") == "2024-02-01");
  CHECK(key_of("day", "date", "datetime", "2024-02-29T23:59:59.999999Z") == "2024-02-29");
  CHECK(key_of("day", "datetime", "datetime", "2024-02-29T23:59:59.999999Z") == "2024-02-29 00:00:00");
  CHECK(key_of("year", "datetime", "datetime", "2024-02-29T23:59:59Z") == "2024-01-01 00:00:00");
  CHECK(key_of("hour", "datetime", "datetime", "2024-02-29T23:59:59.999999Z") == "2024-02-29 23:00:00");
  CHECK(key_of("hour", "any", "any", "2024-02-29 07:01") == "2024-02-29 07:00:00");
  CHECK(key_of("day", "date", "created", "", 951782399'999'999) == "2000-02-28");
  CHECK(key_of("hour", "datetime", "created", "", 951782399'999'999) == "2000-02-28 23:00:00");
}

TEST_CASE("what is no moment lies in no span of time", "[fold][buckets]") {
  for (const char* data : {"", "2024", "2024-02", "2024/02/29", "yesterday!!", "20240229T10"}) {
    INFO(data);
    CHECK_THROWS_WITH(key_of("day", "any", "any", data), Catch::Contains("its key \"on\" is no date"));
  }
  CHECK_THROWS_AS(key_of("hour", "any", "any", "2024-02-29"), ProjectionError);
  CHECK_THROWS_AS(key_of("hour", "any", "any", "2024-02-29 1"), ProjectionError);
}

TEST_CASE("a span of time is of a moment, and kept as one", "[fold][buckets]") {
  CHECK_THROWS_AS(key_of("week", "date", "date", "2024-02-29"), ProjectionError);
  CHECK_THROWS_AS(key_of("none", "date", "date", "2024-02-29"), ProjectionError);
  CHECK_THROWS_AS(key_of("day", "text", "date", "2024-02-29"), ProjectionError);
  CHECK_THROWS_AS(key_of("day", "date", "text", "2024-02-29"), ProjectionError);
  CHECK_THROWS_AS(key_of("hour", "date", "datetime", "2024-02-29T00:00:00"), ProjectionError);
  CHECK_THROWS_AS(key_of("hour", "datetime", "date", "2024-02-29"), ProjectionError);
}
