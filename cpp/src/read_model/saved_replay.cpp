#include "eventfold/saved_replay.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/sql.hpp"
#include "base/uuid.hpp"
#include "eventfold/error.hpp"

namespace eventfold {

namespace {

constexpr int kRandomBits = 20;
constexpr std::int64_t kLongUnused = std::int64_t{3'600'000} << kRandomBits;  // parts that nobody is still writing

std::int64_t new_run() {
  const auto random = static_cast<std::int64_t>(random_bits() & ((1U << kRandomBits) - 1));
  return ((now_us() / 1000) << kRandomBits) | random;
}

// Does something in one short transaction after the other. Those who wait for the lock look now and then whether it is
// free, so it has to be free for most of the time.
class ShortTransactions {
 public:
  explicit ShortTransactions(Connection& connection) : connection_(connection) {}

  template <class Work>
  void run(const Work& work) {
    if (took_ > Clock::duration::zero()) {
      std::this_thread::sleep_for(std::max<Clock::duration>(2 * took_, std::chrono::milliseconds(2)));
    }
    Transaction transaction(connection_);
    const auto started = Clock::now();
    work();
    transaction.commit();
    took_ = Clock::now() - started;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Connection& connection_;
  Clock::duration took_{};
};

bool in_a_file(Connection& connection) {
  Statement& statement = connection.prepare("SELECT file FROM pragma_database_list WHERE name = 'main'");
  ResetGuard guard(statement);
  statement.bind({});
  return statement.step() && !statement.column(0).view().empty();
}

}  // namespace

struct SavedReplay::Head {
  std::string definition;
  std::string log_id;
  std::int64_t epoch = 0;
  Position position = 0;
  std::int64_t run = 0;
  std::int64_t parts = 0;
};

SavedReplay::SavedReplay(EventLog& log, std::string name, std::string definition)
    : log_(log), name_(std::move(name)), definition_(std::move(definition)) {}

bool SavedReplay::possible() {
  Connection& connection = log_.connection();
  if (connection.in_transaction() || !in_a_file(connection)) return false;
  try {
    Head head;
    read_head(head);
    return true;
  } catch (const LogNotFound&) {
    return false;  // installed before there were these tables, and not migrated since
  }
}

Position SavedReplay::position() {
  Head head;
  return read_head(head) && fits(head, log_.info()) ? head.position : 0;
}

Position SavedReplay::load(Position most, const std::function<void(std::string_view part)>& take) {
  Connection& connection = log_.connection();
  ReadTransaction one_state(connection);
  info_ = log_.info();
  Head head;
  if (!read_head(head) || !fits(head, info_) || head.position > most) return 0;
  Statement& statement = connection.prepare(sql::read_saved_parts);
  ResetGuard guard(statement);
  statement.bind({head.run});
  std::int64_t parts = 0;
  for (; statement.step(); ++parts) take(statement.column(0).view());
  if (parts != head.parts) throw CorruptLog("What a replay of " + name_ + " has saved is not whole");
  return head.position;
}

bool SavedReplay::save(Position position, const std::function<bool(std::string& part)>& next) {
  if (log_.connection().in_transaction()) return false;
  const std::int64_t run = new_run();
  std::int64_t parts = 0;
  try {
    if (this->position() >= position) return false;  // another replay has come further
    ShortTransactions transactions(log_.connection());
    for (std::string part; next(part); ++parts) {
      transactions.run([&] {
        log_.connection().prepare(sql::insert_saved_part).run({run, parts, std::string_view(name_), Value::blob(part)});
      });
    }
    if (finish(position, run, parts)) return true;
  } catch (const Error&) {
    // the disk is full, perhaps, or another program keeps the lock: what was saved before is still there
  }
  try {
    ShortTransactions transactions(log_.connection());
    for (; parts >= 0; --parts) {
      transactions.run([&] { log_.connection().prepare(sql::delete_saved_part).run({run, parts}); });
    }
  } catch (const Error&) {
    // clean_up() will
  }
  return false;
}

bool SavedReplay::finish(Position position, std::int64_t run, std::int64_t parts) {
  Connection& connection = log_.connection();
  Head before;
  bool known = false;
  {
    Transaction transaction(connection);
    const LogInfo now = log_.info();
    if (now.log_id != info_.log_id || now.epoch != info_.epoch || now.head < position) return false;
    known = read_head(before);
    if (known && fits(before, now) && before.position >= position) return false;
    // not if another replay, which has come to its end, has removed one of the parts
    connection.prepare(sql::write_saved_replay)
        .run({std::string_view(name_), std::string_view(definition_), std::string_view(now.log_id), now.epoch, position,
              run, parts});
    if (connection.changes() == 0) return false;
    transaction.commit();
  }
  if (!known) return true;
  try {
    ShortTransactions transactions(connection);
    for (std::int64_t part = 0; part < before.parts; ++part) {
      transactions.run([&] { connection.prepare(sql::delete_saved_part).run({before.run, part}); });
    }
  } catch (const Error&) {
    // clean_up() will
  }
  return true;
}

void SavedReplay::drop() {
  Head head;
  if (read_head(head)) log_.connection().prepare(sql::drop_saved_replay).run({std::string_view(name_)});
}

void SavedReplay::clean_up() {
  Connection& connection = log_.connection();
  if (connection.in_transaction()) return;
  std::vector<std::pair<std::int64_t, std::int64_t>> parts;
  {
    Statement& statement = connection.prepare(sql::list_unused_parts);
    ResetGuard guard(statement);
    statement.bind({std::string_view(name_), new_run() - kLongUnused});
    while (statement.step()) parts.emplace_back(statement.column(0).integer, statement.column(1).integer);
  }
  try {
    ShortTransactions transactions(connection);
    for (const auto& [run, number] : parts) {
      transactions.run([&] { connection.prepare(sql::delete_saved_part).run({run, number}); });
    }
  } catch (const Error&) {
    // the next one will
  }
}

bool SavedReplay::fits(const Head& head, const LogInfo& info) const {
  return head.definition == definition_ && head.log_id == info.log_id && head.epoch == info.epoch &&
         head.position <= info.head;
}

bool SavedReplay::read_head(Head& head) {
  Statement& statement = log_.connection().prepare(sql::find_saved_replay);
  ResetGuard guard(statement);
  statement.bind({std::string_view(name_)});
  if (!statement.step()) return false;
  head.definition = statement.column(0).view();
  head.log_id = statement.column(1).view();
  head.epoch = statement.column(2).integer;
  head.position = statement.column(3).integer;
  head.run = statement.column(4).integer;
  head.parts = statement.column(5).integer;
  return true;
}

}  // namespace eventfold
