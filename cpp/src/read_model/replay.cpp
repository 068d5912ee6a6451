#include <algorithm>

#include "base/sql.hpp"
#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "read_model/diff.hpp"
#include "read_model/log_range.hpp"

namespace eventfold {

Replay::Replay(EventLog& log, Projection projection, int threads, std::optional<Position> until)
    : log_(log), projection_(std::move(projection)), threads_(threads), until_(until) {}

Position Replay::scan(const Progress& progress) {
  scanned_ = log_.info();
  if (until_) scanned_.head = std::min(scanned_.head, *until_);
  fold_.emplace(fold_log(log_, projection_, {.threads = threads_, .until = scanned_.head}, progress));
  return scanned_.head;
}

Written Replay::write(std::string_view spec_hash, AppendListener* inline_read_models) {
  if (!fold_) scan();
  // whatever happens now, what was folded is not as of scan() any more
  Fold fold = std::move(*fold_);
  fold_.reset();
  Connection& connection = log_.connection();
  Transaction transaction(connection);
  if (!until_)
    log_.fold_pending(inline_read_models);  // else the next append would fold once more what is in these rows
  const LogInfo now = log_.info();
  if (now.log_id != scanned_.log_id || now.epoch != scanned_.epoch || now.head < scanned_.head) {
    throw WrongLog("The log was emptied or replaced while " + projection_.spec->name +
                   " was being replayed: run `manage.py events replay` again");
  }
  const Position until = until_ ? scanned_.head : now.head;
  fold.set_handler(projection_.handler);
  fold_range(connection, fold, scan_types(connection, *projection_.spec), scanned_.head, until);
  Written written = write_difference(connection, fold);
  written.head = until;
  if (!until_) {
    connection.prepare(sql::write_checkpoint)
        .run({std::string_view(projection_.spec->name), spec_hash, std::string_view(now.log_id), now.epoch, until});
  }
  transaction.commit();
  return written;
}

}  // namespace eventfold
