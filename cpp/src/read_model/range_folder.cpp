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
    : connection_(connection), fold_(fold), types_(types) {
  const ProjectionSpec& spec = fold.spec();
  sealed_ = spec.handlers.empty() && !types.with_stream() && !types.empty() && has_segment_tables(connection);
  if (sealed_) segments_.emplace(connection, wanted_columns(types, spec.events));
}

Position RangeFolder::fold_next(Position after, Position batch, Position until) {
  if (sealed_ && !(next_ && next_->until > after)) {
    next_ = segments_->next(after);
    sealed_ = next_.has_value();
  }
  const Position end = std::min(after + batch, until);
  if (!sealed_ || next_->after > after || after < events_until_) {
    const Position reached = sealed_ && next_->after > after ? std::min(end, next_->after) : end;
    fold_range(connection_, fold_, types_, after, reached);
    return reached;
  }
  const SegmentRange segment = *next_;
  next_.reset();
  const Position reached = std::min(segment.until, until);
  if (segments_->read(segment.until)) {
    fold_segment(after, reached);
    return reached;
  }
  events_until_ = segment.until;  // it is gone, or not all is in columns
  fold_range(connection_, fold_, types_, after, end);
  return end;
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
