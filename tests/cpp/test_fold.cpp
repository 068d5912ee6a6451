#include <catch2/catch.hpp>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"

using namespace eventfold;

namespace {

constexpr const char* kBooks = R"({
  "name": "BookList", "table": "book_list",
  "key": [{"column": "book", "field": "book", "kind": "integer"}],
  "columns": [
    {"column": "title", "kind": "text", "op": "latest", "from": [["Added", "title"]], "cleared_by": [], "initial": ""},
    {"column": "loans", "kind": "integer", "op": "count", "from": [["Borrowed", null]], "cleared_by": [], "initial": 0},
    {"column": "by", "kind": "text", "op": "latest", "from": [["Borrowed", "by"]], "cleared_by": ["Returned"],
     "initial": null}],
  "delete_on": ["Removed"], "handlers": [],
  "events": {"Added": {"book": {"kind": "integer", "keys": ["book"]}, "title": {"kind": "text", "keys": ["title", "name"]}},
             "Borrowed": {"book": {"kind": "integer", "keys": ["book"]}, "by": {"kind": "text", "keys": ["by"]}},
             "Returned": {"book": {"kind": "integer", "keys": ["book"]}},
             "Removed": {"book": {"kind": "integer", "keys": ["book"]}}}})";

std::shared_ptr<const ProjectionSpec> books() {
  return std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(kBooks));
}

struct Books {
  Fold fold{books()};
  Position position = 0;

  Books& given(std::string_view type, std::string_view data) {
    fold.apply(type, {++position, 0, type, data});
    return *this;
  }
  std::size_t row(std::int64_t book) {
    const CellView key[] = {CellView(book)};
    const auto found = fold.find(key);
    REQUIRE(found);
    return *found;
  }
  std::string text(std::int64_t book, std::size_t column) {
    const CellView cell = fold.column(row(book), column);
    return cell.type == CellType::null ? "null" : std::string(cell.view());
  }
  std::int64_t number(std::int64_t book, std::size_t column) { return fold.column(row(book), column).integer; }
};

}  // namespace

TEST_CASE("given a book that was borrowed and returned, its row says so", "[fold]") {
  Books t;
  t.given("Added", R"({"book":7,"title":"Emma"})").given("Borrowed", R"({"book":7,"by":"ann"})");
  CHECK(t.text(7, 0) == "Emma");
  CHECK(t.number(7, 1) == 1);
  CHECK(t.text(7, 2) == "ann");
  t.given("Returned", R"({"book":7})");
  CHECK(t.text(7, 2) == "null");
  CHECK(t.fold.size() == 1);
}

TEST_CASE("given a book that was removed, its row is gone, and a later event begins a new one", "[fold]") {
  Books t;
  t.given("Added", R"({"book":7,"title":"Emma"})").given("Removed", R"({"book":7})");
  CHECK(t.fold.size() == 0);
  t.given("Borrowed", R"({"book":7,"by":"bob"})");
  CHECK(t.text(7, 0).empty());
  CHECK(t.number(7, 1) == 1);
}

TEST_CASE("an event that only clears makes no row", "[fold]") {
  Books t;
  t.given("Returned", R"({"book":7})").given("Removed", R"({"book":8})");
  CHECK(t.fold.size() == 0);
}

TEST_CASE("events of one type are read whatever the order and spacing of their keys", "[fold]") {
  Books t;
  t.given("Added", R"({"book":1,"title":"a"})");
  t.given("Added", R"({"title":"b","book":2})");
  t.given("Added", R"({ "book" : 3 , "title" : "c" })");
  t.given("Added", R"({"book":4,"extra":[1,{"x":"}"}],"title":"d\n\u00e9"})");
  t.given("Added", R"({"book":5,"name":"former"})");
  t.given("Added", R"({"book":6})");
  t.given("Added", R"({"book":1,"title":"last","large":123456789012345678901234567890})");
  CHECK(t.text(1, 0) == "last");
  CHECK(t.text(2, 0) == "b");
  CHECK(t.text(3, 0) == "c");
  CHECK(t.text(4, 0) == "d\n\u00e9");
  CHECK(t.text(5, 0) == "former");
  CHECK(t.text(6, 0) == "null");
}

TEST_CASE("an event without its key says which projection, event and key", "[fold]") {
  Books t;
  CHECK_THROWS_AS(t.given("Added", R"({"title":"a"})"), ProjectionError);
  CHECK_THROWS_WITH(t.given("Borrowed", R"({"book":null,"by":"ann"})"),
                    Catch::Contains("BookList") && Catch::Contains("Borrowed") && Catch::Contains("position 2") &&
                        Catch::Contains("\"book\""));
}

