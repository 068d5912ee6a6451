#include "read_model/ahead.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <system_error>
#include <thread>

#include "eventfold/error.hpp"
#include "read_model/diff.hpp"
#include "read_model/log_readers.hpp"

namespace eventfold {
namespace {

constexpr std::size_t kMostKeys = 20'000;
// Later events than so many are not left to the transaction that writes.
constexpr Position kFew = 64;
constexpr Position kMany = 4'096;

std::int64_t data_version(Connection& connection) {
  Statement& statement = connection.prepare("PRAGMA data_version");
  ResetGuard guard(statement);
  statement.bind({});
  return statement.step() ? statement.column(0).integer : 0;
}

std::optional<KeptRows> kept_rows(Connection& connection, std::string_view name) {
  Statement& statement =
      connection.prepare("SELECT spec_hash, position FROM eventfold_read_model WHERE name = ? AND due = 0");
  ResetGuard guard(statement);
  statement.bind({name});
  if (!statement.step()) return std::nullopt;
  return KeptRows{std::string(statement.column(0).view()), statement.column(1).integer};
}

}  // namespace

Replay::Ahead::Ahead(EventLog& log, std::string_view name, Position until)
    : head(until), data_version(eventfold::data_version(log.connection())) {
  // events that are there, and that the inline read models have not seen, others might fold in pieces
  if (!log.unfolded()) kept = kept_rows(log.connection(), name);
}

bool Replay::Ahead::still_holds(Connection& connection, std::string_view name, std::string_view spec_hash) const {
  if (eventfold::data_version(connection) == data_version) return true;
  return kept && kept->spec_hash == spec_hash && kept == kept_rows(connection, name);
}

bool Replay::is_compared() { return ahead_ && log_.head() - ahead_->head <= kMany; }

void Replay::compare_ahead() {
  ahead_.reset();
  Connection& connection = log_.connection();
  if (until_ || connection.in_transaction()) return;
  catch_up();
  ReadTransaction one_state(connection);
  begin_ahead();
  ahead_->keys = find_differing(connection, *fold_, kMostKeys);
}

// Within a transaction of the log's connection.
void Replay::begin_ahead() {
  const LogInfo now = same_log("replay");
  Fold fold = take_fold(now.head);
  fold.set_handler(nullptr);
  fold_.emplace(std::move(fold));
  ahead_ = std::make_unique<Ahead>(log_, projection_.spec->name, now.head);
}

// Each table on a thread of its own. What a reader of the file sees may be later than what the log's connection sees:
// rows that changed in between are those of later events, which write() takes in, or else nothing of this holds.
void Replay::compare_together(std::span<Replay* const> replays) {
  Replay& first = *replays.front();
  Connection& connection = first.log_.connection();
  if (first.threads_ < 2 || connection.in_transaction()) return;
  const auto readers = open_readers(first.log_, static_cast<std::size_t>(first.threads_) - 1);
  if (readers.empty()) return;
  ReadTransaction one_state(connection);
  std::vector<Replay*> compared;
  for (Replay* replay : replays) {
    if (replay->failure_ || replay->until_) continue;
    try {
      replay->begin_ahead();
      compared.push_back(replay);
    } catch (const Error&) {
      replay->failure_ = std::current_exception();
    }
  }
  // the longest first, so that none is left to one thread at the end
  std::ranges::stable_sort(compared, std::greater(), [](const Replay* replay) { return replay->fold_->slots(); });
  std::atomic<std::size_t> next{0};
  const auto work = [&](Connection& with) {
    for (std::size_t index = next++; index < compared.size(); index = next++) {
      Replay& replay = *compared[index];
      try {
        replay.ahead_->keys = find_differing(with, *replay.fold_, kMostKeys);
      } catch (...) {
        replay.ahead_.reset();  // its write() will see for itself
      }
    }
  };
  std::vector<std::jthread> threads;
  try {
    for (const auto& reader : readers) {
      threads.emplace_back([&work, &reader] {
        try {
          const ReadTransaction own_state(*reader);
          work(*reader);
        } catch (const Error&) {
          // it could not begin: the others do its part
        }
      });
    }
  } catch (const std::system_error&) {
    // no more threads to be had
  }
  work(connection);
}

void Replay::catch_up() {
  constexpr int kRounds = 5;  // each is shorter than the one before, unless appends are faster than the fold
  for (int round = 0; round < kRounds; ++round) {
    const Position head = same_log("replay").head;
    if (head - scanned_.head <= kFew) return;
    Fold fold = take_fold(head);
    fold.set_handler(nullptr);
    fold_.emplace(std::move(fold));
  }
}

}  // namespace eventfold
