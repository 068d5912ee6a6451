// What a value of each kind becomes in a column, what does not fit, and how values are ordered.
#include <catch2/catch.hpp>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"
#include "fold/operations.hpp"

using namespace eventfold;

namespace {

std::shared_ptr<const ProjectionSpec> latest(const std::string& kind, const std::string& column_kind = "") {
  const std::string stored = column_kind.empty() ? kind : column_kind;
  return std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(
      R"({"name": "x", "table": "x", "key": [{"column": "k", "field": "k", "kind": "integer"}],
          "columns": [{"column": "v", "kind": ")" +
      stored + R"(", "op": "latest", "from": [["E", "v"]], "cleared_by": []}],
          "delete_on": [], "handlers": [],
          "events": {"E": {"k": {"kind": "integer", "keys": ["k"]}, "v": {"kind": ")" +
      kind + R"(", "keys": ["v"]}}}})"));
}

// What is stored for a value of a kind: "i:5", "r:0.5", "t:text", "b:bytes" ...
std::string stored(const std::string& kind, const std::string& json, const std::string& column_kind = "") {
  Fold fold(latest(kind, column_kind));
  fold.apply("E", {1, 0, "E", R"({"k":1,"v":)" + json + "}"});
  const CellView cell = fold.column(0, 0);
  constexpr std::string_view kLetters = "nirtbBNj";
  std::string text(1, kLetters[static_cast<std::size_t>(cell.type)]);
  if (cell.type == CellType::null) return text;
  text += ':';
  if (cell.has_bytes()) return text.append(cell.view());
  if (cell.type != CellType::real) return text + std::to_string(cell.integer);
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.17g", cell.real);
  return text + digits;
}

}  // namespace

TEST_CASE("each kind is stored as the table of kinds says", "[fold][kinds]") {
  CHECK(stored("text", R"("a\u00e9")") == "t:aé");
  CHECK(stored("integer", "-5") == "i:-5");
  CHECK(stored("real", "0.1") == "r:0.10000000000000001");
  CHECK(stored("real", "2") == "r:2");
  CHECK(stored("real", "100000000000000000000") == "r:1e+20");
  CHECK(stored("boolean", "true") == "B:1");
  CHECK(stored("decimal", R"("12.50")") == "r:12.5");
  CHECK(stored("decimal", R"("12.00")") == "i:12");
  CHECK(stored("decimal", R"("-0.00")") == "i:0");
  CHECK(stored("decimal", R"("9007199254740993")") == "i:9007199254740993");
  CHECK(stored("decimal", R"("9007199254740993.00")") == "r:9007199254740992");
  CHECK(stored("decimal", R"("1E+3")") == "i:1000");
  CHECK(stored("date", R"("2024-02-29")") == "t:2024-02-29");
  CHECK(stored("time", R"("23:59:59.000001")") == "t:23:59:59.000001");
  CHECK(stored("datetime", R"("2024-02-29T23:59:59.000001Z")") == "t:2024-02-29 23:59:59.000001");
  CHECK(stored("datetime", R"("2024-02-29T23:59:59")") == "t:2024-02-29 23:59:59");
  CHECK(stored("duration", "-1500000") == "i:-1500000");
  CHECK(stored("uuid", R"("01234567-89ab-cdef-0123-456789abcdef")") == "t:0123456789abcdef0123456789abcdef");
  CHECK(stored("json", R"({"a":[1e5,"x"]})") == R"(j:{"a":[1e5,"x"]})");
  CHECK(stored("json", R"("te\"xt")") == R"(j:"te\"xt")");
  CHECK(stored("json", "true") == "j:true");
  CHECK(stored("json", "123456789012345678901") == "j:123456789012345678901");
  CHECK(stored("json", " [ 1 , 2.50 ] ") == "j:[1,2.50]");
  CHECK(stored("binary", R"("00ff0a")") == std::string("b:\0\xff\n", 5));
  CHECK(stored("any", "123456789012345678901") == "N:123456789012345678901");
  CHECK(stored("any", "[1]") == "j:[1]");
}

TEST_CASE("null is null in every kind", "[fold][kinds]") {
  for (const std::string_view kind : kKindNames) CHECK(stored(std::string(kind), "null") == "n");
}

TEST_CASE("a value that does not fit its kind is corrupt, and says of which event", "[fold][kinds]") {
  const std::pair<const char*, const char*> wrong[] = {{"text", "1"},
                                                       {"text", "[]"},
                                                       {"integer", "1.5"},
                                                       {"integer", R"("1")"},
                                                       {"integer", "true"},
                                                       {"real", R"("1")"},
                                                       {"boolean", "1"},
                                                       {"decimal", R"("x")"},
                                                       {"decimal", R"("nan")"},
                                                       {"decimal", "{}"},
                                                       {"date", R"("today")"},
                                                       {"date", R"("2024-2-29")"},
                                                       {"time", R"("noon")"},
                                                       {"time", R"("1:2")"},
                                                       {"datetime", R"("x")"},
                                                       {"datetime", R"("2024-02-29")"},
                                                       {"duration", "0.5"},
                                                       {"uuid", R"("1234")"},
                                                       {"uuid", R"("01234567-89ab-cdef-0123-456789abcdeg")"},
                                                       {"binary", R"("abc")"},
                                                       {"binary", R"("zz")"},
                                                       {"integer", "9223372036854775808"}};
  for (const auto& [kind, json] : wrong) {
    INFO(kind << " " << json);
    CHECK_THROWS_AS(stored(kind, json), CorruptLog);
    CHECK_THROWS_WITH(stored(kind, json), Catch::Contains("the event E at position 1") && Catch::Contains("\"v\""));
  }
}

TEST_CASE("a column takes a value of another kind as it will give it back, or not at all", "[fold][kinds]") {
  CHECK(stored("integer", "3", "real") == "r:3");
  CHECK(stored("decimal", R"("3.00")", "real") == "r:3");
  CHECK(stored("boolean", "true", "integer") == "i:1");
  CHECK(stored("date", R"("2024-02-29")", "text") == "t:2024-02-29");
  for (const auto& [column, field] : {std::pair{"integer", "real"},
                                      {"integer", "text"},
                                      {"text", "integer"},
                                      {"date", "text"},
                                      {"boolean", "integer"},
                                      {"json", "text"},
                                      {"binary", "text"}}) {
    INFO(column << " of " << field);
    CHECK_THROWS_WITH(latest(field, column), Catch::Contains("the column v") && Catch::Contains(field));
  }
}

TEST_CASE("a key must be of one kind with the field that it comes from", "[fold][kinds]") {
  const auto with_key = [](const char* kind) {
    return ProjectionSpec::from_json(std::string(R"({"name": "x", "table": "x", "columns": [], "handlers": [],
        "key": [{"column": "k", "field": "k", "kind": ")") +
                                     kind + R"("}], "delete_on": ["E"],
        "events": {"E": {"k": {"kind": "integer", "keys": ["k"]}}}})");
  };
  CHECK_NOTHROW(with_key("integer"));
  CHECK_THROWS_AS(with_key("text"), ProjectionError);
}

