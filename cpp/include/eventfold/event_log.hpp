// The event log: start here.
//
//   auto log = eventfold::EventLog::open("events.db");
//   eventfold::NewEvent borrowed{.type = "BookBorrowed", .data = R"({"book":7})", .stream = "book-7"};
//   log.append({&borrowed, 1});
//   for (auto& event : log.read({.stream = "book-7"})) ...
//
// Not thread-safe: one EventLog for each thread. Several processes may use one file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventfold/changes.hpp"
#include "eventfold/connection.hpp"
#include "eventfold/event.hpp"
#include "eventfold/query.hpp"

namespace eventfold {

// What version a stream must be at for an append: a number, or one of these.
inline constexpr Version kAny = -1;           // whatever it is
inline constexpr Version kNoStream = 0;       // the stream has no event yet
inline constexpr Version kStreamExists = -2;  // the stream has an event

struct LogInfo {
  std::string log_id;      // UUID, made when the log was installed
  std::int64_t epoch = 0;  // grows when the log is emptied
  std::int64_t schema_version = 0;
  Position head = 0;
};

struct LogStats {
  std::int64_t events = 0;
  std::map<std::string, std::int64_t> events_by_type;
  std::int64_t streams = 0;
  std::int64_t bytes = 0;  // of the whole database file
};

struct AppendOptions {
  std::string_view request = {};    // a request key: the whole batch is appended once
  Version expected_version = kAny;  // of the one stream of the batch
  bool trusted = false;             // data and names come from our own encoder: valid, not checked again
  // The caller answers for the inline read models: those of the listener if there is one, else there are none to keep.
  // Events that they have not seen yet (of triggers, of another program) are given to them first.
  bool keeps_folded = false;
  // Up to where they have seen every event, where fold_and_find() has left the mark behind.
  Position folded = 0;
  // False: the caller's transaction is taken back as a whole if this throws, so it needs no savepoint of its own.
  bool savepoint = true;
  // What a repetition is compared with, where the caller completed what was submitted; empty: the events themselves.
  std::span<const NewEvent> submitted = {};
};

struct Appended {
  Position first = 0;
  Position last = 0;
  std::int64_t created = 0;  // microseconds, the same for the whole batch
  std::vector<Uuid> ids;
  std::vector<Version> versions;  // 0: no stream
  bool repeated = false;          // id or request key was recorded before: nothing was done, these are its positions
};

// How large a segment is: so many positions, or fewer with so many bytes of data.
struct SealOptions {
  Position positions = 65'536;
  std::size_t bytes = std::size_t{32} << 20;
};

struct SegmentStats {
  std::int64_t segments = 0;
  Position positions = 0;  // that they cover
  std::int64_t bytes = 0;
};

// Told of each batch within the transaction of its append. An exception undoes the append.
class AppendListener {
 public:
  virtual ~AppendListener() = default;
  virtual void appended(Connection& connection, std::span<const EventView> events) = 0;
  // The types that it reads, for those who would have to read them from the log first; empty: all.
  virtual std::vector<std::string> types() const { return {}; }
  // Whether it reads this one.
  virtual bool reads(std::string_view type) const {
    const auto wanted = types();
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), type) != wanted.end();
  }
};

class EventLog {
 public:
  // Opens a file and installs the log where there is none. Throws UnsupportedSchema, DatabaseError.
  static EventLog open(const std::string& path, const OpenOptions& options = {});
  // Uses a connection that someone else opened. Throws nothing: the log may yet be installed.
  explicit EventLog(std::shared_ptr<Connection> connection);
  EventLog(EventLog&&) noexcept;
  EventLog& operator=(EventLog&&) noexcept;
  ~EventLog();

  // Creates the tables where they are missing. Throws UnsupportedSchema for a newer or foreign log.
  void install();
  bool installed();
  // Removes every event and stream, keeps types and head, and raises the epoch. For test runners.
  void empty();

  // Appends all events or none, in one transaction, or in a savepoint of the open one.
  // Throws InvalidEvent, WrongExpectedVersion, IdempotencyConflict, LogNotFound, LogLocked, ReadOnlyLog.
  Appended append(std::span<const NewEvent> events, const AppendOptions& options = {},
                  AppendListener* listener = nullptr);

  // Events in position order (or backward). Throws InvalidEvent for a negative limit.
  std::vector<RecordedEvent> read(const Query& query = {});
  // One short read for each batch of at most `batch_size` events, so that none stays open while they are used.
  void read(const Query& query, std::size_t batch_size,
            const std::function<void(std::span<const RecordedEvent>)>& sink);

  Position head();
  // The range (after, until] that the inline read models have not seen yet; none: they have seen everything.
  std::optional<std::pair<Position, Position>> unfolded();
  // Gives that range, or the first `limit` positions of it, to the read models, in a transaction or savepoint; returns
  // what it gave.
  // Throws what an append with this listener throws.
  std::optional<std::pair<Position, Position>> fold_pending(AppendListener* listener, Position limit = INT64_MAX);
  // Gives the events of (after, until] to a listener, in a transaction or savepoint: for a follower, which keeps its
  // own checkpoint. Throws what an append with this listener throws.
  void fold_range(AppendListener& listener, Position after, Position until);
  // fold_pending() and changes() at once, fast where there is little to do: after each statement of an app. Where it
  // finds something in an open transaction, it may leave the mark for mark_folded(), when that has been followed.
  std::optional<PendingChanges> fold_and_find(AppendListener* listener, const WantedChanges* wanted);
  // Says that all up to a position, the last one, was folded and followed, unless an append has said so meanwhile.
  void mark_folded(Position until);
  // Whether fold_and_find() may find something. It costs no query, and so an app may ask after each of its statements.
  bool may_have_unseen();
  // To be told of a ROLLBACK TO that did not come from here: it may bring back what others had recorded before.
  void forget_seen();
  // The events of a range that somebody follows; if there are many, the first of them.
  FoundChanges changes(const WantedChanges& wanted, Position after, Position until);
  // Runs an INSERT into the log that selects what it appends, for a bootstrap; returns how many rows it has inserted.
  // Its positions must be above every one that was given out, since the guard against REPLACE does not look at them.
  std::int64_t append_selected(const std::string& insert);
  // The version of the last event of a stream, 0 where it has none.
  Version stream_head(std::string_view stream);
  LogInfo info();
  LogStats stats();

  // Seals the log: keeps a copy of its events as columns, which folds read in their place, many times as fast. One call
  // makes one segment, of the first events after a position that are in none, and returns where it ends; none: what is
  // left is too little for one. Its write is short; events that are appended later are sealed by a later call. Folds
  // give the same with segments and without, and with any part of the log in them.
  // Throws CorruptLog (an event whose data is no JSON object), LogLocked, ReadOnlyLog.
  std::optional<Position> seal_next(Position after = 0, const SealOptions& options = {});
  // Throws the segments away; the log itself is as it was.
  void unseal();
  SegmentStats segments();

  // The id of a type; it is made where it is missing. Ids are never used again.
  std::int64_t intern_type(std::string_view name);
  // Throws UnknownEventType.
  std::int64_t type_id(std::string_view name);
  std::optional<std::int64_t> find_type(std::string_view name);
  void rename_type(std::string_view from, std::string_view to);

  Connection& connection();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eventfold
