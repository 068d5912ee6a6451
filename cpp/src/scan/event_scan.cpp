#include "scan/event_scan.hpp"

#include <algorithm>

#include "eventfold/error.hpp"
#include "log/interns.hpp"

namespace eventfold {

namespace {

constexpr std::int64_t kRareFraction = 16;  // an index entry and a seek cost about as much as 10 rows passed over
constexpr Position kCopied = 4096;          // positions copied at a time

std::string placeholders(std::size_t count) {
  std::string text;
  for (std::size_t index = 0; index < count; ++index) text += index ? ", ?" : "?";
  return text;
}

std::vector<Value> parameters_of(const ScanTypes& types, Position after, Position until) {
  std::vector<Value> parameters{after, until};
  for (const std::int64_t id : types.ids()) parameters.push_back(id);
  return parameters;
}

class Visitor : public RowVisitor {
 public:
  Visitor(const ScanTypes& types, const EventSink& sink) : types_(types), sink_(sink) {}
  void row(std::span<const Value> columns) override {
    const int type = types_.index_of(columns[1].integer);
    if (type < 0) return;
    if (columns[3].type != ValueType::text) {
      throw CorruptLog("the data of the event at position " + std::to_string(columns[0].integer) + " is not a text");
    }
    sink_(type, {columns[0].integer, columns[2].integer, {}, columns[3].view()});
  }

 private:
  const ScanTypes& types_;
  const EventSink& sink_;
};

}  // namespace

ScanTypes::ScanTypes(Connection& connection, std::span<const std::string> names) {
  Interns interns;
  for (std::size_t index = 0; index < names.size(); ++index) {
    const auto id = interns.find_type(connection, names[index]);
    if (!id) continue;
    ids_.push_back(*id);
    if (index_.size() <= static_cast<std::size_t>(*id)) index_.resize(static_cast<std::size_t>(*id) + 1, -1);
    index_[static_cast<std::size_t>(*id)] = static_cast<int>(index);
  }
}

void ScanTypes::choose_way(Connection& connection, Position after, Position until) {
  const std::int64_t enough = (until - after) / kRareFraction;
  std::int64_t found = 0;
  Statement& statement = connection.prepare(
      "SELECT count(*) FROM (SELECT 1 FROM eventfold_event INDEXED BY eventfold_event_type "
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
  Visitor visitor(types, sink);
  const auto parameters = parameters_of(types, after, until);
  const std::string in_types = " AND type_id IN (" + placeholders(types.ids().size()) + ")";
  constexpr const char* kColumns = "position, type_id, created, data";
  if (types.by_index() && types.ids().size() > 1) {
    // the index gives one type after the other; few rows, so they may be sorted
    Statement& statement = connection.prepare(std::string("SELECT ") + kColumns +
                                              " FROM eventfold_event INDEXED BY eventfold_event_type "
                                              "WHERE position > ? AND position <= ?" +
                                              in_types + " ORDER BY position");
    ResetGuard guard(statement);
    statement.bind(parameters);
    while (statement.step()) {
      const Value row[] = {statement.column(0), statement.column(1), statement.column(2), statement.column(3)};
      visitor.row(row);
    }
    return;
  }
  const std::string way = types.by_index() ? "INDEXED BY eventfold_event_type" : "NOT INDEXED";
  connection.visit(kColumns, "FROM eventfold_event " + way + " WHERE position > ? AND position <= ?" + in_types,
                   parameters, visitor);
}

void scan_copied_events(Connection& connection, const ScanTypes& types, Position after, Position until,
                        const EventSink& sink) {
  struct Copied {
    int type;
    EventView event;
    std::size_t offset;
    std::size_t size;
  };
  std::string bytes;
  std::vector<Copied> events;
  const Position step = types.by_index() ? kCopied * kRareFraction : kCopied;
  for (Position start = after; start < until; start += step) {
    bytes.clear();
    events.clear();
    scan_events(connection, types, start, std::min(start + step, until), [&](int type, const EventView& event) {
      events.push_back({type, event, bytes.size(), event.data.size()});
      bytes.append(event.data);
    });
    for (Copied& copied : events) {
      copied.event.data = std::string_view(bytes).substr(copied.offset, copied.size);
      sink(copied.type, copied.event);
    }
  }
}

}  // namespace eventfold
