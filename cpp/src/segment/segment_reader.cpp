#include "segment/segment_reader.hpp"

#include <algorithm>

#include "eventfold/error.hpp"

namespace eventfold {

SegmentReader::SegmentReader(Connection& connection, std::vector<Wanted> wanted)
    : connection_(connection), wanted_(std::move(wanted)), types_(wanted_.size()) {
  // in one statement, so that a segment is there as a whole or not at all
  sql_ =
      "SELECT s.format, c.type_id, c.name, c.events, c.content FROM eventfold_segment s "
      "LEFT JOIN eventfold_segment_column c ON c.until = s.until AND (";
  for (std::size_t type = 0; type < wanted_.size(); ++type) {
    sql_ += type == 0 ? "c.type_id = ? AND c.name IN (''" : ") OR c.type_id = ? AND c.name IN (''";
    parameters_.emplace_back(wanted_[type].type_id);
    for (const std::string& name : wanted_[type].columns) {
      sql_ += ", ?";
      parameters_.emplace_back(std::string_view(name));
    }
  }
  sql_ += ")) WHERE s.until = ?";
  parameters_.emplace_back();  // the segment
}

bool SegmentReader::read(Position until) {
  for (EventColumns& type : types_) type.begin(0);
  parameters_.back() = until;
  Statement& statement = connection_.prepare(sql_);
  ResetGuard guard(statement);
  statement.bind(parameters_);
  bool found = false;
  while (statement.step()) {
    if (statement.column(0).integer != kSegmentFormat) return false;
    found = true;
    if (statement.column(1).is_null()) continue;
    const std::int64_t type_id = statement.column(1).integer;
    const std::string name(statement.column(2).view());
    const std::int64_t events = statement.column(3).integer;
    if (name.empty() || events <= 0 || events > UINT32_MAX) return false;
    for (std::size_t type = 0; type < wanted_.size(); ++type) {
      if (wanted_[type].type_id != type_id) continue;
      if (types_[type].events() == 0) types_[type].begin(static_cast<std::size_t>(events));
      if (types_[type].events() != static_cast<std::size_t>(events)) {
        throw CorruptLog("the columns of a sealed segment do not fit together");
      }
      types_[type].add(name, statement.column(4).view());
    }
  }
  const auto lacks = [](const EventColumns& type) {
    return type.events() > 0 && type.find(kPositionColumn) == nullptr;
  };
  return found && std::ranges::none_of(types_, lacks);
}

}  // namespace eventfold
