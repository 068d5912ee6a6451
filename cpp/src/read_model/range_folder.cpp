#include <algorithm>

#include "columns/interleaved.hpp"
#include "read_model/log_range.hpp"

namespace eventfold {

std::vector<SegmentReader::Wanted> wanted_columns(const ScanTypes& types, std::span<const EventSpec> events) {
  std::vector<SegmentReader::Wanted> wanted;
  for (const std::int64_t id : types.ids()) {
    auto& columns = wanted.emplace_back(SegmentReader::Wanted{id, {std::string(kPositionColumn)}}).columns;
    if (types.with_created()) columns.emplace_back(kCreatedColumn);
    for (const FieldSpec& field : events[static_cast<std::size_t>(types.index_of(id))].fields) {
      for (const std::string& key : field.keys) columns.push_back(data_column(key));
    }
  }
  return wanted;
}

RangeFolder::RangeFolder(Connection& connection, Fold& fold, const ScanTypes& types)
    : connection_(connection),
      fold_(fold),
      types_(types),
      walk_(connection, fold.spec().handlers.empty() && !types.with_stream() && !types.empty()) {
  if (walk_.any()) segments_.emplace(connection, wanted_columns(types, fold.spec().events));
}

Position RangeFolder::fold_next(Position after, Position batch, Position until) {
  const Position end = std::min(after + batch, until);
  auto stretch = walk_.next(after, end);
  if (stretch.sealed) {
    if (segments_->read(stretch.until)) {
      const Position reached = std::min(stretch.until, until);
      fold_segment(after, reached);
      return reached;
    }
    walk_.pass_over(stretch.until);  // it is gone, or not all is in columns
    stretch = walk_.next(after, end);
  }
  fold_range(connection_, fold_, types_, after, stretch.until);
  return stretch.until;
}

void RangeFolder::fold_segment(Position after, Position until) {
  Interleaved events(segments_->types(), after, until);
  while (const auto piece = events.next(SIZE_MAX)) {
    const int plan = types_.index_of(types_.ids()[piece->type]);
    fold_.feed(plan, segments_->types()[piece->type], piece->first, piece->last);
  }
  fold_.finish();
}

}  // namespace eventfold
