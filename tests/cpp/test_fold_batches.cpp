#include <catch2/catch.hpp>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"

using namespace eventfold;

namespace {

constexpr const char* kRung = R"({
  "name": "Alerts", "table": "alerts", "batched": true,
  "key": [{"column": "alert", "field": "alert", "kind": "integer"}],
  "columns": [
    {"column": "rang", "kind": "integer", "op": "count", "from": [["Rang", null]], "cleared_by": [], "initial": 0},
    {"column": "seen", "kind": "integer", "op": "handler", "from": [], "cleared_by": [], "initial": 0}],
  "delete_on": ["Closed"], "handlers": ["Rang"],
  "events": {"Rang": {"alert": {"kind": "integer", "keys": ["alert"]}},
             "Closed": {"alert": {"kind": "integer", "keys": ["alert"]}}}})";

// Its handler counts the events of each row, and keeps the positions that it was given at once.
struct Alerts {
  Fold fold{std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(kRung))};
  Position position = 0;
  std::vector<std::vector<Position>> batches;

  Alerts() { listen(); }
  void listen() {
    Fold::Handler handler;
    handler.batch = [this](Fold::Batch& batch) {
      auto& given = batches.emplace_back();
      for (const auto& [event, row] : batch.events()) {
        CHECK(event.type == "Rang");
        CHECK(event.data == R"({"alert":)" + std::to_string(batch.key(row, 0).integer) + "}");
        given.push_back(event.position);
        batch.set(row, 1, CellView(batch.get(row, 1).integer + 1));
      }
    };
    fold.set_handler(std::move(handler));
  }
  void given(std::string_view type, std::int64_t alert) {
    // as a scan does it: what an event points to is gone after the call
    const std::string data = R"({"alert":)" + std::to_string(alert) + "}";
    fold.feed(fold.plan_of(type), {++position, 0, type, data});
  }
  std::int64_t seen(std::int64_t alert) {
    const CellView key[] = {CellView(alert)};
    const auto row = fold.find(key);
    return row ? fold.column(*row, 1).integer : -1;
  }
};

using Batches = std::vector<std::vector<Position>>;

}  // namespace

TEST_CASE("a batch has the events that were folded since the last one, in their order", "[fold][batches]") {
  Alerts t;
  t.given("Rang", 1);
  t.given("Rang", 2);
  t.given("Rang", 1);
  CHECK(t.batches.empty());
  t.fold.finish();
  CHECK(t.batches == Batches{{1, 2, 3}});
  CHECK(t.seen(1) == 2);
  CHECK(t.seen(2) == 1);
  t.fold.finish();
  CHECK(t.batches.size() == 1);
}

TEST_CASE("a batch ends before one of its rows is deleted, and goes on where another one is", "[fold][batches]") {
  Alerts t;
  t.given("Rang", 1);
  t.given("Closed", 2);
  t.given("Rang", 2);
  t.given("Closed", 1);
  CHECK(t.batches == Batches{{1, 3}});
  t.given("Rang", 1);
  t.fold.finish();
  CHECK(t.batches == Batches{{1, 3}, {5}});
  CHECK(t.seen(1) == 1);  // it began anew
  CHECK(t.seen(2) == 1);
}

TEST_CASE("a batch that is full is given at once", "[fold][batches]") {
  Alerts t;
  for (int event = 0; event < 20'000; ++event) t.given("Rang", event % 7);
  CHECK(t.batches.size() == 2);
  t.fold.finish();
  std::size_t events = 0;
  for (const auto& batch : t.batches) events += batch.size();
  CHECK(events == 20'000);
  CHECK(t.seen(6) == 2857);
}

TEST_CASE("a fold that is cleared has nothing left to give", "[fold][batches]") {
  Alerts t;
  t.given("Rang", 1);
  t.fold.clear();
  t.listen();
  t.fold.finish();
  CHECK(t.batches.empty());
}

TEST_CASE("an event without a key is named, and no earlier one is lost to the handler", "[fold][batches]") {
  Alerts t;
  t.given("Rang", 1);
  const EventView event{2, 0, "Closed", R"({"alert":null})"};
  CHECK_THROWS_WITH(t.fold.feed(t.fold.plan_of("Closed"), event), Catch::Contains("Closed at position 2"));
}

TEST_CASE("a handler of another sort than the specification wants is refused", "[fold][batches]") {
  Alerts t;
  t.fold.set_handler([](Fold::Row&, const EventView&) {});
  CHECK_THROWS_AS(t.given("Rang", 1), ProjectionError);
}
