#include "append/appender.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "append/idempotency.hpp"
#include "base/clock.hpp"
#include "base/sql.hpp"
#include "base/uuid.hpp"
#include "eventfold/error.hpp"
#include "eventfold/json.hpp"

namespace eventfold {

namespace {

constexpr std::size_t kMaximumEventBytes = 4 << 20;

void check_events(std::span<const NewEvent> events, const AppendOptions& options) {
  for (const NewEvent& event : events) {
    if (event.type.empty()) throw InvalidEvent("an event needs a type");
    if (event.data.size() > kMaximumEventBytes || event.metadata.size() > kMaximumEventBytes) {
      throw InvalidEvent(std::string(event.type) + ": an event holds at most 4 MiB, this one has " +
                         std::to_string(std::max(event.data.size(), event.metadata.size())) +
                         " bytes; keep large content elsewhere and record where");
    }
    if (event.indexed && event.indexed->values.size() > kSlots)
      throw InvalidEvent(std::string(event.type) + ": at most 4 fields are indexed");
    if (!options.trusted) {
      check_json_object(event.data);
      if (!event.metadata.empty()) check_json_object(event.metadata);
      std::string quoted;
      append_json_string(quoted, event.type);
      append_json_string(quoted, event.stream);
    }
  }
}

void check_expected_version(Connection& connection, Interns& interns, std::span<const NewEvent> events,
                            Version expected) {
  if (expected == kAny) return;
  const std::string_view stream = events.front().stream;
  const bool one_stream = std::all_of(events.begin(), events.end(),
                                      [&](const NewEvent& event) { return event.stream == stream && !stream.empty(); });
  if (!one_stream) throw InvalidEvent("expected_version needs a batch whose events are all of one stream");
  const Version head = interns.intern_stream(connection, stream).head;
  if (expected == kStreamExists ? head > 0 : head == expected) return;
  throw WrongExpectedVersion("The stream \"" + std::string(stream) + "\" is at version " + std::to_string(head) +
                             ", not " + (expected == kStreamExists ? "existing" : std::to_string(expected)) +
                             ": read it again and decide anew");
}

// Writes rows many at a time: a statement opens the table and its six indexes once, not once a row.
class RowWriter {
 public:
  explicit RowWriter(Connection& connection) : connection_(connection) { pending_.reserve(kRows * kColumns); }

  void write(std::initializer_list<Value> row) {
    pending_.insert(pending_.end(), row);
    if (pending_.size() < kRows * kColumns) return;
    run(many_rows(), pending_);
    pending_.clear();
  }
  void flush() {
    for (std::size_t at = 0; at < pending_.size(); at += kColumns) {
      run(sql::insert_event, std::span(pending_).subspan(at, kColumns));
    }
    pending_.clear();
  }

 private:
  static constexpr std::size_t kRows = 64;  // 768 parameters, below the 999 of old builds
  static constexpr std::size_t kColumns = 12;

  static const std::string& many_rows() {
    static const std::string text = [] {
      const std::string one = sql::insert_event;
      const std::string row = one.substr(one.rfind('('));
      std::string many = one;
      for (std::size_t index = 1; index < kRows; ++index) many.append(", ").append(row);
      return many;
    }();
    return text;
  }

  void run(std::string_view sql, std::span<const Value> rows) {
    Statement& statement = connection_.prepare(sql);
    ResetGuard guard(statement);
    statement.bind(rows);
    while (statement.step()) {
    }
  }

  Connection& connection_;
  std::vector<Value> pending_;
};

}  // namespace

void refuse_while_folding(const Connection& connection) {
  if (!connection.folding) return;
  throw ProjectionError(
      "An @on method may not append events: it would change what is being folded. Append where the "
      "event is made, or in a post_save receiver");
}

Appended append_events(Connection& connection, Interns& interns, std::span<const NewEvent> events,
                       const AppendOptions& options, AppendListener* listener, const CatchUp& catch_up) {
  refuse_while_folding(connection);
  check_events(events, options);
  const HeadRow header = read_head(connection);
  interns.validate(header.stamp);
  if (events.empty()) return {};
  const auto submitted = options.submitted.empty() ? events : options.submitted;
  if (auto recorded = find_recorded(connection, submitted, options.request)) return *recorded;
  check_expected_version(connection, interns, events, options.expected_version);
  const Position folded = std::max(header.folded, options.folded);
  if (listener && options.keeps_folded && folded < header.head) catch_up(folded, header.head);

  Appended appended;
  appended.first = header.head + 1;
  appended.last = header.head + static_cast<Position>(events.size());
  appended.created = std::max(now_us(), header.last_created);
  appended.ids.reserve(events.size());
  appended.versions.reserve(events.size());
  UuidSequence uuids(appended.created);
  std::vector<EventView> views;
  if (listener) views.reserve(events.size());

  RowWriter writer(connection);
  Position position = header.head;
  const TypeEntry* type = nullptr;
  std::string_view type_name;
  std::vector<const TypeEntry*> with_empty_slots;
  for (const NewEvent& event : events) {
    if (event.type != type_name) {
      type = &interns.intern_type(connection, event.type);
      type_name = event.type;
    }
    Value stream_id;
    Value version;
    if (!event.stream.empty()) {
      StreamEntry& stream = interns.intern_stream(connection, event.stream);
      stream_id = stream.id;
      version = ++stream.head;
    }
    const Uuid& id = appended.ids.emplace_back(event.id ? *event.id : uuids.next());
    appended.versions.push_back(version.is_null() ? 0 : version.integer);
    Value slots[kSlots];
    if (event.indexed ? event.indexed->names == type->slots : type->slots.empty()) {
      if (event.indexed) std::ranges::copy(event.indexed->values, slots);
    } else if (std::ranges::find(with_empty_slots, type) == with_empty_slots.end()) {
      with_empty_slots.push_back(type);
    }
    writer.write({++position, type->id, appended.created, stream_id, version, slots[0], slots[1], slots[2], slots[3],
                  event.data, Value::blob({reinterpret_cast<const char*>(id.data()), id.size()}),
                  event.metadata.empty() ? Value() : Value(event.metadata)});
    if (listener) views.push_back({position, appended.created, event.type, event.data, event.stream});
  }
  writer.flush();
  for (const TypeEntry* unfilled : with_empty_slots) {
    if (!unfilled->fill_slots.empty()) connection.prepare(unfilled->fill_slots).run({header.head});
  }
  record_request(connection, submitted, options.request, appended.first);
  const auto stamp = static_cast<std::int64_t>(random_bits());
  write_header(connection, appended.last, appended.created, stamp,
               options.keeps_folded ? appended.last : header.folded);
  interns.remember(stamp);
  if (options.keeps_folded) connection.seen(appended.last);
  if (listener) listener->appended(connection, views);
  return appended;
}

}  // namespace eventfold
