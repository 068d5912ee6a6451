// Events that the inline read models have not seen yet: of triggers, of programs without read models.
#include <catch2/catch.hpp>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

namespace {

class Seen : public AppendListener {
 public:
  explicit Seen(std::vector<std::string> types = {}) : types_(std::move(types)) {}
  void appended(Connection&, std::span<const EventView> events) override {
    for (const EventView& event : events) positions.push_back(event.position);
  }
  std::vector<std::string> types() const override { return types_; }
  std::vector<Position> positions;

 private:
  std::vector<std::string> types_;
};

void append(EventLog& log, std::string_view type, AppendListener* listener, bool keeps_folded) {
  const NewEvent event{.type = type, .data = "{}"};
  log.append({&event, 1}, {.keeps_folded = keeps_folded}, listener);
}

}  // namespace

TEST_CASE("what others appended is seen first, in order, and once") {
  TemporaryLog fixture;
  EventLog& log = fixture.log;
  CHECK_FALSE(log.unfolded());
  append(log, "A", nullptr, false);
  append(log, "A", nullptr, false);
  CHECK(log.unfolded() == std::pair<Position, Position>(0, 2));
  Seen seen;
  append(log, "A", &seen, true);
  CHECK(seen.positions == std::vector<Position>{1, 2, 3});
  CHECK_FALSE(log.unfolded());
  append(log, "A", &seen, true);
  CHECK(seen.positions == std::vector<Position>{1, 2, 3, 4});
}

TEST_CASE("a listener without the promise to keep up sees its own events only") {
  TemporaryLog fixture;
  append(fixture.log, "A", nullptr, false);
  Seen seen;
  append(fixture.log, "A", &seen, false);
  CHECK(seen.positions == std::vector<Position>{2});
  CHECK(fixture.log.unfolded() == std::pair<Position, Position>(0, 2));
}

TEST_CASE("pending events are given without an append, those of the types that are read") {
  TemporaryLog fixture;
  EventLog& log = fixture.log;
  append(log, "A", nullptr, false);
  append(log, "B", nullptr, false);
  Seen seen({"B", "Unknown"});
  CHECK(log.fold_pending(&seen) == std::pair<Position, Position>(0, 2));
  CHECK(seen.positions == std::vector<Position>{2});
  CHECK_FALSE(log.fold_pending(&seen));
  append(log, "A", nullptr, false);
  Seen none({"Unknown"});
  CHECK(log.fold_pending(&none) == std::pair<Position, Position>(2, 3));
  CHECK(none.positions.empty());
  CHECK_FALSE(log.unfolded());
}

TEST_CASE("a row that a trigger wrote is an event like any other") {
  TemporaryLog fixture;
  EventLog& log = fixture.log;
  append(log, "A", nullptr, true);
  fixture.execute(
      "INSERT INTO eventfold_event (position, type_id, created, data) SELECT 2, type_id, created + 5, '{\"k\":1}' "
      "FROM eventfold_event; INSERT INTO eventfold_metadata VALUES (2, '{\"user\":\"ann\"}')");
  CHECK(log.head() == 2);
  CHECK(log.unfolded() == std::pair<Position, Position>(1, 2));
  const auto first = log.read({.after = 1});
  REQUIRE(first.size() == 1);
  CHECK(first[0].metadata == "{\"user\":\"ann\"}");
  CHECK((first[0].id[6] >> 4) == 7);
  CHECK((first[0].id[8] >> 6) == 2);
  CHECK(log.read({.after = 1})[0].id == first[0].id);
  append(log, "A", nullptr, true);
  CHECK(log.head() == 3);
  CHECK(log.read({.after = 2})[0].created >= first[0].created);
  CHECK_THROWS_AS(fixture.execute("UPDATE eventfold_metadata SET metadata = '{}'"), Error);
  CHECK_THROWS_AS(fixture.execute("DELETE FROM eventfold_metadata"), Error);
  log.empty();
  CHECK(log.head() == 3);
  append(log, "A", nullptr, true);
  CHECK(log.head() == 4);
}

TEST_CASE("a sparse field leaves the latest value where an event does not have it") {
  const auto folded = [](const char* sparse) {
    TemporaryLog fixture;
    const std::string spec = std::string(R"({"name": "T", "table": "t",
      "key": [{"column": "k", "field": "k", "kind": "integer"}],
      "columns": [{"column": "v", "kind": "text", "op": "latest", "from": [["A", "v"]], "cleared_by": []},
                  {"column": "n", "kind": "integer", "op": "count", "from": [["A", null]], "cleared_by": [],
                   "initial": 0}],
      "delete_on": [], "handlers": [],
      "events": {"A": {"k": {"kind": "integer", "keys": ["k"]}, "v": {"kind": "text", "keys": ["v"])") +
                             sparse + "}}}}";
    for (const char* data : {R"({"k":1,"v":"x"})", R"({"k":1})", R"({"k":2,"v":"y"})", R"({"k":2,"v":null})"}) {
      const NewEvent event{.type = "A", .data = data};
      fixture.log.append({&event, 1});
    }
    const Fold fold =
        fold_log(fixture.log, {std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(spec)), nullptr},
                 {.threads = 1});
    std::string text;
    for (std::size_t row = 0; row < fold.slots(); ++row) {
      const CellView value = fold.column(row, 0);
      text += (value.type == CellType::text ? std::string(value.view()) : "-") +
              std::to_string(fold.column(row, 1).integer) + " ";
    }
    return text;
  };
  CHECK(folded("") == "-2 -2 ");
  CHECK(folded(R"(, "sparse": true)") == "x2 -2 ");
}
