#include "scan/reader.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "base/sql.hpp"
#include "base/uuid.hpp"
#include "eventfold/error.hpp"
#include "log/header.hpp"
#include "log/interns.hpp"
#include "scan/metadata_sql.hpp"

namespace eventfold {

namespace {

const std::string kColumns =
    std::string(
        "SELECT e.position, e.event_id, e.type_id, e.data, "
        "(SELECT s.name FROM eventfold_stream AS s WHERE s.id = e.stream_id), e.version, e.created, ") +
    kMetadataOfEvent + " FROM eventfold_event AS e WHERE ";
constexpr std::size_t kMaximumUnion = 16;  // beyond that, most events are wanted anyway

using TypeNames = std::map<std::int64_t, std::string>;

TypeNames read_type_names(Connection& connection) {
  TypeNames names;
  Statement& statement = connection.prepare(sql::list_types);
  ResetGuard guard(statement);
  statement.bind({});
  while (statement.step()) names.emplace(statement.column(0).integer, statement.column(1).view());
  return names;
}

std::vector<std::int64_t> ids_of(const TypeNames& names, const std::vector<std::string>& wanted) {
  std::vector<std::int64_t> ids;
  for (const auto& name : wanted) {
    const auto found =
        std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.second == name; });
    if (found == names.end()) throw UnknownEventType("The log knows no event type \"" + name + "\"");
    if (std::find(ids.begin(), ids.end(), found->first) == ids.end()) ids.push_back(found->first);
  }
  return ids;
}

// Parameters and text grow together, so that no number is out of step.
struct Sql {
  std::string text;
  std::vector<Value> parameters;
  Sql& add(std::string_view part) {
    text += part;
    return *this;
  }
  Sql& add(std::string_view part, Value parameter) {
    parameters.push_back(parameter);
    return add(part);
  }
};

struct Range {
  Position after;
  Position until;
};

// One type, or each of a few, is found newest-first through the index on type, whose last column is the position.
void add_positions_of_types(Sql& sql, const std::vector<std::int64_t>& types, const Range& range, const char* order,
                            std::int64_t limit) {
  sql.add("e.position IN (");
  for (std::size_t index = 0; index < types.size(); ++index) {
    if (index > 0) sql.add(" UNION ALL ");
    sql.add("SELECT position FROM (SELECT position FROM eventfold_event WHERE type_id = ?", types[index])
        .add(" AND position > ?", range.after)
        .add(" AND position <= ?", range.until)
        .add(" ORDER BY position")
        .add(order)
        .add(" LIMIT ?)", limit);
  }
  sql.add(")");
}

Sql compose(const Query& query, const std::vector<std::int64_t>& types, std::optional<std::int64_t> stream,
            const Range& range, std::int64_t limit) {
  const char* order = query.backward ? " DESC" : "";
  Sql sql;
  sql.add(kColumns);
  if (stream) {
    // versions and positions of a stream grow together; its index is ordered by version, so page by that
    sql.add("e.stream_id = ?", *stream)
        .add(" AND e.position > ?", range.after)
        .add(" AND e.position <= ?", range.until);
    if (query.backward) {
      sql.add(" AND e.version < coalesce((SELECT version FROM eventfold_event WHERE position = ?", range.until + 1)
          .add(" AND stream_id = ?), 9223372036854775807)", *stream);
    } else {
      sql.add(" AND e.version > coalesce((SELECT version FROM eventfold_event WHERE position = ?", range.after)
          .add(" AND stream_id = ?), 0)", *stream);
    }
  } else if (!types.empty() && types.size() <= kMaximumUnion) {
    add_positions_of_types(sql, types, range, order, limit);
  } else {
    sql.add("e.position > ?", range.after).add(" AND e.position <= ?", range.until);
  }
  if (!types.empty() && (stream || types.size() > kMaximumUnion)) {
    sql.add(" AND +e.type_id IN (");
    for (std::size_t index = 0; index < types.size(); ++index) sql.add(index ? ", ?" : "?", types[index]);
    sql.add(")");
  }
  sql.add(stream ? " ORDER BY e.version" : " ORDER BY e.position").add(order).add(" LIMIT ?", limit);
  return sql;
}

RecordedEvent recorded(Statement& row, const TypeNames& names, std::string_view log_id) {
  RecordedEvent event;
  event.position = row.column(0).integer;
  event.created = row.column(6).integer;
  if (const auto id = row.column(1).view(); id.size() == event.id.size()) {
    std::memcpy(event.id.data(), id.data(), id.size());
  } else {
    event.id = derived_uuid(log_id, event.created, event.position);
  }
  const auto name = names.find(row.column(2).integer);
  if (name == names.end()) {
    throw CorruptLog("The event at position " + std::to_string(event.position) + " is of type number " +
                     std::to_string(row.column(2).integer) + ", which has no name");
  }
  event.type = name->second;
  event.data = row.column(3).view();
  if (const Value stream = row.column(4); !stream.is_null()) event.stream = std::string(stream.view());
  if (const Value version = row.column(5); !version.is_null()) event.version = version.integer;
  event.metadata = row.column(7).view();
  return event;
}

}  // namespace

void read_events(Connection& connection, const Query& query, std::size_t batch_size,
                 const std::function<void(std::span<const RecordedEvent>)>& sink) {
  if (query.limit && *query.limit < 0) {
    throw InvalidEvent("limit must not be negative, it is " + std::to_string(*query.limit));
  }
  const LogInfo info = read_header(connection).info;
  const Position head = info.head;
  Range range{query.after, std::min(query.until.value_or(head), head)};
  std::optional<std::int64_t> stream;
  if (query.stream) {
    stream = find_stream(connection, *query.stream);
    if (!stream) return;
  }
  const TypeNames names = read_type_names(connection);
  const auto types = ids_of(names, query.types);
  auto left = query.limit.value_or(INT64_MAX);
  std::vector<RecordedEvent> batch;
  while (left > 0 && range.after < range.until) {
    const auto wanted = std::min<std::int64_t>(left, static_cast<std::int64_t>(batch_size));
    const Sql sql = compose(query, types, stream, range, wanted);
    batch.clear();
    {
      Statement& statement = connection.prepare(sql.text);
      ResetGuard guard(statement);
      statement.bind(sql.parameters);
      while (statement.step()) batch.push_back(recorded(statement, names, info.log_id));
    }
    if (batch.empty()) return;
    left -= static_cast<std::int64_t>(batch.size());
    if (query.backward) {
      range.until = batch.back().position - 1;
    } else {
      range.after = batch.back().position;
    }
    sink(batch);
    if (static_cast<std::int64_t>(batch.size()) < wanted) return;
  }
}

}  // namespace eventfold
