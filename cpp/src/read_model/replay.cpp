#include <algorithm>
#include <chrono>
#include <utility>

#include "base/sql.hpp"
#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "read_model/diff.hpp"
#include "read_model/log_range.hpp"

namespace eventfold {

Replay::Replay(EventLog& log, Projection projection, int threads, std::optional<Position> until)
    : log_(log), projection_(std::move(projection)), threads_(threads), until_(until) {}

Position Replay::scan(const Progress& progress, std::optional<Position> until) {
  scanned_ = log_.info();
  for (const auto& limit : {until_, until}) scanned_.head = std::min(scanned_.head, limit.value_or(scanned_.head));
  fold_.emplace(fold_log(log_, projection_, {.threads = threads_, .until = scanned_.head, .batch = batch_}, progress));
  return scanned_.head;
}

Position Replay::scan_together(std::span<Replay* const> replays, const Progress& progress) {
  if (replays.empty()) return 0;
  Replay& first = *replays.front();
  if (replays.size() == 1) return first.scan(progress);
  const LogInfo scanned = first.log_.info();
  std::vector<Projection> projections;
  for (Replay* replay : replays) projections.push_back(replay->projection_);
  std::vector<Folded> folded;
  try {
    folded = fold_together(first.log_, projections,
                           {.threads = first.threads_, .until = scanned.head, .batch = first.batch_}, progress);
  } catch (const CorruptLog&) {
    return scanned.head;  // each folds by itself, so that only those fail that read this event
  }
  for (std::size_t index = 0; index < replays.size(); ++index) {
    Replay& replay = *replays[index];
    replay.scanned_ = scanned;
    replay.failure_ = folded[index].failure;
    replay.fold_ = std::move(folded[index].fold);
  }
  return scanned.head;
}

void Replay::ensure_scanned(std::optional<Position> until) {
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  if (!fold_) scan(nullptr, until);
}

Compared Replay::compare(std::size_t limit, std::optional<Position> until) {
  return compare_with(nullptr, limit, until);
}

Compared Replay::compare_rows(std::span<const RowKey> keys, std::size_t limit, std::optional<Position> until) {
  return compare_with(&keys, limit, until);
}

Compared Replay::compare_with(const std::span<const RowKey>* keys, std::size_t limit, std::optional<Position> until) {
  ensure_scanned(until ? until : seen());
  Connection& connection = log_.connection();
  ReadTransaction one_state(connection);
  const LogInfo now = same_log("verify");
  const Position reached = until ? std::min(*until, now.head) : seen();
  if (reached < scanned_.head) scan(nullptr, reached);  // what was folded is too new for these rows
  Fold fold = take_fold(reached);
  Compared compared = find_differences(connection, fold, limit, keys);
  compared.until = reached;
  fold.set_handler(nullptr);
  fold_.emplace(std::move(fold));
  return compared;
}

Written Replay::write(std::string_view spec_hash, AppendListener* inline_read_models) {
  ensure_scanned();
  if (!until_) catch_up();
  Connection& connection = log_.connection();
  Transaction transaction(connection);
  const auto locked = std::chrono::steady_clock::now();
  if (!until_)
    log_.fold_pending(inline_read_models);  // else the next append would fold once more what is in these rows
  const LogInfo now = same_log("replay");
  const Position until = until_ ? scanned_.head : now.head;
  const Fold fold = take_fold(until);
  Written written = write_difference(connection, fold);
  written.head = until;
  if (!until_) {
    connection.prepare(sql::write_checkpoint)
        .run({std::string_view(projection_.spec->name), spec_hash, std::string_view(now.log_id), now.epoch, until});
  }
  transaction.commit();
  written.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - locked).count();
  return written;
}

Written Replay::write_rows(std::span<const RowKey> keys, std::optional<Position> until) {
  ensure_scanned(until ? until : seen());
  Connection& connection = log_.connection();
  Transaction transaction(connection);
  const auto locked = std::chrono::steady_clock::now();
  const LogInfo now = same_log("replay");
  const Position reached = until ? std::min(*until, now.head) : seen();
  if (reached < scanned_.head) scan(nullptr, reached);  // what was folded is too new for these rows
  const Fold fold = take_fold(reached);
  Written written = write_difference(connection, fold, &keys);
  written.head = reached;
  transaction.commit();
  written.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - locked).count();
  return written;
}

void Replay::catch_up() {
  constexpr int kRounds = 5;  // each is shorter than the one before, unless appends are faster than the fold
  constexpr Position kFew = 64;
  if (log_.connection().in_transaction()) return;  // others are locked out already, or for long
  for (int round = 0; round < kRounds; ++round) {
    const Position head = same_log("replay").head;
    if (head - scanned_.head <= kFew) return;
    Fold fold = take_fold(head);
    fold.set_handler(nullptr);
    fold_.emplace(std::move(fold));
  }
}

Fold Replay::take_fold(Position until) {
  Fold fold = std::move(*fold_);
  fold_.reset();
  fold.set_handler(projection_.handler);
  fold_range(log_.connection(), fold, scan_types(log_.connection(), *projection_.spec), scanned_.head, until);
  scanned_.head = until;
  return fold;
}

LogInfo Replay::same_log(std::string_view command) {
  LogInfo now = log_.info();
  if (now.log_id != scanned_.log_id || now.epoch != scanned_.epoch || now.head < scanned_.head) {
    fold_.reset();
    throw WrongLog("The log was emptied or replaced while " + projection_.spec->name +
                   " was being folded: run `manage.py events " + std::string(command) + "` again");
  }
  return now;
}

Position Replay::seen() {
  const auto unfolded = log_.unfolded();
  return unfolded ? unfolded->first : log_.head();
}

}  // namespace eventfold
