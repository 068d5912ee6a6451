// Events that somebody follows, found just after they were recorded.
#include <catch2/catch.hpp>

#include "eventfold/changes.hpp"
#include "eventfold/error.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

namespace {

struct Followed : TemporaryLog {
  std::int64_t changed = log.intern_type("Changed");
  std::int64_t created = log.intern_type("Created");
  std::int64_t other = log.intern_type("Other");
  WantedChanges wanted{{{changed, {"new_title"}}, {created, {}}}};

  void append(std::string_view type, std::string_view data, std::string_view metadata = {}) {
    const NewEvent event{.type = type, .data = data, .metadata = metadata};
    log.append({&event, 1});
  }
  std::vector<Position> positions(const FoundChanges& found) {
    std::vector<Position> positions;
    for (const FoundChange& change : found.changes) positions.push_back(change.position);
    return positions;
  }
};

struct Seen : AppendListener {
  std::vector<std::string> read;
  std::vector<Position> positions;
  std::vector<std::string> types() const override { return read; }
  void appended(Connection&, std::span<const EventView> events) override {
    for (const EventView& event : events) positions.push_back(event.position);
  }
};

}  // namespace

TEST_CASE("only events of wanted types that have a wanted member are found", "[changes]") {
  Followed t;
  t.append("Changed", R"({"key":1,"new_pages":2})");
  t.append("Changed", R"({"key":1,"new_title":"x"})", R"({"user":"ann"})");
  t.append("Other", R"({"new_title":"x"})");
  t.append("Created", R"({"key":2})");
  const auto found = t.log.changes(t.wanted, 0, 4);
  CHECK(t.positions(found) == std::vector<Position>{2, 4});
  CHECK(found.until == 4);
  CHECK(found.changes[0].type_id == t.changed);
  CHECK(found.changes[0].data == R"({"key":1,"new_title":"x"})");
  CHECK(found.changes[0].metadata == R"({"user":"ann"})");
  CHECK(found.changes[1].metadata.empty());
  CHECK(t.positions(t.log.changes(t.wanted, 2, 3)).empty());
}

TEST_CASE("many of them come in batches that say how far they reach", "[changes]") {
  Followed t;
  const std::vector<NewEvent> events(5000, NewEvent{.type = "Created", .data = "{}"});
  t.log.append(events);
  Position after = 0;
  std::size_t found = 0;
  while (after < 5000) {
    const auto batch = t.log.changes(t.wanted, after, 5000);
    found += batch.changes.size();
    REQUIRE(batch.until > after);
    after = batch.until;
  }
  CHECK(found == 5000);
}

TEST_CASE("folding and finding agree, in a transaction or not, with a listener or not, for few and for many",
          "[changes]") {
  const bool in_transaction = GENERATE(false, true);
  const bool listening = GENERATE(false, true);
  const int count = GENERATE(1, 16, 17, 40);
  Followed t;
  Seen seen;
  AppendListener* listener = listening ? &seen : nullptr;
  CHECK_FALSE(t.log.fold_and_find(listener, &t.wanted));
  for (int index = 0; index < count; ++index) t.append(index % 2 ? "Other" : "Created", "{}");
  if (in_transaction) t.execute("BEGIN IMMEDIATE");
  const auto pending = t.log.fold_and_find(listener, &t.wanted);
  REQUIRE(pending);
  CHECK(pending->after == 0);
  CHECK(pending->until == count);
  CHECK(pending->found.until == count);
  CHECK(pending->found.changes.size() == static_cast<std::size_t>((count + 1) / 2));
  CHECK(seen.positions.size() == static_cast<std::size_t>(listening ? count : 0));
  CHECK(pending->marked == !t.log.unfolded());
  if (!pending->marked) t.log.mark_folded(pending->until);
  CHECK_FALSE(t.log.unfolded());
  CHECK_FALSE(t.log.fold_and_find(listener, &t.wanted));
  if (in_transaction) {
    t.execute("ROLLBACK");
    CHECK(t.log.unfolded());
  }
}

