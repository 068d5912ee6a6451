// Sealed segments: folds give the same with and without them, and nothing that is stale is ever read.
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "mixed_log.hpp"

using namespace eventfold;

namespace {

Position seal(EventLog& log, Position positions) {
  Position sealed = 0;
  while (const auto until = log.seal_next(sealed, {.positions = positions})) sealed = *until;
  return sealed;
}

// Those that are folded together out of columns: not one that reads a key as another kind than the others do, nor one
// that wants names of streams.
std::vector<Projection> of_columns(const MixedLog& t) {
  return {t.projections[0], t.projections[1], t.projections[3], t.projections[4], t.projections[5]};
}

// Columns without any cell: whoever reads them finds that at once.
void damage_columns(TemporaryLog& t) { t.execute("UPDATE eventfold_segment_column SET content = x''"); }

void damage_event(TemporaryLog& t, Position position) {
  t.execute(
      "INSERT INTO eventfold_unlocked VALUES ('test'); UPDATE eventfold_event SET data = x'00' WHERE position = " +
      std::to_string(position) + "; DELETE FROM eventfold_unlocked");
}

}  // namespace

TEST_CASE("folds of a sealed log give what they gave before", "[segment]") {
  MixedLog t(20'000);
  const Position until = GENERATE(20'000, 12'345, 700);
  const int threads = GENERATE(1, 3);
  std::vector<std::string> before;
  for (const Projection& each : t.projections) {
    before.push_back(rows_of(fold_log(t.log, each, {.threads = 1, .until = until})));
  }
  const Position positions = GENERATE(1000, 1500, 19'999);
  CHECK(seal(t.log, positions) == 20'000 / positions * positions);
  CHECK(t.log.segments().segments == 20'000 / positions);
  for (std::size_t index = 0; index < t.projections.size(); ++index) {
    CHECK(rows_of(fold_log(t.log, t.projections[index], {.threads = threads, .until = until})) == before[index]);
  }
  const auto together = fold_together(t.log, t.projections, {.threads = threads, .until = until});
  for (std::size_t index = 0; index < together.size(); ++index) CHECK(rows_of(*together[index].fold) == before[index]);
  const auto columns = fold_together(t.log, of_columns(t), {.threads = threads, .until = until});
  for (std::size_t index = 0; index < columns.size(); ++index) {
    CHECK(rows_of(*columns[index].fold) == before[std::vector{0u, 1u, 3u, 4u, 5u}[index]]);
  }
}

TEST_CASE("a fold that begins within a segment sees what comes after", "[segment]") {
  MixedLog t(5000);
  const Projection& both = t.projections[1];
  const std::string before = rows_of(fold_log(t.log, both, {.threads = 1, .after = 1234}));
  seal(t.log, 1000);
  CHECK(rows_of(fold_log(t.log, both, {.threads = 1, .after = 1234})) == before);
}

TEST_CASE("it is the columns that are read, and damaged ones are refused", "[segment]") {
  MixedLog t(5000);
  seal(t.log, 1000);
  damage_columns(t);
  CHECK_THROWS_WITH(fold_log(t.log, t.projections[0]), Catch::Contains("seal the log again"));
  CHECK_THROWS_AS(fold_log(t.log, t.projections[0]), CorruptLog);
  CHECK_THROWS_AS(fold_together(t.log, of_columns(t)), CorruptLog);
  CHECK(fold_together(t.log, t.projections)[0].fold);
  t.log.unseal();
  CHECK(t.log.segments().segments == 0);
  CHECK(t.log.segments().bytes == 0);
  CHECK(fold_log(t.log, t.projections[0]).size() > 0);
}

TEST_CASE("what is too little for a segment is sealed later", "[segment]") {
  MixedLog t(2500);
  CHECK(seal(t.log, 1000) == 2000);
  CHECK(t.log.seal_next(2000, {.positions = 1000}) == std::nullopt);
  std::vector<NewEvent> more(600, {.type = "Sold", .data = R"({"item":-5,"by":"me"})"});
  t.log.append(more);
  const std::string before = rows_of(fold_log(t.log, t.projections[0]));
  CHECK(t.log.seal_next(0, {.positions = 1000}) == Position{3000});
  CHECK(t.log.segments().positions == 3000);
  CHECK(rows_of(fold_log(t.log, t.projections[0])) == before);
  CHECK_THAT(before, Catch::Contains("-5:600:me"));
}

TEST_CASE("a segment ends where its data would be too much", "[segment]") {
  MixedLog t(100, 1000);
  CHECK(t.log.seal_next(0, {.positions = 50, .bytes = 10'000}) == Position{10});
  CHECK(t.log.seal_next(0, {.positions = 50, .bytes = 1}) == Position{11});
  CHECK(fold_log(t.log, t.projections[1]).size() > 0);
}

TEST_CASE("emptying the log, and changing or deleting an event, voids its segments", "[segment]") {
  MixedLog t(5000);
  seal(t.log, 1000);
  damage_columns(t);  // were one of them read, one would see it
  t.execute(
      "INSERT INTO eventfold_unlocked VALUES ('erase'); UPDATE eventfold_event SET data = '{}' WHERE position = 1500; "
      "DELETE FROM eventfold_event WHERE position = 3000; DELETE FROM eventfold_unlocked");
  CHECK(t.log.segments().segments == 3);
  CHECK(t.log.segments().positions == 3000);
  CHECK(t.log.seal_next(1000, {.positions = 1000}) == Position{2000});  // the gap, not what lies beyond
  CHECK(t.log.seal_next(2000, {.positions = 1000}) == Position{3000});
  t.log.empty();
  CHECK(t.log.segments().segments == 0);
  t.append("Sold", R"({"item":1,"by":"anew"})");
  CHECK(rows_of(fold_log(t.log, t.projections[0])) == "1:1:anew\n");
}

TEST_CASE("a log that was emptied is sealed from its first event on", "[segment]") {
  MixedLog t(5000);
  t.log.empty();
  t.append("Sold", R"({"item":1,"by":"first"})");
  std::vector<NewEvent> more(999, {.type = "Sold", .data = R"({"item":1,"by":"anew"})"});
  t.log.append(more);
  CHECK(t.log.seal_next(0, {.positions = 500}) == Position{5500});
  CHECK(t.log.seal_next(0, {.positions = 500}) == Position{6000});
  CHECK(t.log.seal_next(0, {.positions = 500}) == std::nullopt);
  CHECK(t.log.segments().positions == 1000);
  CHECK(rows_of(fold_log(t.log, t.projections[0])) == "1:1000:anew\n");
}

TEST_CASE("a transaction that is rolled back takes its segments along", "[segment]") {
  MixedLog t(1000);
  t.execute("BEGIN");
  t.append("Sold", R"({"item":-1,"by":"within"})");
  CHECK(t.log.seal_next(0, {.positions = 1001}) == Position{1001});
  CHECK_THAT(rows_of(fold_log(t.log, t.projections[0])), Catch::Contains("-1:1:within"));
  t.execute("ROLLBACK");
  CHECK(t.log.segments().segments == 0);
  CHECK_THAT(rows_of(fold_log(t.log, t.projections[0])), !Catch::Contains("-1:1:within"));
}

TEST_CASE("an event that is no JSON object is not sealed, and says where it is", "[segment]") {
  MixedLog t(2500);
  damage_event(t, 1700);
  CHECK(t.log.seal_next(0, {.positions = 1000}) == Position{1000});
  CHECK_THROWS_WITH(t.log.seal_next(1000, {.positions = 1000}), Catch::Contains("position 1700"));
  CHECK(t.log.segments().segments == 1);
}

TEST_CASE("events of a type with too many keys are read as events", "[segment]") {
  MixedLog t(1000);
  std::vector<std::string> data;
  for (int key = 0; key < 300; ++key)
    data.push_back(R"({"item":1,"by":"odd","shop":1,"k)" + std::to_string(key) + "\":1}");
  std::vector<NewEvent> odd;
  for (const std::string& each : data) odd.push_back({.type = "Bought", .data = each, .stream = "shop-1"});
  t.log.append(odd);
  std::vector<std::string> before;
  for (const Projection& each : t.projections) before.push_back(rows_of(fold_log(t.log, each)));
  CHECK(seal(t.log, 1300) == 1300);
  for (std::size_t index = 0; index < before.size(); ++index) {
    CHECK(rows_of(fold_log(t.log, t.projections[index])) == before[index]);
  }
  const auto together = fold_together(t.log, {t.projections.data(), 3});
  for (std::size_t index = 0; index < together.size(); ++index) CHECK(rows_of(*together[index].fold) == before[index]);
}

TEST_CASE("two that seal at once make each segment once", "[segment]") {
  MixedLog t(20'000);
  const auto seal_all = [&] {
    EventLog log = EventLog::open(t.file.path);
    seal(log, 500);
  };
  std::thread other(seal_all);
  seal_all();
  other.join();
  CHECK(t.log.segments().segments == 40);
  CHECK(t.log.segments().positions == 20'000);
}

TEST_CASE("folds see the same while others seal and unseal", "[segment]") {
  MixedLog t(20'000);
  const std::string before = rows_of(fold_log(t.log, t.projections[5]));
  std::atomic<bool> done{false};
  std::thread other([&] {
    EventLog log = EventLog::open(t.file.path);
    while (!done) {
      seal(log, 1500);
      log.unseal();
    }
  });
  for (int round = 0; round < 40; ++round) {
    CHECK(rows_of(fold_log(t.log, t.projections[5], {.threads = 1 + round % 2})) == before);
    CHECK(rows_of(*fold_together(t.log, {&t.projections[5], 1})[0].fold) == before);
  }
  done = true;
  other.join();
}

TEST_CASE("what cannot be folded says the same out of a segment", "[segment]") {
  MixedLog t(3000);
  t.append("Bought", R"({"item":null,"by":"x","shop":1})");
  t.append("Bought", R"({"item":1,"by":7,"shop":1})");
  for (int more = 0; more < 100; ++more) t.append("Sold", R"({"item":1,"by":"x"})");
  const auto failure = [&](const Projection& projection) -> std::string {
    try {
      fold_log(t.log, projection);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  std::vector<std::string> before;
  for (const Projection& each : t.projections) before.push_back(failure(each));
  CHECK_THAT(before[1], Catch::Contains("at position 3001"));
  CHECK_THAT(before[3], Catch::Contains("at position 3002"));
  seal(t.log, GENERATE(3102, 3001, 50));
  for (std::size_t index = 0; index < before.size(); ++index) CHECK(failure(t.projections[index]) == before[index]);
  const auto together = fold_together(t.log, of_columns(t));
  for (std::size_t index = 0; index < together.size(); ++index) {
    CHECK(bool(together[index].failure) == !before[std::vector{0u, 1u, 3u, 4u, 5u}[index]].empty());
  }
}

TEST_CASE("segments of another release are as if they were not there, and are made anew", "[segment]") {
  MixedLog t(2000);
  seal(t.log, 1000);
  damage_columns(t);
  t.execute("UPDATE eventfold_segment SET format = 99");
  CHECK(fold_log(t.log, t.projections[0]).size() > 0);
  CHECK(fold_together(t.log, {t.projections.data(), 2})[0].fold);
  CHECK(seal(t.log, 500) == 2000);
  CHECK(t.log.segments().segments == 4);
}

TEST_CASE("a log of an earlier release has no segments, and gets their tables where it may be written", "[segment]") {
  MixedLog t(2000);
  t.execute(
      "DROP TRIGGER eventfold_event_changed; DROP TRIGGER eventfold_event_deleted; "
      "DROP TABLE eventfold_segment_column; DROP TABLE eventfold_segment");
  {
    EventLog reader = EventLog::open(t.file.path, {.read_only = true});
    CHECK(fold_log(reader, t.projections[0]).size() > 0);
    CHECK(reader.segments().segments == 0);
  }
  EventLog writer = EventLog::open(t.file.path);
  CHECK(writer.seal_next(0, {.positions = 1000}) == Position{1000});
}
