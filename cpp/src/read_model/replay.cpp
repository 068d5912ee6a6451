#include <algorithm>
#include <chrono>
#include <utility>

#include "base/sql.hpp"
#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "read_model/ahead.hpp"
#include "read_model/checkpoints.hpp"
#include "read_model/diff.hpp"
#include "read_model/log_range.hpp"
#include "read_model/lookup_table.hpp"

namespace eventfold {

struct Replay::Saving {
  Saving(EventLog& log, std::string_view name, std::string_view definition, double seconds)
      : saved(log, std::string(name), std::string(definition)), checkpoints(saved, seconds) {}
  SavedReplay saved;
  Checkpoints checkpoints;
};

Replay::Replay(EventLog& log, Projection projection, int threads, std::optional<Position> until)
    : log_(log), projection_(std::move(projection)), threads_(threads), until_(until) {}

Replay::~Replay() = default;

Position Replay::save_each(double seconds, std::string_view definition) {
  saving_.reset();
  if (until_) return 0;
  auto saving = std::make_unique<Saving>(log_, projection_.spec->name, definition, seconds);
  if (!saving->saved.possible()) return 0;
  saving_ = std::move(saving);
  const Position saved = saving_->saved.position();
  if (saved == 0) saving_->saved.drop();
  saving_->saved.clean_up();
  return saved;
}

void Replay::begin_anew() {
  SavedReplay saved(log_, projection_.spec->name, {});
  if (saved.possible()) saved.drop();
}

Position Replay::scan(const Progress& progress, std::optional<Position> until) {
  ahead_.reset();
  scanned_ = log_.info();
  for (const auto& limit : {until_, until}) scanned_.head = std::min(scanned_.head, limit.value_or(scanned_.head));
  fold_.emplace(fold_log(log_, projection_, {.threads = threads_, .until = scanned_.head, .batch = batch_}, progress,
                         saving_ && !until ? &saving_->checkpoints : nullptr));
  return scanned_.head;
}

Position Replay::scan_together(std::span<Replay* const> replays, const Progress& progress) {
  if (replays.empty()) return 0;
  Replay& first = *replays.front();
  if (replays.size() == 1) return first.scan(progress);
  const LogInfo scanned = first.log_.info();
  std::vector<Projection> projections;
  std::vector<Checkpoints*> checkpoints;
  for (Replay* replay : replays) {
    projections.push_back(replay->projection_);
    checkpoints.push_back(replay->saving_ ? &replay->saving_->checkpoints : nullptr);
  }
  std::vector<Folded> folded;
  try {
    folded =
        fold_together(first.log_, projections,
                      {.threads = first.threads_, .until = scanned.head, .batch = first.batch_}, progress, checkpoints);
  } catch (const CorruptLog&) {
    return scanned.head;  // each folds by itself, so that only those fail that read this event
  }
  for (std::size_t index = 0; index < replays.size(); ++index) {
    Replay& replay = *replays[index];
    replay.scanned_ = scanned;
    replay.failure_ = folded[index].failure;
    replay.fold_ = std::move(folded[index].fold);
  }
  compare_together(replays);
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
  if (!is_compared()) compare_ahead();
  const std::unique_ptr<const Ahead> ahead = std::move(ahead_);
  Connection& connection = log_.connection();
  Transaction transaction(connection);
  const auto locked = std::chrono::steady_clock::now();
  if (!until_)
    log_.fold_pending(inline_read_models);  // else the next append would fold once more what is in these rows
  const LogInfo now = same_log("replay");
  const Position until = until_ ? scanned_.head : now.head;
  std::optional<Written> written;
  if (ahead && ahead->keys && ahead->still_holds(connection, projection_.spec->name, spec_hash)) {
    written = write_ahead(*ahead, until);
  }
  if (!written) written = write_difference(connection, take_fold(until));
  written->head = until;
  if (!until_) {
    connection.prepare(sql::write_checkpoint)
        .run({std::string_view(projection_.spec->name), spec_hash, std::string_view(now.log_id), now.epoch, until});
  }
  if (saving_) saving_->saved.drop();
  transaction.commit();
  fold_.reset();
  written->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - locked).count();
  if (saving_) saving_->saved.clean_up();
  return *written;
}

namespace {

// Finds rows in a fold, as if they were stored. The fold lives as long.
Fold::Loader rows_of(const Fold& fold) {
  return [&fold](std::span<const CellView> key, std::vector<CellView>& columns) {
    const auto row = fold.find(key);
    if (!row) return false;
    columns.clear();
    for (std::size_t column = 0; column < fold.spec().columns.size(); ++column) {
      columns.push_back(fold.column(*row, column));
    }
    return true;
  };
}

}  // namespace

std::optional<Written> Replay::write_ahead(const Ahead& ahead, Position until) {
  Connection& connection = log_.connection();
  const Fold& fold = *fold_;
  // what was appended since is folded beside, as by an append: so it is known which rows it is about
  Fold since(projection_.spec);
  since.set_handler(projection_.handler);
  since.set_loader(rows_of(fold));
  for (std::size_t number = 0; number < fold.spec().lookups.size(); ++number) {
    since.lookup(number).set_loader(rows_of(fold.lookup(number)));
  }
  since.set_member_loader([&](std::span<const CellView> key, std::size_t column, const CellView& value) {
    const auto row = fold.find(key);
    return row && fold.has_member(*row, column, value);
  });
  fold_range(connection, since, scan_types(connection, *projection_.spec), ahead.head, until);
  std::vector<RowKey> touched;
  std::vector<CellView> key;
  std::int64_t rows = static_cast<std::int64_t>(fold.size());
  for (std::size_t row = 0; row < since.slots(); ++row) {
    RowKey& parts = touched.emplace_back();
    key.clear();
    for (std::size_t part = 0; part < fold.spec().key.size(); ++part) {
      const CellView cell = since.key(row, part);
      key.push_back(cell);
      parts.push_back({cell, std::string(cell.view())});
    }
    rows += (since.alive(row) ? 1 : 0) - (fold.find(key) ? 1 : 0);
  }
  std::vector<RowKey> others;
  for (const RowKey& each : *ahead.keys) {
    key.clear();
    for (const OwnedCell& part : each) key.push_back(part.view());
    if (!since.knows(key)) others.push_back(each);
  }
  try {
    Transaction part(connection);
    if (fold.spec().keeps_beside()) {  // what is kept beside the rows is in the whole fold alone
      touched.insert(touched.end(), others.begin(), others.end());
      const std::span<const RowKey> wanted(touched);
      fold_.emplace(take_fold(until));
      fold_->set_handler(nullptr);
      Written written = write_difference(connection, *fold_, &wanted);
      if (!fold_->spec().lookups.empty()) {
        written.updated += static_cast<std::int64_t>(write_lookups(connection, *fold_));
      }
      part.commit();
      written.rows = rows;
      return written;
    }
    const std::span<const RowKey> wanted_since(touched);
    const std::span<const RowKey> wanted(others);
    Written written = write_difference(connection, since, &wanted_since);
    const Written more = write_difference(connection, fold, &wanted);
    part.commit();
    written.inserted += more.inserted;
    written.updated += more.updated;
    written.deleted += more.deleted;
    written.rows = rows;
    return written;
  } catch (const ProjectionError&) {
    return std::nullopt;  // rows of both have exchanged unique values, or somebody wrote by hand: all are compared
  }
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

Fold Replay::take_fold(Position until) {
  ahead_.reset();
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
