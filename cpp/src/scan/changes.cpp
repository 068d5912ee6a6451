#include "scan/changes.hpp"

#include <algorithm>

#include "eventfold/connection.hpp"

namespace eventfold {

WantedChanges::WantedChanges(const std::map<std::int64_t, std::vector<std::string>>& members) {
  std::string types;
  for (const auto& [type_id, names] : members) {
    auto& needles = needles_[type_id];
    for (const std::string& name : names) needles.push_back('"' + name + "\":");
    types += (types.empty() ? "" : ", ") + std::to_string(type_id);
  }
  sql_ =
      "SELECT e.position, e.type_id, e.data, coalesce(e.metadata, (SELECT m.metadata FROM eventfold_metadata AS m "
      "WHERE m.position = e.position)) FROM eventfold_event AS e "
      "WHERE e.position > ? AND e.position <= ? AND +e.type_id IN (" +
      types + ") AND e.occurred_at IS NULL ORDER BY e.position LIMIT ?";
}

bool WantedChanges::matches(std::int64_t type_id, std::string_view data) const {
  const auto found = needles_.find(type_id);
  if (found == needles_.end()) return false;
  const auto& needles = found->second;
  return needles.empty() ||
         std::ranges::any_of(needles, [&](const std::string& needle) { return data.find(needle) != data.npos; });
}

const char* WantedChanges::pending_sql() {
  return "SELECT e.position, e.type_id, e.data, coalesce(e.metadata, (SELECT m.metadata FROM eventfold_metadata AS m "
         "WHERE m.position = e.position)), h.folded, e.occurred_at FROM eventfold_header AS h, eventfold_event AS e "
         "WHERE h.id = 1 AND e.position > h.folded ORDER BY e.position LIMIT ?";
}

std::optional<PendingChanges> read_pending_changes(Connection& connection, const WantedChanges* wanted) {
  constexpr std::int64_t kFew = 16;
  std::optional<PendingChanges> pending;
  std::int64_t rows = 0;
  Statement& statement = connection.prepare(WantedChanges::pending_sql());
  ResetGuard guard(statement);
  statement.bind({kFew + 1});
  while (statement.step()) {
    if (!pending) pending.emplace().after = statement.column(4).integer;
    if (++rows > kFew) {
      pending->until = 0;
      pending->found.changes.clear();
      break;
    }
    pending->until = statement.column(0).integer;
    const std::int64_t type_id = statement.column(1).integer;
    const std::string_view data = statement.column(2).view();
    if (wanted && statement.column(5).is_null() && wanted->matches(type_id, data)) {
      pending->found.changes.push_back(
          {pending->until, type_id, std::string(data), std::string(statement.column(3).view())});
    }
  }
  if (pending) pending->found.until = pending->until;
  return pending;
}

FoundChanges read_changes(Connection& connection, const WantedChanges& wanted, Position after, Position until) {
  constexpr std::int64_t kBatch = 2000;
  FoundChanges found;
  found.until = until;
  std::int64_t candidates = 0;
  Statement& statement = connection.prepare(wanted.sql());
  ResetGuard guard(statement);
  statement.bind({after, until, kBatch});
  while (statement.step()) {
    const Position position = statement.column(0).integer;
    const std::int64_t type_id = statement.column(1).integer;
    const std::string_view data = statement.column(2).view();
    if (wanted.matches(type_id, data)) {
      found.changes.push_back({position, type_id, std::string(data), std::string(statement.column(3).view())});
    }
    if (++candidates == kBatch) found.until = position;
  }
  return found;
}

}  // namespace eventfold