TEST_CASE("a listener is given what it reads, however few events there are", "[changes]") {
  const bool in_transaction = GENERATE(false, true);
  const int count = GENERATE(1, 16, 17);
  Followed t;
  Seen seen;
  seen.read = {"Changed", "Unheard of"};
  const auto fold = [&] {
    if (in_transaction) t.execute("BEGIN IMMEDIATE");
    const auto pending = t.log.fold_and_find(&seen, &t.wanted);
    if (pending && !pending->marked) t.log.mark_folded(pending->until);
    if (in_transaction) t.execute("COMMIT");
    CHECK_FALSE(t.log.unfolded());
    return pending ? pending->found.changes.size() : 0;
  };
  for (int index = 0; index < count; ++index) t.append("Created", "{}");
  CHECK(fold() == static_cast<std::size_t>(count));
  CHECK(seen.positions.empty());
  for (int index = 0; index < count; ++index) t.append(index + 1 == count ? "Changed" : "Other", "{}");
  CHECK(fold() == 0);
  CHECK(seen.positions == std::vector<Position>{2 * count});
}

TEST_CASE("without anything wanted the events are folded all the same", "[changes]") {
  Followed t;
  t.append("Created", "{}");
  t.execute("BEGIN IMMEDIATE");
  const auto pending = t.log.fold_and_find(nullptr, nullptr);
  REQUIRE(pending);
  CHECK(pending->found.changes.empty());
  CHECK_FALSE(t.log.unfolded());
  t.execute("COMMIT");
}

TEST_CASE("a handler cannot have anything found", "[changes]") {
  Followed t;
  t.append("Created", "{}");
  t.execute("BEGIN IMMEDIATE");
  t.log.connection().folding = true;
  CHECK_THROWS_AS(t.log.fold_and_find(nullptr, &t.wanted), ProjectionError);
  t.log.connection().folding = false;
  t.execute("COMMIT");
}

TEST_CASE("what was imported is folded, and followed by nobody", "[changes]") {
  Followed t;
  const bool in_transaction = GENERATE(false, true);
  t.append("Created", "{}");
  t.execute(
      "INSERT INTO eventfold_event (position, type_id, created, data, occurred_at) "
      "SELECT head + 1, type_id, created, data, 1 FROM eventfold_event, eventfold_head WHERE position = 1");
  if (in_transaction) t.execute("BEGIN IMMEDIATE");
  const auto pending = t.log.fold_and_find(nullptr, &t.wanted);
  REQUIRE(pending);
  CHECK(pending->until == 2);
  CHECK(t.positions(pending->found) == std::vector<Position>{1});
  if (in_transaction) t.execute("COMMIT");
}

TEST_CASE("the mark waits for who follows what was found, and an append that follows moves it", "[changes]") {
  const bool appends = GENERATE(false, true);
  Followed t;
  Seen seen;
  seen.read = {"Noise"};
  t.append("Changed", R"({"new_pages":1})");
  t.execute("BEGIN IMMEDIATE");
  auto pending = t.log.fold_and_find(&seen, &t.wanted);
  REQUIRE(pending);
  CHECK(pending->marked);  // nothing to wait for
  t.append("Created", "{}");
  pending = t.log.fold_and_find(&seen, &t.wanted);
  REQUIRE(pending);
  CHECK_FALSE(pending->marked);
  if (appends) {
    seen.read.clear();  // else it would be told, so that it is seen that it is not
    const NewEvent event{.type = "Other", .data = "{}"};
    t.log.append({&event, 1}, {.keeps_folded = true, .folded = pending->until, .savepoint = false}, &seen);
    CHECK(seen.positions == std::vector<Position>{3});
  } else {
    CHECK(t.log.unfolded() == std::pair<Position, Position>(1, 2));
    t.log.mark_folded(pending->until);
  }
  CHECK_FALSE(t.log.unfolded());
  t.log.mark_folded(1);  // it never goes back
  CHECK_FALSE(t.log.unfolded());
  t.execute("ROLLBACK");
  CHECK(t.log.unfolded() == std::pair<Position, Position>(0, 1));
}

TEST_CASE("an append without a savepoint leaves it to the caller to take it back", "[changes]") {
  struct Refusing : AppendListener {
    void appended(Connection&, std::span<const EventView>) override { throw ProjectionError("no"); }
  };
  Followed t;
  t.append("Other", "{}");
  Refusing refusing;
  const NewEvent event{.type = "New type", .data = "{}"};
  CHECK_THROWS_AS(t.log.append({&event, 1}, {.savepoint = false}, &refusing), ProjectionError);
  CHECK(t.log.head() == 1);  // it began its own transaction
  t.execute("BEGIN IMMEDIATE");
  CHECK_THROWS_AS(t.log.append({&event, 1}, {.savepoint = false}, &refusing), ProjectionError);
  CHECK(t.log.head() == 2);
  t.execute("ROLLBACK");
  CHECK(t.log.head() == 1);
  t.append("New type", "{}");  // its number was not remembered
  CHECK(t.log.read().back().type == "New type");
}
