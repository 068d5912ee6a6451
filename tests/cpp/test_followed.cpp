// Read models that a follower keeps: appends leave them out, the follower folds them range by range.
#include <catch2/catch.hpp>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

namespace {

Projection counting(const std::string& name) {
  const std::string spec = R"({"name": ")" + name + R"(", "table": ")" + name +
                           R"(", "key": [{"column": "book", "field": "book", "kind": "integer"}],
  "columns": [{"column": "n", "kind": "integer", "op": "count", "from": [["Borrowed", null]], "cleared_by": [],
               "initial": 0}],
  "delete_on": [], "handlers": [], "events": {"Borrowed": {"book": {"kind": "integer", "keys": ["book"]}}}})";
  return {std::make_shared<const ProjectionSpec>(ProjectionSpec::from_json(spec)), nullptr};
}

struct Followed : TemporaryLog {
  InlineReadModels read_models{{counting("loans"), counting("late")}};
  InlineReadModels of_follower{{counting("late")}, true};

  Followed() {
    execute("CREATE TABLE loans (book INTEGER PRIMARY KEY, n INTEGER NOT NULL)");
    execute("CREATE TABLE late (book INTEGER PRIMARY KEY, n INTEGER NOT NULL)");
    execute("INSERT INTO eventfold_follower (name) VALUES ('late')");
  }
  void borrow(std::int64_t book) {
    const std::string data = R"({"book":)" + std::to_string(book) + "}";
    const NewEvent event{.type = "Borrowed", .data = data};
    log.append({&event, 1}, {.keeps_folded = true}, &read_models);
  }
  std::int64_t sum(const std::string& table) {
    auto& statement = log.connection().prepare("SELECT coalesce(sum(n), 0) FROM " + table);
    ResetGuard guard(statement);
    statement.bind({});
    statement.step();
    return statement.column(0).integer;
  }
};

}  // namespace

TEST_CASE("an append leaves out what a follower keeps", "[followed]") {
  Followed t;
  t.borrow(1);
  CHECK(t.sum("loans") == 1);
  CHECK(t.sum("late") == 0);
  t.execute("DELETE FROM eventfold_follower");  // by another process, say: it is seen at once
  t.borrow(1);
  CHECK(t.sum("late") == 1);
}

TEST_CASE("what triggers recorded leaves it out too", "[followed]") {
  Followed t;
  t.log.intern_type("Borrowed");
  t.execute(
      "INSERT INTO eventfold_event (position, type_id, created, data) SELECT head + 1, 1, 1, '{\"book\":1}' "
      "FROM eventfold_head");
  t.log.fold_pending(&t.read_models);
  CHECK(t.sum("loans") == 1);
  CHECK(t.sum("late") == 0);
}

TEST_CASE("a follower folds a range, and nothing else", "[followed]") {
  Followed t;
  for (int n = 0; n < 5; ++n) t.borrow(n % 2);
  t.log.fold_range(t.of_follower, 1, 4);
  CHECK(t.sum("late") == 3);
  t.log.fold_range(t.of_follower, 4, 99);
  CHECK(t.sum("late") == 4);
  t.log.fold_range(t.of_follower, 5, 5);
  CHECK(t.sum("late") == 4);
}

TEST_CASE("a range that fails leaves the rows as they were", "[followed]") {
  Followed t;
  for (int n = 0; n < 3; ++n) t.borrow(n);
  t.append("Borrowed", R"({"book":null})");
  CHECK_THROWS_AS(t.log.fold_range(t.of_follower, 0, 4), ProjectionError);
  CHECK(t.sum("late") == 0);
}

TEST_CASE("pending events are folded in pieces of a size", "[followed]") {
  Followed t;
  for (int n = 0; n < 5; ++n) t.append("Borrowed", R"({"book":1})");
  t.execute("UPDATE eventfold_header SET folded = 0");
  using Range = std::optional<std::pair<Position, Position>>;
  CHECK(t.log.fold_pending(&t.read_models, 2) == Range({0, 2}));
  CHECK(t.sum("loans") == 2);
  CHECK(t.log.fold_pending(&t.read_models, 2) == Range({2, 4}));
  CHECK(t.log.fold_pending(&t.read_models, 2) == Range({4, 5}));
  CHECK(t.log.fold_pending(&t.read_models, 2) == Range());
  CHECK(t.sum("loans") == 5);
}

TEST_CASE("a log without the table of followers works, and gets it when it is installed again", "[followed]") {
  Followed t;
  t.execute("DROP TABLE eventfold_follower");
  t.borrow(1);
  CHECK(t.sum("late") == 1);
  t.log.install();
  t.execute("INSERT INTO eventfold_follower (name) VALUES ('late')");
  t.borrow(1);
  CHECK(t.sum("late") == 1);
  CHECK(t.log.head() == 2);
}
