// Read models: tables of the application whose rows are a fold of the log, kept inline with each append or rebuilt.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "eventfold/event_log.hpp"
#include "eventfold/projection.hpp"

namespace eventfold {

// A projection, and what is called for the types that it names as handlers.
struct Projection {
  std::shared_ptr<const ProjectionSpec> spec;
  Fold::Handler handler;
};

// Keeps the rows of several read models right, within the transaction of each append: the rows that a batch touches are
// loaded, folded and written back. Remembers no rows between appends, so it may serve any number of connections and
// threads at once. Those that the database says a follower keeps are left out, so that no event is folded twice.
class InlineReadModels : public AppendListener {
 public:
  // `for_follower`: it is the follower itself that gives events to these; none is left out.
  explicit InlineReadModels(std::vector<Projection> projections, bool for_follower = false);
  ~InlineReadModels() override;
  // Throws ProjectionError, CorruptLog, and what a handler throws.
  void appended(Connection& connection, std::span<const EventView> events) override;
  std::vector<std::string> types() const override;
  bool reads(std::string_view type) const override;

 private:
  class Model;
  std::vector<std::unique_ptr<Model>> models_;
  std::set<std::string, std::less<>> types_;
  bool for_follower_;
};

// Called about ten times a second with the positions that are done, and their number in all. May throw to stop.
using Progress = std::function<void(Position done, Position total)>;

struct FoldOptions {
  int threads = 2;
  std::optional<Position> until = {};  // none: the head
  Position after = 0;
  // Positions that are read at a time: short, so that the WAL can be checkpointed meanwhile.
  Position batch = 32'768;
};

// Folds the log, from the first event on (or that after `after`), into rows in memory. On several threads, each with a
// reader of its own, where the projection can be merged and the database is a file; else on the connection of the log.
Fold fold_log(EventLog& log, const Projection& projection, const FoldOptions& options = {},
              const Progress& progress = nullptr);

// What became of one of several folds: the fold, or why there is none.
struct Folded {
  std::optional<Fold> fold;
  std::exception_ptr failure;
};

// Folds the log for several projections without handlers in one reading of it, each whole on one of the threads. An
// event that one of them cannot fold is its own failure; what cannot be read (CorruptLog) is thrown. In memory there is
// no more of the events than two batches.
std::vector<Folded> fold_together(EventLog& log, std::span<const Projection> projections,
                                  const FoldOptions& options = {}, const Progress& progress = nullptr);

// The rows that an event concerns, by key.
struct EventKeys {
  Position position = 0;
  std::vector<std::vector<OwnedCell>> keys;
};

// The events of a range that concern rows, with the keys of these; those that cannot be folded too, if they have a key.
std::vector<EventKeys> keys_of_events(EventLog& log, const std::shared_ptr<const ProjectionSpec>& spec, Position after,
                                      Position until);

struct Written {
  std::int64_t inserted = 0;
  std::int64_t updated = 0;
  std::int64_t deleted = 0;
  std::int64_t rows = 0;
  Position head = 0;
  double seconds = 0;  // for which other writers had to wait
};

// A row of a live table that is not what follows from the log.
struct Difference {
  enum class What : std::uint8_t {
    changed,  // columns have other values
    extra,    // the log knows no such row
    doubled,  // several rows have one key
    missing,  // the table has no such row
    kept,     // of the copy of what is looked up: `key` is that row's, and `columns` has it alone
  };
  struct Column {
    std::size_t column = 0;  // of the specification; of a copy, the number of the lookup
    OwnedCell in_log;        // both as the database stores them
    OwnedCell in_table;
  };
  // What is kept beside a column of different values: how many of those in the log are not there, and how many are
  // there that no event said.
  struct Values {
    std::string column;
    std::size_t missing = 0;
    std::size_t extra = 0;
  };
  What what = What::changed;
  std::vector<OwnedCell> key;   // nulls: what is kept beside the rows is of no key at all
  std::vector<Column> columns;  // of a changed row, those that differ
  std::vector<Values> values;
  std::string source;  // of a copy: the name of the lookup, which the specification may not have any more
};

// The key of a row, a cell for each part.
using RowKey = std::vector<OwnedCell>;

struct Compared {
  std::int64_t rows = 0;  // of the live table
  std::int64_t changed = 0;
  std::int64_t extra = 0;
  std::int64_t doubled = 0;
  std::int64_t missing = 0;
  std::int64_t kept = 0;          // rows of copies
  Position until = 0;             // the rows were held against what follows from the events up to here
  std::vector<Difference> first;  // as many as were asked for, missing rows last
};

// Rebuilds one read model: scan() beside the live table, then write() brings the live table to what was found, which is
// then forgotten. Not thread-safe.
class Replay {
 public:
  // `until`: the rows as of that position, which write() brings to the table, a temporary one that stands before the
  // live one, and does nothing else. None: the head.
  Replay(EventLog& log, Projection projection, int threads = 2, std::optional<Position> until = {});
  ~Replay();
  // As FoldOptions::batch.
  void read_at_a_time(Position batch) { batch_ = batch; }
  // From now on scan(), up to the head, begins where an earlier one has saved what it had folded, and saves it each so
  // many seconds; write() removes that. Returns where it begins; 0: with the first event. `definition`: of all that the
  // rows depend on beside the log, such as a handler's code. Nothing is saved in memory, and within a transaction.
  Position save_each(double seconds, std::string_view definition);
  // Drops what was saved of a read model, whatever by.
  void begin_anew();
  // Returns up to which position: the head, or `until`. Readers and writers go on meanwhile.
  Position scan(const Progress& progress = nullptr, std::optional<Position> until = {});
  // The same for several replays of one log, of projections without handlers, in one reading of the log. What fails for
  // one of them is thrown by its write() or compare().
  static Position scan_together(std::span<Replay* const> replays, const Progress& progress = nullptr);
  // Holds every row and column of the live table against the log, in one snapshot of both, and writes nothing. The rows
  // are taken to follow from the events up to `until`; none: from those that the inline read models have seen. What was
  // folded is kept, for write(). Throws WrongLog as write() does.
  Compared compare(std::size_t limit, std::optional<Position> until = {});
  // One transaction: what was appended since scan(), then only rows that differ, then the checkpoint under this hash of
  // the specification. Throws WrongLog if the log was emptied or replaced since scan().
  // `inline_read_models`: those that appends keep, which see first what they have not seen yet.
  Written write(std::string_view spec_hash, AppendListener* inline_read_models = nullptr);
  // The same for the rows of these keys alone, which are right up to `until` (none: what the inline read models have
  // seen) but for these. There is no checkpoint to be moved. `rows` and `head` are of these keys, and `until`.
  Compared compare_rows(std::span<const RowKey> keys, std::size_t limit, std::optional<Position> until = {});
  Written write_rows(std::span<const RowKey> keys, std::optional<Position> until = {});

 private:
  // Folds, unless that has been done; throws what failed then.
  void ensure_scanned(std::optional<Position> until = {});
  // What the live table lacks, found while others write; none where they are locked out anyway.
  struct Ahead;
  bool is_compared();
  void compare_ahead();
  void begin_ahead();
  static void compare_together(std::span<Replay* const> replays);
  // Within the transaction. None: the whole table must be compared after all.
  std::optional<Written> write_ahead(const Ahead& ahead, Position until);
  // Folds what was appended since, while others write: little is left to be done with the lock held.
  void catch_up();
  // The fold as of a position, with the handler that it was folded by; whatever fails, there is none afterwards.
  Fold take_fold(Position until);
  LogInfo same_log(std::string_view command);
  Position seen();

  EventLog& log_;
  Projection projection_;
  Compared compare_with(const std::span<const RowKey>* keys, std::size_t limit, std::optional<Position> until);

  int threads_;
  Position batch_ = FoldOptions().batch;
  std::optional<Position> until_;
  LogInfo scanned_;
  std::optional<Fold> fold_;
  std::unique_ptr<Ahead> ahead_;
  std::exception_ptr failure_;  // of scan_together()
  struct Saving;
  std::unique_ptr<Saving> saving_;
};

}  // namespace eventfold
