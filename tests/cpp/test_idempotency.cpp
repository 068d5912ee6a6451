#include <catch2/catch.hpp>

#include "eventfold/error.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

namespace {
struct Counting : AppendListener {
  void appended(Connection&, std::span<const EventView> events) override { seen += events.size(); }
  std::size_t seen = 0;
};
const Uuid kFirst{1};
const Uuid kSecond{2};
}  // namespace

TEST_CASE("a repeated request gives its recorded positions and does nothing", "[idempotency]") {
  TemporaryLog t;
  Counting listener;
  const NewEvent events[] = {{.type = "A", .data = R"({"x":1})"}, {.type = "A", .data = R"({"x":2})", .stream = "s"}};
  t.append("Other", "{}");
  const auto first = t.log.append(events, {.request = "r1"}, &listener);
  t.append("Other", "{}");
  const auto again = t.log.append(events, {.request = "r1"}, &listener);
  CHECK_FALSE(first.repeated);
  CHECK(again.repeated);
  CHECK(again.first == 2);
  CHECK(again.last == 3);
  CHECK(again.ids == first.ids);
  CHECK(again.versions == std::vector<Version>{0, 1});
  CHECK(again.created == first.created);
  CHECK(listener.seen == 2);
  CHECK(t.log.head() == 4);
}

TEST_CASE("a request key with other content is a conflict", "[idempotency]") {
  TemporaryLog t;
  const NewEvent one{.type = "A", .data = R"({"x":1})"};
  const NewEvent two{.type = "A", .data = R"({"x":2})"};
  t.log.append({&one, 1}, {.request = "r"});
  CHECK_THROWS_AS(t.log.append({&two, 1}, {.request = "r"}), IdempotencyConflict);
  CHECK(t.log.head() == 1);
}

TEST_CASE("a repeated id gives its recorded position", "[idempotency]") {
  TemporaryLog t;
  const NewEvent events[] = {{.type = "A", .data = "{}", .id = &kFirst}, {.type = "B", .data = "{}", .id = &kSecond}};
  t.log.append(events);
  CHECK(t.log.append(events).repeated);
  CHECK(t.log.head() == 2);
  CHECK(t.log.read()[0].id == kFirst);
}

TEST_CASE("a batch of which only a part is recorded is a conflict", "[idempotency]") {
  TemporaryLog t;
  const NewEvent events[] = {{.type = "A", .data = "{}", .id = &kFirst}, {.type = "B", .data = "{}", .id = &kSecond}};
  t.log.append({events, 1});
  CHECK_THROWS_AS(t.log.append(events), IdempotencyConflict);
  const NewEvent reversed[] = {events[1], events[0]};
  CHECK_THROWS_AS(t.log.append(reversed), IdempotencyConflict);
  CHECK(t.log.head() == 1);
}

TEST_CASE("a rolled back request may be made again", "[idempotency]") {
  TemporaryLog t;
  const NewEvent event{.type = "A", .data = "{}"};
  t.execute("BEGIN IMMEDIATE");
  t.log.append({&event, 1}, {.request = "r"});
  t.execute("ROLLBACK");
  CHECK_FALSE(t.log.append({&event, 1}, {.request = "r"}).repeated);
  CHECK(t.log.head() == 1);
}
