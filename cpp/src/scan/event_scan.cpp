#include "scan/event_scan.hpp"

#include <algorithm>

#include "eventfold/error.hpp"
#include "log/interns.hpp"

namespace eventfold {

namespace {

constexpr std::int64_t kRareFraction = 16;  // an index entry and a seek cost about as much as 10 rows passed over
constexpr Position kCopied = 4096;          // positions copied at a time
constexpr Position kWorthPages = 1024;      // positions for which it pays to open the file's pages

std::string placeholders(std::size_t count) {
  std::string text;
  for (std::size_t index = 0; index < count; ++index) text += index ? ", ?" : "?";
  return text;
}

// "(type_id BETWEEN ? AND ? OR ...)", a pair for each run of neighbouring ids. Three comparisons cost a row less than
// looking it up in a list, which SQLite keeps as a table; past that the list is better.
struct TypeFilter {
  static constexpr std::size_t kRuns = 3;

  explicit TypeFilter(std::span<const std::int64_t> type_ids) {
    std::vector<std::int64_t> ids(type_ids.begin(), type_ids.end());
    std::sort(ids.begin(), ids.end());
    std::size_t runs = 0;
    for (const std::int64_t id : ids) {
      if (!parameters.empty() && parameters.back().integer + 1 == id) {
        parameters.back() = id;
        continue;
      }
      sql += runs++ ? " OR type_id BETWEEN ? AND ?" : " AND (type_id BETWEEN ? AND ?";
      parameters.emplace_back(id);
      parameters.emplace_back(id);
    }
    sql += ")";
    if (runs <= kRuns) return;
    sql = " AND type_id IN (" + placeholders(ids.size()) + ")";
    parameters.assign(ids.begin(), ids.end());
  }

  std::string sql;
  std::vector<Value> parameters;
};

// The columns of a scan: data, and as wanted type_id, position, created.
class Visitor : public RowVisitor {
 public:
  enum class Finds { wanted, all };  // events of which types

  Visitor(const ScanTypes& types, const EventSink& sink, Finds finds) : types_(types), sink_(sink) {
    // a scan for one type finds no other
    if (types.ids().size() > 1 || finds == Finds::all) type_ = add("type_id");
    if (types.with_position()) position_ = add("position");
    if (types.with_created()) created_ = add("created");
    if (types.with_stream()) stream_ = add("(SELECT name FROM eventfold_stream WHERE id = eventfold_event.stream_id)");
  }

  std::string columns() const {
    std::string list;
    for (const std::string_view column : columns_) list.append(list.empty() ? "" : ", ").append(column);
    return list;
  }
  std::span<const std::string_view> names() const { return columns_; }

  void row(std::span<const Value> values) override {
    const int type = types_.index_of(type_ == 0 ? types_.ids()[0] : values[type_].integer);
    if (type < 0) return;
    const Position position = position_ == 0 ? 0 : values[position_].integer;
    if (values[0].type != ValueType::text) {
      throw CorruptLog("the data of the event at position " + std::to_string(position) + " is not a text");
    }
    sink_(type, {position,
                 created_ == 0 ? 0 : values[created_].integer,
                 {},
                 values[0].view(),
                 stream_ == 0 ? std::string_view() : values[stream_].view()});
  }

 private:
  std::size_t add(std::string_view column) {
    columns_.push_back(column);
    return columns_.size() - 1;
  }

  const ScanTypes& types_;
  const EventSink& sink_;
  std::vector<std::string_view> columns_{"data"};
  std::size_t type_ = 0;  // where each column is; 0: nowhere
  std::size_t position_ = 0;
  std::size_t created_ = 0;
  std::size_t stream_ = 0;
};

}  // namespace

ScanTypes::ScanTypes(Connection& connection, std::span<const std::string> names) {
  Interns interns;
  for (std::size_t index = 0; index < names.size(); ++index) {
    const TypeEntry* type = interns.find_type(connection, names[index]);
    if (!type) continue;
    ids_.push_back(type->id);
    const auto id = static_cast<std::size_t>(type->id);
    if (index_.size() <= id) index_.resize(id + 1, -1);
    index_[id] = static_cast<int>(index);
  }
}

void ScanTypes::choose_way(Connection& connection, Position after, Position until) {
  const std::int64_t enough = (until - after) / kRareFraction;
  std::int64_t found = 0;
  Statement& statement = connection.prepare(
      "SELECT count(*) FROM (SELECT 1 FROM eventfold_event INDEXED BY "
      "eventfold_event_type "
      "WHERE type_id = ? AND position > ? AND position <= ? LIMIT ?)");
  for (const std::int64_t id : ids_) {
    ResetGuard guard(statement);
    statement.bind({id, after, until, enough - found});
    if (statement.step()) found += statement.column(0).integer;
    if (found >= enough) break;
  }
  by_index_ = found < enough;
}

void scan_events(Connection& connection, const ScanTypes& types, Position after, Position until,
                 const EventSink& sink) {
  if (types.empty() || after >= until) return;
  if (!types.by_index() && !types.with_stream() && until - after >= kWorthPages) {
    Visitor all(types, sink, Visitor::Finds::all);
    after = connection.visit_pages("eventfold_event", all.names(), after, until, all);
    if (after >= until) return;
  }
  Visitor visitor(types, sink, Visitor::Finds::wanted);
  const bool sorted = types.by_index() && types.ids().size() > 1;
  std::vector<Value> parameters{after, until};
  std::string filter;
  if (types.by_index()) {
    filter = " AND type_id IN (" + placeholders(types.ids().size()) + ")";
    parameters.insert(parameters.end(), types.ids().begin(), types.ids().end());
  } else {
    const TypeFilter ranges(types.ids());
    filter = ranges.sql;
    parameters.insert(parameters.end(), ranges.parameters.begin(), ranges.parameters.end());
  }
  const std::string way = types.by_index() ? "INDEXED BY eventfold_event_type" : "NOT INDEXED";
  const std::string tail = "FROM eventfold_event " + way + " WHERE position > ? AND position <= ?" + filter;
  if (!sorted) return connection.visit(visitor.columns(), tail, parameters, visitor);
  // the index gives one type after the other; few rows, so they may be sorted
  Statement& statement = connection.prepare("SELECT " + visitor.columns() + " " + tail + " ORDER BY position");
  ResetGuard guard(statement);
  statement.bind(parameters);
  std::vector<Value> row(visitor.names().size());
  while (statement.step()) {
    for (std::size_t index = 0; index < row.size(); ++index) row[index] = statement.column(static_cast<int>(index));
    visitor.row(row);
  }
}

void scan_copied_events(Connection& connection, const ScanTypes& types, Position after, Position until,
                        const EventSink& sink) {
  struct Copied {
    int type;
    EventView event;
    std::size_t offset;
  };
  std::string bytes;
  std::vector<Copied> events;
  const Position step = types.by_index() ? kCopied * kRareFraction : kCopied;
  for (Position start = after; start < until; start += step) {
    bytes.clear();
    events.clear();
    scan_events(connection, types, start, std::min(start + step, until), [&](int type, const EventView& event) {
      events.push_back({type, event, bytes.size()});
      bytes.append(event.data).append(event.stream);
    });
    for (Copied& copied : events) {
      const std::string_view own = std::string_view(bytes).substr(copied.offset);
      const std::size_t size = copied.event.data.size();
      copied.event.stream = own.substr(size, copied.event.stream.size());
      copied.event.data = own.substr(0, size);
      sink(copied.type, copied.event);
    }
  }
}

}  // namespace eventfold
