// Whether a look at the log can be left out: never where there is something to be seen.
#include <catch2/catch.hpp>
#include <random>

#include "base/sqlite_api.hpp"
#include "base/sqlite_connection.hpp"
#include "eventfold/changes.hpp"
#include "temporary_log.hpp"

using namespace eventfold;

namespace {

struct Watched : TemporaryLog {
  std::int64_t type = log.intern_type("Changed");
  WantedChanges wanted{{{type, {"new_title"}}}};
  EventLog other = EventLog::open(file.path);

  Watched() { execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)"); }

  // As a trigger of a tracked table does it.
  static std::string insert(const std::string& data = "{}") {
    return "INSERT INTO eventfold_event (position, type_id, created, data) SELECT ifnull(max(position), 0) + 1, 1, "
           "ifnull(max(created), 0), '" +
           data + "' FROM eventfold_event";
  }
  void look() {
    const auto pending = log.fold_and_find(nullptr, &wanted);
    if (pending && !pending->marked) log.mark_folded(pending->until);
  }
  // Begins a transaction, and looks.
  void begin() {
    execute("BEGIN IMMEDIATE");
    CHECK(log.may_have_unseen());
    see_all();
  }
  // Within a transaction; one more look may be needed for what the first has followed.
  void see_all() {
    look();
    look();
  }
};

}  // namespace

TEST_CASE("a statement that leaves the log as it was needs no look at it", "[watch]") {
  Watched t;
  t.begin();  // it has never looked
  CHECK_FALSE(t.log.may_have_unseen());
  t.execute("INSERT INTO book VALUES (1, 'Emma'); UPDATE book SET title = 'Persuasion'");
  CHECK_FALSE(t.log.may_have_unseen());
  t.execute(Watched::insert());
  CHECK(t.log.may_have_unseen());
  t.look();
  CHECK_FALSE(t.log.may_have_unseen());
}

TEST_CASE("what is followed is seen once the mark was moved, unless something came meanwhile", "[watch]") {
  Watched t;
  t.begin();
  t.execute(Watched::insert(R"({"new_title":"x"})"));
  auto pending = t.log.fold_and_find(nullptr, &t.wanted);
  REQUIRE(pending);
  CHECK_FALSE(pending->marked);
  CHECK(t.log.may_have_unseen());
  SECTION("nothing came") {
    t.log.mark_folded(pending->until);
    CHECK_FALSE(t.log.may_have_unseen());
  }
  SECTION("an append says it too") {
    const NewEvent event{.type = "Moved", .data = "{}"};
    t.log.append({&event, 1}, {.keeps_folded = true});
    CHECK_FALSE(t.log.may_have_unseen());
  }
  SECTION("what follows has changed a tracked table") {
    t.execute(Watched::insert());
    t.log.mark_folded(pending->until);
    CHECK(t.log.may_have_unseen());
  }
}

TEST_CASE("what another connection commits is unseen", "[watch]") {
  Watched t;
  t.begin();
  t.execute("COMMIT");
  t.other.connection().execute_script(Watched::insert());
  t.execute("BEGIN IMMEDIATE; INSERT INTO book VALUES (1, 'Emma')");
  CHECK(t.log.may_have_unseen());
}

TEST_CASE("a rollback may bring back what others had recorded", "[watch]") {
  Watched t;
  t.begin();
  t.execute("COMMIT");
  t.other.connection().execute_script(Watched::insert());
  t.execute("BEGIN IMMEDIATE; SAVEPOINT inner");
  CHECK(t.log.may_have_unseen());
  t.see_all();
  CHECK_FALSE(t.log.may_have_unseen());
  SECTION("of everything") { t.execute("ROLLBACK; BEGIN IMMEDIATE"); }
  SECTION("to a savepoint, as it was told") {
    t.log.forget_seen();
    t.execute("ROLLBACK TO inner");
  }
  SECTION("to a savepoint, and a position is given out again") {
    t.execute(Watched::insert());
    t.see_all();
    CHECK_FALSE(t.log.may_have_unseen());
    t.execute("ROLLBACK TO inner; " + Watched::insert());
  }
  CHECK(t.log.may_have_unseen());
  CHECK(t.log.unfolded());
}

TEST_CASE("where somebody else takes the hook, everything may be unseen", "[watch]") {
  Watched t;
  t.begin();
  sqlite3_update_hook(
      dynamic_cast<SqliteConnection&>(t.log.connection()).handle(),
      [](void*, int, const char*, const char*, sqlite3_int64) {}, nullptr);
  t.execute(Watched::insert());
  CHECK(t.log.may_have_unseen());
}

TEST_CASE("it never says that there is nothing where there is something", "[watch]") {
  std::mt19937 random(GENERATE(range(1u, 21u)));
  Watched t;
  int savepoints = 0;
  bool open = false;
  int quiet = 0;
  for (int step = 0; step < 400; ++step) {
    if (!open) {
      for (auto count = random() % 3; count > 0; --count) t.other.connection().execute_script(Watched::insert());
      t.execute("BEGIN IMMEDIATE");
      open = true;
      savepoints = 0;
    }
    switch (random() % 11) {
      case 0:
        t.execute("COMMIT");
        open = false;
        continue;
      case 1:
        t.execute("ROLLBACK");
        open = false;
        continue;
      case 2:
        t.execute("SAVEPOINT s" + std::to_string(++savepoints));
        break;
      case 3:
        if (savepoints == 0) break;
        t.log.forget_seen();
        t.execute("ROLLBACK TO s" + std::to_string(savepoints));
        break;
      case 4:
        if (savepoints > 0) t.execute("RELEASE s" + std::to_string(savepoints--));
        break;
      case 5:
        t.execute(Watched::insert(random() % 2 ? R"({"new_title":"x"})" : "{}"));
        break;
      case 6:
        t.append("Moved", "{}");
        break;
      case 7: {
        const NewEvent event{.type = "Moved", .data = "{}"};
        t.log.append({&event, 1}, {.keeps_folded = true});
        break;
      }
      case 8:
        t.execute("INSERT OR REPLACE INTO book VALUES (1, 'Emma')");
        break;
      default:
        t.look();
    }
    if (t.log.may_have_unseen()) continue;
    ++quiet;
    REQUIRE_FALSE(t.log.unfolded());
  }
  CHECK(quiet > 20);
}
