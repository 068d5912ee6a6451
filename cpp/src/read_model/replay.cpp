#include <algorithm>

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
  fold_.emplace(fold_log(log_, projection_, {.threads = threads_, .until = scanned_.head}, progress));
  return scanned_.head;
}

Compared Replay::compare(std::size_t limit, std::optional<Position> until) {
  if (!fold_) scan(nullptr, until ? until : seen());
  Connection& connection = log_.connection();
  ReadTransaction one_state(connection);
  const LogInfo now = same_log("verify");
  const Position reached = until ? std::min(*until, now.head) : seen();
  if (reached < scanned_.head) scan(nullptr, reached);  // what was folded is too new for these rows
  Fold fold = take_fold(reached);
  Compared compared = find_differences(connection, fold, limit);
  compared.until = reached;
  fold.set_handler(nullptr);
  fold_.emplace(std::move(fold));
  return compared;
}

Written Replay::write(std::string_view spec_hash, AppendListener* inline_read_models) {
  if (!fold_) scan();
  Connection& connection = log_.connection();
  Transaction transaction(connection);
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
  return written;
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