TEST_CASE("a list is no key", "[fold][kinds]") {
  auto spec = std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(
      R"({"name": "x", "table": "x", "columns": [], "handlers": [], "key": [{"column": "k", "field": "k", "kind": "any"}],
          "delete_on": ["E"], "events": {"E": {"k": {"kind": "any", "keys": ["k"]}}}})"));
  Fold fold(spec);
  CHECK_THROWS_WITH(fold.apply("E", {3, 0, "E", R"({"k":[1]})"}),
                    Catch::Contains("position 3") && Catch::Contains("a list"));
}

TEST_CASE("values are ordered as SQLite orders them, numbers exactly", "[fold][kinds]") {
  const std::string large = "9223372036854775808", larger = "9223372036854775809", very_large = "100000000000000000000";
  const std::string very_small = "-100000000000000000000";
  const auto number = [](const std::string& digits) { return CellView(CellType::number, digits); };
  const auto text = [](std::string_view bytes) { return CellView(CellType::text, bytes); };
  const CellView ascending[] = {CellView(),
                                CellView(-1e300),
                                number(very_small),
                                CellView(INT64_MIN),
                                CellView(-0.5),
                                CellView(std::int64_t{0}),
                                CellView(0.5),
                                CellView(std::int64_t{9007199254740992}),
                                CellView(std::int64_t{9007199254740993}),
                                CellView(9007199254740994.0),
                                CellView(INT64_MAX),
                                number(large),
                                number(larger),
                                number(very_large),
                                CellView(1e300),
                                text(""),
                                text("A"),
                                text("AB"),
                                text("a"),
                                text("é"),
                                CellView(CellType::blob, "")};
  for (std::size_t left = 0; left < std::size(ascending); ++left) {
    for (std::size_t right = 0; right < std::size(ascending); ++right) {
      INFO(left << " " << right);
      CHECK(less(ascending[left], ascending[right]) == (left < right));
    }
  }
  CHECK_FALSE(less(number(large), CellView(0x1p63)));
  CHECK_FALSE(less(CellView(0x1p63), number(large)));
  CHECK(less(CellView(0x1p63), number(larger)));
  CHECK_FALSE(less(CellView(1.0), CellView(std::int64_t{1})));
}