TEST_CASE("data that is not what its type says is corrupt", "[fold]") {
  for (const char* data : {"", "[]", "{", R"({"book":"seven"})", R"({"book":1,"title":5})", R"({"book":1.5})", "\xff",
                           R"({"book":1,"title":"unclosed)", R"({"book":99999999999999999999})"}) {
    Books t;
    t.given("Added", R"({"book":1,"title":"learns the order"})");
    INFO(data);
    CHECK_THROWS_AS(t.given("Added", data), CorruptLog);
  }
}

TEST_CASE("a count beyond 64 bits is refused", "[fold]") {
  const std::string json = [] {
    std::string text = kBooks;
    const auto at = text.find("\"initial\": 0");
    return text.replace(at, 12, "\"initial\": 9223372036854775807");
  }();
  Fold fold(std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(json)));
  CHECK_THROWS_AS(fold.apply("Borrowed", {1, 0, "Borrowed", R"({"book":1,"by":"a"})"}), ProjectionError);
}

TEST_CASE("a relative fold joins what came before", "[fold]") {
  const char* const events[][2] = {{"Added", R"({"book":1,"title":"a"})"}, {"Borrowed", R"({"book":1,"by":"x"})"},
                                   {"Returned", R"({"book":1})"},          {"Added", R"({"book":2,"title":"b"})"},
                                   {"Removed", R"({"book":2})"},           {"Borrowed", R"({"book":2,"by":"y"})"},
                                   {"Removed", R"({"book":1})"},           {"Returned", R"({"book":3})"},
                                   {"Added", R"({"book":3,"title":"c"})"}};
  for (std::size_t cut = 0; cut <= std::size(events); ++cut) {
    Fold whole(books()), first(books()), later(books(), true);
    for (std::size_t index = 0; index < std::size(events); ++index) {
      const EventView event{static_cast<Position>(index + 1), 0, events[index][0], events[index][1]};
      whole.apply(event.type, event);
      (index < cut ? first : later).apply(event.type, event);
    }
    first.merge(std::move(later));
    INFO("cut at " << cut);
    CHECK(first.size() == whole.size());
    for (std::size_t row = 0; row < whole.slots(); ++row) {
      if (!whole.alive(row)) continue;
      const CellView key[] = {whole.key(row, 0)};
      const auto found = first.find(key);
      REQUIRE(found);
      for (std::size_t column = 0; column < 3; ++column)
        CHECK(first.column(*found, column) == whole.column(row, column));
    }
  }
}

TEST_CASE("what is no specification is refused with a reason", "[fold]") {
  for (
      const char* json :
      {"", "[]", "{}", R"({"name":"x","table":"t","key":[],"columns":[],"delete_on":[],"handlers":[],"events":{}})",
       R"({"name":"x","table":"t","key":[{"column":"a","field":"a","kind":"nothing"}],"columns":[],"delete_on":[],"handlers":[],"events":{}})",
       R"({"name":"x","table":"t","key":[{"column":"a","field":"a","kind":"text"}],"columns":[],"delete_on":["E"],"handlers":[],"events":{}})"}) {
    INFO(json);
    CHECK_THROWS_AS(ProjectionSpec::from_json(json), ProjectionError);
  }
}

TEST_CASE("created is folded as Django stores it", "[fold]") {
  auto spec = std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(R"({
    "name": "x", "table": "x", "key": [{"column": "k", "field": "k", "kind": "integer"}],
    "columns": [{"column": "at", "kind": "datetime", "op": "latest", "from": [["E", "created"]], "cleared_by": []}],
    "delete_on": [], "handlers": [], "events": {"E": {"k": {"kind": "integer", "keys": ["k"]}}}})"));
  const auto created = [&](std::int64_t us) {
    Fold fold(spec);
    fold.apply("E", {1, us, "E", R"({"k":1})"});
    return std::string(fold.column(0, 0).view());
  };
  CHECK(created(0) == "1970-01-01 00:00:00");
  CHECK(created(1) == "1970-01-01 00:00:00.000001");
  CHECK(created(951782399'999'999) == "2000-02-28 23:59:59.999999");
  CHECK(created(951782400'000'000) == "2000-02-29 00:00:00");
  CHECK(created(-1) == "1969-12-31 23:59:59.999999");
  CHECK(created(253402300799'000'000) == "9999-12-31 23:59:59");
}
