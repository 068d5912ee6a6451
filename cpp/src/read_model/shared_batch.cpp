#include "read_model/shared_batch.hpp"

#include <algorithm>
#include <functional>

#include "eventfold/error.hpp"
#include "read_model/log_range.hpp"

namespace eventfold {

namespace {

// A batch is long, so that a fold finds many of its rows in the cache again before the next one has its turn, and
// threads seldom wait for one another: batches of 4,096 events, which stay in the cache themselves, took as long at
// best, and a quarter longer in other runs.
constexpr std::size_t kBatchEvents = 65'536;
constexpr std::size_t kBatchBytes = std::size_t{4} << 20;

}  // namespace

bool SharedBatch::full() const { return events_.size() >= kBatchEvents || bytes_.size() >= kBatchBytes; }

std::size_t SharedBatch::room() const { return kBatchEvents - events_.size(); }

void SharedBatch::clear() {
  bytes_.clear();
  events_.clear();
  positions_.clear();
  types_.clear();
  for (auto& numbers : by_type_) numbers.clear();
  first_of_.clear();
  cells_.clear();
  made_.clear();
}

void SharedBatch::add(int type, const EventView& event) {
  by_type_[static_cast<std::size_t>(type)].push_back(static_cast<std::uint32_t>(events_.size()));
  types_.push_back(type);
  positions_.push_back(event.position);
  events_.push_back({event.position, event.created, {}, {nullptr, event.data.size()}, {nullptr, event.stream.size()}});
  bytes_.append(event.data).append(event.stream);
}

void SharedBatch::finish(std::vector<Decoder>& decoders, const SharedTypes& types) {
  const char* at = bytes_.data();
  for (EventView& event : events_) {
    event.data = {at, event.data.size()};
    at += event.data.size();
    event.stream = {at, event.stream.size()};
    at += event.stream.size();
  }
  decode(decoders, types);
}

void SharedBatch::decode(std::vector<Decoder>& decoders, const SharedTypes& types) {
  starts_.assign(events_.size(), kNotDecoded);
  for (std::size_t number = 0; number < events_.size(); ++number) {
    const auto type = static_cast<std::size_t>(types_[number]);
    const std::size_t start = cells_.size();
    cells_.resize(start + types.shared[type].fields.size() + 1);  // never nothing at all
    const std::span<CellView> fields = std::span(cells_).subspan(start, cells_.size() - start - 1);
    try {
      decoders[type].decode(events_[number].data, fields);
    } catch (const CorruptLog&) {
      continue;  // perhaps in a field that only some of them want
    }
    for (CellView& field : fields) keep_bytes(field, events_[number].data);
    starts_[number] = static_cast<std::uint32_t>(start);
  }
}

// Of what is not as it stands in the data, only a decoder's buffer has the bytes, until it decodes the next.
void SharedBatch::keep_bytes(CellView& field, std::string_view data) {
  if (!field.has_bytes() || field.size == 0) return;
  if (std::greater_equal<>()(field.data, data.data()) && std::less<>()(field.data, data.data() + data.size())) return;
  field.data = made_.copy(field.data, field.size);
}

void SharedBatch::add(int type, const EventColumns& columns, const Interleaved::Piece& piece) {
  if (first_of_.size() <= piece.type) first_of_.resize(piece.type + 1);
  auto& numbers = by_type_[static_cast<std::size_t>(type)];
  if (numbers.empty()) first_of_[piece.type] = piece.first;
  for (std::size_t event = piece.first; event < piece.last; ++event) {
    numbers.push_back(static_cast<std::uint32_t>(events_.size()));
    types_.push_back(type);
    positions_.push_back(columns.position(event));
    events_.push_back({columns.position(event), columns.created(event), {}, {}, {}});
  }
}

void SharedBatch::finish(std::vector<Decoder>& decoders, const SharedTypes& types,
                         std::span<const EventColumns> columns, std::span<const int> numbers) {
  starts_.assign(events_.size(), kNotDecoded);
  for (std::size_t index = 0; index < columns.size(); ++index) {
    const auto type = static_cast<std::size_t>(numbers[index]);
    const auto& events = by_type_[type];
    if (events.empty()) continue;
    const std::size_t stride = types.shared[type].fields.size() + 1;  // never nothing at all
    const std::size_t start = cells_.size();
    cells_.resize(start + events.size() * stride);
    decoders[type].decode(columns[index], first_of_[index], events.size(), &cells_[start], stride, made_);
    for (std::size_t event = 0; event < events.size(); ++event)
      starts_[events[event]] = static_cast<std::uint32_t>(start + event * stride);
  }
}

namespace {

bool one_decodes(const SharedTypes& types) {
  return std::ranges::any_of(types.parts_of,
                             [](const auto& parts) { return std::ranges::any_of(parts, &SharedTypes::Part::decodes); });
}

}  // namespace

BatchReader::BatchReader(Connection& connection, const ScanTypes& scan, const SharedTypes& types, Position window,
                         Position after, Position until)
    : connection_(connection),
      scan_(scan),
      types_(types),
      window_(window),
      until_(until),
      at_(after),
      walk_(connection, !scan.with_stream() && !scan.empty() && !one_decodes(types)) {
  for (const EventSpec& type : types.shared) decoders_.emplace_back(type);
  if (!walk_.any()) return;
  const std::vector<EventSpec> events(types.shared.begin(), types.shared.end());
  for (auto& segments : segments_) segments.emplace(connection, wanted_columns(scan, events));
  for (const std::int64_t id : scan.ids()) numbers_.push_back(scan.index_of(id));
}

void BatchReader::read(SharedBatch& batch) {
  batch.clear();
  while (at_ < until_ && !batch.full()) {
    if (!sealed_) {
      const auto stretch = walk_.next(at_, until_);
      if (!stretch.sealed) {
        read_events(batch, stretch.until);
        continue;
      }
      if (!batch.empty()) break;  // a batch is of one kind
      open_segment(stretch.until);
    }
    if (sealed_ && read_columns(batch)) return;
  }
  batch.finish(decoders_, types_);
}

void BatchReader::open_segment(Position until) {
  turn_ = 1 - turn_;
  if (!segments_[turn_]->read(until)) return walk_.pass_over(until);
  sealed_until_ = until;
  sealed_.emplace(segments_[turn_]->types(), at_, until_);
}

// False: the batch is empty; nothing that is wanted is left of the segment, or it cannot be used.
bool BatchReader::read_columns(SharedBatch& batch) {
  const std::span<const EventColumns> columns = segments_[turn_]->types();
  while (batch.room() > 0) {
    const auto piece = sealed_->next(batch.room());
    if (!piece) {
      sealed_.reset();
      break;
    }
    batch.add(numbers_[piece->type], columns[piece->type], *piece);
  }
  const Position before = at_;
  at_ = sealed_ ? batch.last() : std::min(sealed_until_, until_);
  if (batch.empty()) return false;
  try {
    batch.finish(decoders_, types_, columns, numbers_);
  } catch (const CorruptLog&) {
    // perhaps in a field that only some of them want: each is to see for itself
    at_ = before;
    sealed_.reset();
    walk_.pass_over(sealed_until_);
    batch.clear();
    return false;
  }
  return true;
}

void BatchReader::read_events(SharedBatch& batch, Position until) {
  struct Full {};
  const Position window = std::min(at_ + window_, until);
  try {
    scan_events(connection_, scan_, at_, window, [&](int type, const EventView& event) {
      if (batch.full()) throw Full();
      batch.add(type, event);
    });
    at_ = window;
  } catch (const Full&) {
    at_ = batch.last();
  }
}

}  // namespace eventfold
