#include "scan/changes.hpp"

#include <algorithm>

#include "eventfold/connection.hpp"
#include "scan/metadata_sql.hpp"

namespace eventfold {

namespace {

// What take() reads of an event.
const std::string kChange = std::string("SELECT e.position, e.type_id, e.data, ") + kMetadataOfEvent;

// Whatever lies after the mark in the header, and the mark; the last column is the name of the type, or nothing.
std::string pending_sql(const char* name) {
  return kChange + ", e.occurred_at, h.folded, " + name +
         " FROM eventfold_header AS h, eventfold_event AS e WHERE h.id = 1 AND e.position > h.folded"
         " ORDER BY e.position LIMIT ?";
}
const std::string kPending = pending_sql("NULL");
const std::string kPendingNamed = pending_sql("(SELECT name FROM eventfold_type WHERE id = e.type_id)");

// Keeps a row of any of these statements if it is wanted.
void take(const WantedChanges& wanted, Statement& row, std::vector<FoundChange>& changes) {
  const std::int64_t type_id = row.column(1).integer;
  const std::string_view data = row.column(2).view();
  if (!wanted.matches(type_id, data)) return;
  changes.push_back({row.column(0).integer, type_id, std::string(data), std::string(row.column(3).view())});
}

}  // namespace

WantedChanges::WantedChanges(const std::map<std::int64_t, std::vector<std::string>>& members) {
  std::string types;
  for (const auto& [type_id, names] : members) {
    auto& needles = needles_[type_id];
    for (const std::string& name : names) needles.push_back('"' + name + "\":");
    types += (types.empty() ? "" : ", ") + std::to_string(type_id);
  }
  sql_ = kChange + " FROM eventfold_event AS e WHERE e.position > ? AND e.position <= ? AND +e.type_id IN (" + types +
         ") AND e.occurred_at IS NULL ORDER BY e.position LIMIT ?";
}

bool WantedChanges::matches(std::int64_t type_id, std::string_view data) const {
  const auto found = needles_.find(type_id);
  if (found == needles_.end()) return false;
  const auto& needles = found->second;
  return needles.empty() ||
         std::ranges::any_of(needles, [&](const std::string& needle) { return data.find(needle) != data.npos; });
}

std::optional<PendingChanges> read_pending_changes(Connection& connection, const WantedChanges* wanted,
                                                   const AppendListener* listener) {
  constexpr std::int64_t kFew = 16;
  std::optional<PendingChanges> pending;
  std::int64_t rows = 0;
  {
    Statement& statement = connection.prepare(listener ? kPendingNamed : kPending);
    ResetGuard guard(statement);
    statement.bind({kFew + 1});
    while (statement.step()) {
      if (!pending) pending.emplace().after = statement.column(5).integer;
      if (++rows > kFew || (listener && listener->reads(statement.column(6).view()))) {
        pending->until = 0;
        pending->found.changes.clear();
        return pending;
      }
      pending->until = statement.column(0).integer;
      if (wanted && statement.column(4).is_null()) take(*wanted, statement, pending->found.changes);
    }
  }
  if (!pending) return pending;
  pending->found.until = pending->until;
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
    take(wanted, statement, found.changes);
    if (++candidates == kBatch) found.until = statement.column(0).integer;
  }
  return found;
}

}  // namespace eventfold
