// Columns that count different values, and the keys under which these are kept.
#include <catch2/catch.hpp>
#include <vector>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"
#include "read_model/side_key.hpp"

using namespace eventfold;

namespace {

using Spec = std::shared_ptr<const ProjectionSpec>;

Spec counting(const std::string& initial = "0") {
  const std::string fields = R"({"k": {"kind": "integer", "keys": ["k"]}, "v": {"kind": "any", "keys": ["v"]}})";
  return std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(
      R"({"name": "Seen", "table": "seen", "key": [{"column": "k", "field": "k", "kind": "integer"}],
          "columns": [{"column": "c", "kind": "integer", "op": "distinct", "from": [["Said", "v"]],
                       "cleared_by": ["Cleared"], "initial": )" +
      initial + R"(}], "delete_on": ["Removed"], "handlers": [], "events": {"Said": )" + fields +
      R"(, "Cleared": {"k": {"kind": "integer", "keys": ["k"]}},
          "Removed": {"k": {"kind": "integer", "keys": ["k"]}}}})"));
}

void happen(Fold& fold, const std::string& type, const std::string& value = "0", int key = 1) {
  const std::string data = "{\"k\":" + std::to_string(key) + ",\"v\":" + value + "}";
  fold.apply(type, {1, 0, type, data});
}

void say(Fold& fold, std::initializer_list<const char*> values, int key = 1) {
  for (const char* value : values) happen(fold, "Said", value, key);
}

std::int64_t number(const Fold& fold, std::size_t row = 0) { return fold.column(row, 0).integer; }

std::vector<std::string> members(const Fold& fold, std::size_t row = 0) {
  std::vector<std::string> texts;
  fold.visit_members(row, 0, [&](const CellView& value) { texts.emplace_back(value.view()); });
  return texts;
}

}  // namespace

TEST_CASE("each value counts once, and null does not", "[fold][distinct]") {
  Fold fold(counting());
  say(fold, {"null", "\"a\"", "\"b\"", "\"a\"", "null"});
  CHECK(number(fold) == 2);
  CHECK(members(fold) == std::vector<std::string>{"a", "b"});
  CHECK(fold.members(0, 0) == 2);
}

TEST_CASE("numbers are the same by their value, and no text is a number", "[fold][distinct]") {
  Fold fold(counting());
  say(fold, {"1", "1.0", "true", "\"1\"", "0", "-0.0", "false", "9007199254740993", "9007199254740992.0"});
  CHECK(number(fold) == 5);
  say(fold, {"18446744073709551616", "18446744073709551616.0", "18446744073709551617", "\"18446744073709551617\""});
  CHECK(number(fold) == 8);
}

TEST_CASE("a list or an object is no value to compare", "[fold][distinct]") {
  Fold fold(counting());
  CHECK_THROWS_AS(say(fold, {"[1]"}), ProjectionError);
}

TEST_CASE("of many values each is found by its hash", "[fold][distinct]") {
  Fold fold(counting());
  for (int round = 0; round < 2; ++round) {
    for (int value = 0; value < 1000; ++value) happen(fold, "Said", std::to_string(value));
  }
  CHECK(number(fold) == 1000);
}

TEST_CASE("what is cleared begins again, and what it had counted counts no more", "[fold][distinct]") {
  Fold fold(counting("5"));
  say(fold, {"1", "2"});
  CHECK(number(fold) == 7);
  happen(fold, "Cleared");
  CHECK(number(fold) == 5);
  CHECK(fold.members(0, 0) == 0);
  CHECK(fold.forgets_members(0, 0));
  say(fold, {"1"});
  CHECK(number(fold) == 6);
}

TEST_CASE("a range that is merged into an earlier one joins its values", "[fold][distinct]") {
  const Spec spec = counting();
  Fold fold(spec), later(spec, true), last(spec, true);
  say(fold, {"1", "2"});
  say(later, {"2", "3"});
  say(later, {"7"}, 2);
  happen(last, "Cleared");
  say(last, {"2"});
  say(last, {"7", "8"}, 2);
  fold.merge(std::move(later));
  CHECK(number(fold) == 3);
  fold.merge(std::move(last));
  CHECK(number(fold) == 1);
  CHECK(number(fold, 1) == 2);
}

TEST_CASE("of a loaded row only the values that events say are asked for, each once", "[fold][distinct]") {
  Fold fold(counting());
  std::vector<std::int64_t> asked;
  fold.set_loader([](std::span<const CellView>, std::vector<CellView>& columns) {
    columns.assign(1, CellView(std::int64_t{10}));
    return true;
  });
  fold.set_member_loader([&](std::span<const CellView> key, std::size_t column, const CellView& value) {
    CHECK((key.size() == 1 && key[0].integer == 1 && column == 0));
    asked.push_back(value.integer);
    return value.integer < 5;
  });
  say(fold, {"1", "1", "5", "5", "6"});
  CHECK(number(fold) == 12);
  CHECK(fold.members(0, 0) == 2);
  CHECK_FALSE(fold.forgets_members(0, 0));
  CHECK(asked == std::vector<std::int64_t>{1, 5, 6});
  happen(fold, "Cleared");
  say(fold, {"1"});
  CHECK(number(fold) == 1);
  CHECK(asked.size() == 3);
  CHECK(fold.forgets_members(0, 0));
}

TEST_CASE("a key of several parts is a text from which it can be read again", "[read_model][distinct]") {
  const ProjectionSpec spec = ProjectionSpec::from_json(
      R"({"name": "Seen", "table": "seen", "key": [{"column": "a", "field": "a", "kind": "any"},
          {"column": "b", "field": "b", "kind": "any"}], "columns": [], "delete_on": [], "handlers": [], "events": {}})");
  SideKey side_key(spec);
  const std::string blob("\0;\xff", 3);
  const std::vector<CellView> values = {CellView(std::int64_t{-7}), CellView(0.1), CellView(CellType::text, "a;t1:b"),
                                        CellView(CellType::text, ""), CellView(CellType::blob, blob)};
  for (const CellView& left : values) {
    for (const CellView& right : values) {
      const CellView key[] = {left, right};
      const std::string text(side_key.of(key).view());
      std::vector<CellView> read;
      REQUIRE(side_key.read(std::string_view(text), read));
      CHECK((read.size() == 2 && read[0] == left && read[1] == right));
    }
  }
  const CellView whole[] = {CellView(2.0), CellView(-0.0)};
  CHECK(side_key.of(whole).view() == "i2;i0;");
  std::vector<CellView> read;
  for (const char* text : {"", "i2;", "i2;i0;i0;", "i2;x0;", "t9:a;i1;", "i2;b2:gg;", "i;i;", "t1:ai1;"}) {
    CHECK_FALSE(side_key.read(std::string_view(text), read));
  }
}
