#include <catch2/catch.hpp>
#include <thread>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "mixed_log.hpp"

using namespace eventfold;

TEST_CASE("folded together they are what each is alone", "[together]") {
  const auto [count, bytes] = GENERATE(table<std::size_t, std::size_t>({{30'000, 0}, {2'000, 3000}, {7, 0}, {0, 0}}));
  MixedLog t(count, bytes);
  const int threads = GENERATE(1, 2, 3, 50);
  Position last = 0;
  const auto folded = fold_together(t.log, t.projections, {.threads = threads}, [&](Position done, Position total) {
    CHECK(done >= last);
    CHECK(total == static_cast<Position>(count));
    last = done;
  });
  CHECK(last == static_cast<Position>(count));
  REQUIRE(folded.size() == t.projections.size());
  for (std::size_t index = 0; index < folded.size(); ++index) {
    REQUIRE(folded[index].fold);
    CHECK(rows_of(*folded[index].fold) == rows_of(fold_log(t.log, t.projections[index], {.threads = 1})));
  }
  if (count > 100) CHECK(rows_of(*folded[1].fold).size() > 5000);
}

TEST_CASE("together, up to a position, in a transaction and through the index", "[together]") {
  MixedLog t(20'000);
  const std::vector<Projection> rare{counting("Rare", "item", {"Rare"}), counting("Rarely", "by", {"Rare", "Unheard"})};
  CHECK(fold_together(t.log, rare)[1].fold->size() > 0);
  t.execute("BEGIN");
  t.append("Sold", R"({"item":-1,"by":"within"})");
  CHECK(rows_of(*fold_together(t.log, t.projections)[0].fold).find("-1:1:within") == 0);
  t.execute("ROLLBACK");
  const auto early = fold_together(t.log, t.projections, {.until = 100});
  CHECK(rows_of(*early[5].fold) == rows_of(fold_log(t.log, t.projections[5], {.until = 100})));
}

TEST_CASE("together, those that look at the streams of events see them", "[together]") {
  MixedLog t(3000);
  const std::vector<Projection> two{calculating(), counting("Both", "item", {"Bought", "Sold"})};
  const auto folded = fold_together(t.log, two);
  for (std::size_t index = 0; index < two.size(); ++index) {
    CHECK(rows_of(*folded[index].fold) == rows_of(fold_log(t.log, two[index])));
  }
}

TEST_CASE("what one of them cannot fold is its own failure", "[together]") {
  MixedLog t(10'000);
  t.append("Bought", R"({"by":"nobody","shop":1})");  // no item
  t.append("Sold", R"({"item":7,"by":"last"})");
  const auto folded = fold_together(t.log, t.projections);
  for (const std::size_t fails : {1, 5}) {
    REQUIRE(folded[fails].failure);
    CHECK_THROWS_AS(std::rethrow_exception(folded[fails].failure), ProjectionError);
    try {
      std::rethrow_exception(folded[fails].failure);
    } catch (const ProjectionError& error) {
      CHECK_THAT(error.what(), Catch::Contains("the event Bought at position 10001: its key \"item\""));
    }
  }
  CHECK(rows_of(*folded[0].fold).find("7:") != std::string::npos);
  CHECK(rows_of(*folded[0].fold).find(":last") != std::string::npos);
}

TEST_CASE("replays that scan together each write their own table", "[together]") {
  MixedLog t(10'000);
  t.execute("CREATE TABLE Sold (item INTEGER PRIMARY KEY, n INTEGER NOT NULL, last TEXT)");
  t.execute("CREATE TABLE Both (item INTEGER PRIMARY KEY, n INTEGER NOT NULL, last TEXT)");
  t.execute("CREATE TABLE Bought (shop INTEGER PRIMARY KEY, n INTEGER NOT NULL, last TEXT)");
  Replay sold(t.log, t.projections[0]);
  Replay both(t.log, t.projections[1]);
  Replay bought(t.log, t.projections[3]);
  const std::vector<Replay*> replays{&sold, &both, &bought};
  CHECK(Replay::scan_together(replays) == 10'000);
  t.append("Bought", R"({"by":"nobody","shop":99})");  // since: no item
  CHECK_THROWS_AS(both.write("hash"), ProjectionError);
  CHECK(sold.write("hash").head == 10'001);
  CHECK(bought.write("hash").inserted == 6);
  // now it is among those that are scanned
  CHECK(Replay::scan_together(replays) == 10'001);
  CHECK_THROWS_AS(both.compare(1), ProjectionError);
  CHECK(sold.compare(1).first.empty());
  CHECK(bought.write("hash").inserted == 0);
}

TEST_CASE("keys that several share are found once, whatever types each reads, and whatever kind they are of",
          "[together]") {
  MixedLog t(20'000);
  for (const char* item : {"7", "7.0", "true", "\"7\"", "\"a name that does not fit into a cell\"", "1e300", "-1"}) {
    for (const char* type : {"Sold", "Bought", "Rare"}) {
      t.append(type, std::string("{\"item\":") + item + ",\"by\":\"later\"}");
    }
  }
  const std::vector<Projection> shared{
      counting("One", "item", {"Rare"}),          counting("Two", "item", {"Sold"}),
      counting("Three", "item", {"Bought"}),      counting("Four", "item", {"Rare", "Bought", "Sold"}),
      counting("Five", "by", {"Bought", "Sold"}), counting("Six", "by", {"Rare"}),
      counting("Seven", "shop", {"Never"}),
  };
  const bool sealed = GENERATE(false, true);
  if (sealed) t.log.seal_next(0, {.positions = 6'000});
  const auto folded = fold_together(t.log, shared, {.threads = GENERATE(1, 2)});
  for (std::size_t index = 0; index < shared.size(); ++index) {
    REQUIRE(folded[index].fold);
    CHECK(rows_of(*folded[index].fold) == rows_of(fold_log(t.log, shared[index], {.threads = 1})));
  }
}

TEST_CASE("tables are compared together while others write, and what has changed since is written all the same",
          "[together]") {
  MixedLog t(10'000);
  const auto make = [&](const std::string& name, const std::string& key) {
    t.execute("CREATE TABLE " + name + " (" + key + " PRIMARY KEY, n INTEGER NOT NULL, last TEXT)");
  };
  make("Sold", "item INTEGER");
  make("Both", "item INTEGER");
  make("Bought", "shop INTEGER");
  const auto replays_of = [&](Replay& one, Replay& two, Replay& three) {
    return std::vector<Replay*>{&one, &two, &three};
  };
  {
    Replay sold(t.log, t.projections[0]), both(t.log, t.projections[1]), bought(t.log, t.projections[3]);
    for (Replay* replay : replays_of(sold, both, bought)) replay->write("hash");
  }
  t.execute("UPDATE Sold SET n = n + 1 WHERE item < 10; DELETE FROM Both WHERE item < 20");
  Replay sold(t.log, t.projections[0]), both(t.log, t.projections[1]), bought(t.log, t.projections[3]);
  Replay::scan_together(replays_of(sold, both, bought));
  const auto elsewhere = [&](const std::string& sql) { EventLog::open(t.file.path).connection().execute_script(sql); };
  SECTION("nothing has") {
    CHECK(sold.write("hash").updated == 10);
    CHECK(both.write("hash").inserted == 20);
    CHECK(bought.write("hash").updated == 0);
  }
  SECTION("somebody has altered rows by hand, and nobody keeps them by this definition") {
    elsewhere("UPDATE Sold SET n = 0 WHERE item BETWEEN 100 AND 104; DELETE FROM Bought WHERE shop = 3");
    CHECK(sold.write("another hash").updated == 15);
    CHECK(both.write("another hash").inserted == 20);
    CHECK(bought.write("another hash").inserted == 1);
  }
  SECTION("there are new events") {
    t.append("Bought", R"({"item":5000,"by":"later","shop":77})");
    t.append("Sold", R"({"item":5,"by":"later"})");
    CHECK(sold.write("hash").updated == 10);
    CHECK(both.write("hash").inserted == 21);
    CHECK(bought.write("hash").inserted == 1);
  }
  SECTION("there are very many new events") {
    for (int index = 0; index < 5'000; ++index) t.append("Sold", R"({"item":5,"by":"later"})");
    CHECK(sold.write("hash").updated == 10);
    CHECK(both.write("hash").inserted == 20);
  }
  SECTION("the folds have been used for something else") {
    CHECK(sold.compare(1).changed == 10);
    t.append("Sold", R"({"item":6000,"by":"later"})");
    CHECK(sold.compare(1, 10'001).missing == 1);
    CHECK(sold.write("hash").inserted == 1);
  }
  SECTION("a table is gone") {
    elsewhere("DROP TABLE Both");
    CHECK(sold.write("hash").updated == 10);
    CHECK_THROWS_AS(both.write("hash"), ProjectionError);
    make("Both", "item INTEGER");
  }
  sold.write("hash");
  Replay again_both(t.log, t.projections[1]), again_sold(t.log, t.projections[0]);
  again_both.write("hash");
  CHECK(again_sold.compare(1).first.empty());
  CHECK(again_both.compare(1).first.empty());
}

TEST_CASE("an event whose data is damaged fails only those that read it", "[together]") {
  MixedLog t(10'000);
  t.append("Bought", R"({"item":1,"by":"x","shop":1})");
  t.execute(
      "INSERT INTO eventfold_unlocked VALUES ('test'); UPDATE eventfold_event SET data = x'00' WHERE position = 10001;"
      "DELETE FROM eventfold_unlocked");
  CHECK_THROWS_AS(fold_together(t.log, t.projections), CorruptLog);
  t.execute("CREATE TABLE Sold (item INTEGER PRIMARY KEY, n INTEGER NOT NULL, last TEXT)");
  Replay sold(t.log, t.projections[0]);
  Replay both(t.log, t.projections[1]);
  const std::vector<Replay*> replays{&sold, &both};
  Replay::scan_together(replays);
  CHECK(sold.write("hash").inserted > 800);
  CHECK_THROWS_AS(both.write("hash"), CorruptLog);
}

TEST_CASE("progress that throws ends it, threads and all", "[together]") {
  MixedLog t(30'000);
  struct Stop {};
  CHECK_THROWS_AS(fold_together(t.log, t.projections, {.threads = 4}, [](Position, Position) { throw Stop(); }), Stop);
}
