#include "eventfold/event_log.hpp"

#include <algorithm>

#include "append/appender.hpp"
#include "base/sql.hpp"
#include "eventfold/error.hpp"
#include "log/header.hpp"
#include "log/interns.hpp"
#include "log/schema.hpp"
#include "scan/changes.hpp"
#include "scan/reader.hpp"
#include "segment/sealer.hpp"

namespace eventfold {

namespace {

// Events that are recorded already, in batches.
void give(Connection& connection, AppendListener& listener, Position after, Position until) {
  constexpr std::size_t kBatch = 4096;
  std::vector<EventView> views;
  std::vector<std::string> types = listener.types();
  if (!types.empty()) {
    Interns known;
    std::erase_if(types, [&](const std::string& type) { return known.find_type(connection, type) == nullptr; });
    if (types.empty()) return;
  }
  read_events(connection, {.types = std::move(types), .after = after, .until = until}, kBatch,
              [&](std::span<const RecordedEvent> events) {
                views.clear();
                for (const RecordedEvent& event : events) {
                  const std::string_view stream = event.stream ? std::string_view(*event.stream) : std::string_view();
                  views.push_back({event.position, event.created, event.type, event.data, stream});
                }
                listener.appended(connection, views);
              });
}

}  // namespace

class EventLog::Impl {
 public:
  explicit Impl(std::shared_ptr<Connection> opened) : connection(std::move(opened)) {}
  std::shared_ptr<Connection> connection;
  Interns interns;
};

EventLog EventLog::open(const std::string& path, const OpenOptions& options) {
  EventLog log(open_sqlite(path, options));
  if (options.read_only) {
    log.info();  // says at once that there is no log, or a newer one
  } else {
    log.install();
  }
  return log;
}

EventLog::EventLog(std::shared_ptr<Connection> connection) : impl_(std::make_unique<Impl>(std::move(connection))) {}
EventLog::EventLog(EventLog&&) noexcept = default;
EventLog& EventLog::operator=(EventLog&&) noexcept = default;
EventLog::~EventLog() = default;

Connection& EventLog::connection() { return *impl_->connection; }

void EventLog::install() { install_log(connection()); }

bool EventLog::installed() { return log_installed(connection()); }

void EventLog::empty() {
  impl_->interns.forget();
  empty_log(connection());
}

Appended EventLog::append(std::span<const NewEvent> events, const AppendOptions& options, AppendListener* listener) {
  try {
    std::optional<Transaction> transaction;
    if (options.savepoint || !connection().in_transaction()) transaction.emplace(connection());
    Appended appended =
        append_events(connection(), impl_->interns, events, options, listener,
                      [&](Position after, Position until) { give(connection(), *listener, after, until); });
    if (transaction) transaction->commit();
    return appended;
  } catch (...) {
    impl_->interns.forget();  // what was interned is rolled back
    throw;
  }
}

void EventLog::read(const Query& query, std::size_t batch_size,
                    const std::function<void(std::span<const RecordedEvent>)>& sink) {
  read_events(connection(), query, batch_size, sink);
}

std::vector<RecordedEvent> EventLog::read(const Query& query) {
  std::vector<RecordedEvent> events;
  read(query, 4096,
       [&](std::span<const RecordedEvent> batch) { events.insert(events.end(), batch.begin(), batch.end()); });
  return events;
}

std::optional<std::pair<Position, Position>> EventLog::unfolded() {
  const HeadRow header = read_head(connection());
  if (header.folded >= header.head) {
    connection().seen(header.head);
    return std::nullopt;
  }
  return std::pair(header.folded, header.head);
}

std::optional<std::pair<Position, Position>> EventLog::fold_pending(AppendListener* listener, Position limit) {
  // a handler wrote to a tracked table: its row, in memory, would be written over what is folded here
  refuse_while_folding(connection());
  const bool in_transaction = connection().in_transaction();
  const auto at_most = [limit](std::optional<std::pair<Position, Position>> range) {
    if (range && range->second - range->first > limit) range->second = range->first + limit;
    return range;
  };
  auto pending = at_most(unfolded());
  if (!pending) return std::nullopt;
  if (!listener && in_transaction) {  // one statement needs no savepoint
    write_folded(connection(), pending->second);
    return pending;
  }
  Transaction transaction(connection());
  if (!in_transaction) pending = at_most(unfolded());  // as it is now that nobody else writes
  if (pending) {
    if (listener) give(connection(), *listener, pending->first, pending->second);
    write_folded(connection(), pending->second);
  }
  transaction.commit();
  return pending;
}

void EventLog::fold_range(AppendListener& listener, Position after, Position until) {
  refuse_while_folding(connection());
  Transaction transaction(connection());
  give(connection(), listener, after, until);
  transaction.commit();
}

std::optional<PendingChanges> EventLog::fold_and_find(AppendListener* listener, const WantedChanges* wanted) {
  if (connection().in_transaction()) {
    refuse_while_folding(connection());
    connection().begin_to_look();
    auto pending = read_pending_changes(connection(), wanted, listener);
    if (!pending) {
      connection().seen(INT64_MAX);
      return std::nullopt;
    }
    if (pending->until != 0) {
      // an append that follows from what was found moves the mark too
      pending->marked = pending->found.changes.empty();
      if (pending->marked) mark_folded(pending->until);  // one statement needs no savepoint
      return pending;
    }
  }
  const auto range = fold_pending(listener);
  if (!range) return std::nullopt;
  PendingChanges pending{range->first, range->second, {}};
  if (wanted) pending.found = changes(*wanted, pending.after, pending.until);
  return pending;
}

void EventLog::mark_folded(Position until) {
  write_folded(connection(), until);
  connection().seen(until);
}

bool EventLog::may_have_unseen() { return connection().may_have_unseen(); }

void EventLog::forget_seen() { connection().forget_seen(); }

FoundChanges EventLog::changes(const WantedChanges& wanted, Position after, Position until) {
  return read_changes(connection(), wanted, after, until);
}

std::int64_t EventLog::append_selected(const std::string& insert) {
  refuse_while_folding(connection());
  connection().execute_untriggered(insert);
  return connection().changes();
}

std::optional<Position> EventLog::seal_next(Position after, const SealOptions& options) {
  refuse_while_folding(connection());
  return eventfold::seal_next(connection(), options, after);
}

void EventLog::unseal() { drop_segments(connection()); }

SegmentStats EventLog::segments() { return read_segment_stats(connection()); }

Position EventLog::head() { return info().head; }

Version EventLog::stream_head(std::string_view stream) {
  const auto id = find_stream(connection(), stream);
  return id ? read_stream_head(connection(), *id) : 0;
}

LogInfo EventLog::info() { return read_header(connection()).info; }

LogStats EventLog::stats() {
  read_header(connection());
  LogStats stats;
  Statement& types = connection().prepare(sql::count_by_type);
  ResetGuard types_guard(types);
  types.bind({});
  while (types.step()) {
    stats.events_by_type.emplace(types.column(0).view(), types.column(1).integer);
    stats.events += types.column(1).integer;
  }
  for (auto [sql, figure] :
       {std::pair(sql::count_streams, &stats.streams), std::pair(sql::database_bytes, &stats.bytes)}) {
    Statement& statement = connection().prepare(sql);
    ResetGuard guard(statement);
    statement.bind({});
    if (statement.step()) *figure = statement.column(0).integer;
  }
  return stats;
}

std::int64_t EventLog::intern_type(std::string_view name) {
  if (auto id = find_type(name)) return *id;
  Transaction transaction(connection());
  Interns fresh;  // what a rollback takes back must not be remembered
  const auto id = fresh.intern_type(connection(), name).id;
  transaction.commit();
  return id;
}

std::optional<std::int64_t> EventLog::find_type(std::string_view name) {
  Interns fresh;
  const TypeEntry* entry = fresh.find_type(connection(), name);
  return entry ? std::optional(entry->id) : std::nullopt;
}

std::int64_t EventLog::type_id(std::string_view name) {
  if (auto id = find_type(name)) return *id;
  throw UnknownEventType("The log knows no event type \"" + std::string(name) + "\"");
}

void EventLog::rename_type(std::string_view from, std::string_view to) {
  impl_->interns.forget();
  type_id(from);
  if (find_type(to)) throw InvalidEvent("The log has an event type \"" + std::string(to) + "\" already");
  connection().prepare(sql::rename_type).run({from, to});
}

}  // namespace eventfold
