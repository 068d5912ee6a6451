// Several folds of one log in one reading of it: a batch of events is copied, each fold takes of it what it wants, on
// as many threads as there are, while the next batch is read.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "fold/decode.hpp"
#include "scan/event_scan.hpp"

namespace eventfold {

namespace {

// A batch stays in the cache of a core while one fold after the other goes through it.
constexpr std::size_t kBatchEvents = 4096;
constexpr std::size_t kBatchBytes = 256 * 1024;
constexpr auto kProgressPause = std::chrono::milliseconds(100);

bool same(const FieldSpec& left, const FieldSpec& right) {
  return left.name == right.name && left.kind == right.kind && left.places == right.places && left.keys == right.keys &&
         left.mixed == right.mixed && left.missing.view() == right.missing.view();
}

// What one projection does with a type.
struct Part {
  int plan = -1;             // none: it does not read it
  std::vector<int> numbers;  // of its fields among the shared ones
  bool decodes = false;      // by itself: it reads a key otherwise than another projection does
};

// The types that any of the projections reads, each once, with all the fields that any of them wants.
struct Types {
  explicit Types(std::span<const Projection> projections) {
    std::unordered_map<std::string_view, std::size_t> numbers;
    for (const Projection& projection : projections) {
      for (const EventSpec& event : projection.spec->events) {
        if (!numbers.emplace(event.type, shared.size()).second) continue;
        shared.emplace_back().type = event.type;
        names.push_back(event.type);
      }
    }
    for (const Projection& projection : projections) {
      std::vector<Part>& parts = parts_of.emplace_back(names.size());
      int plan = 0;
      for (const EventSpec& event : projection.spec->events) {
        const std::size_t number = numbers.at(event.type);
        parts[number].plan = plan++;
        for (const FieldSpec& field : event.fields) {
          parts[number].numbers.push_back(number_of(field, shared[number]));
          if (parts[number].numbers.back() < 0) parts[number].decodes = true;
        }
      }
    }
  }

  std::vector<std::string> names;
  std::deque<EventSpec> shared;             // a decoder refers to its specification
  std::vector<std::vector<Part>> parts_of;  // by projection, then by type

 private:
  static int number_of(const FieldSpec& field, EventSpec& type) {
    auto& fields = type.fields;
    const auto found = std::ranges::find_if(fields, [&](const FieldSpec& other) { return same(field, other); });
    if (found != fields.end()) return static_cast<int>(found - fields.begin());
    for (const FieldSpec& other : fields) {  // a decoder gives a key to one field
      if (std::ranges::find_first_of(other.keys, field.keys) != other.keys.end()) return -1;
    }
    fields.push_back(field);
    return static_cast<int>(fields.size()) - 1;
  }
};

// Events with their bytes, those of each type apart by their number in the batch, and what is in their fields.
class Batch {
 public:
  explicit Batch(std::size_t types) : by_type_(types) {}

  void clear() {
    bytes_.clear();
    events_.clear();
    types_.clear();
    for (auto& numbers : by_type_) numbers.clear();
  }
  void add(int type, const EventView& event) {
    by_type_[static_cast<std::size_t>(type)].push_back(static_cast<std::uint32_t>(events_.size()));
    types_.push_back(type);
    events_.push_back(
        {event.position, event.created, {}, {nullptr, event.data.size()}, {nullptr, event.stream.size()}});
    bytes_.append(event.data).append(event.stream);
  }
  // To be called once they are all there: before that their bytes may move.
  void finish(std::vector<Decoder>& decoders, const Types& types) {
    const char* at = bytes_.data();
    for (EventView& event : events_) {
      event.data = {at, event.data.size()};
      at += event.data.size();
      event.stream = {at, event.stream.size()};
      at += event.stream.size();
    }
    decode(decoders, types);
  }
  bool full() const { return events_.size() >= kBatchEvents || bytes_.size() >= kBatchBytes; }
  bool empty() const { return events_.empty(); }
  Position last() const { return events_.back().position; }
  std::span<const EventView> events() const { return events_; }
  int type(std::size_t number) const { return types_[number]; }
  std::span<const std::uint32_t> of_type(std::size_t type) const { return by_type_[type]; }
  // Null: each fold is to decode it by itself.
  const CellView* decoded(std::size_t number) const {
    return starts_[number] == kNotDecoded ? nullptr : &cells_[starts_[number]];
  }

 private:
  static constexpr std::size_t kNotDecoded = SIZE_MAX;

  void decode(std::vector<Decoder>& decoders, const Types& types) {
    cells_.clear();
    copied_.clear();
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
      starts_[number] = start;
    }
  }
  // Of what is not as it stands in the data, only a decoder's buffer has the bytes, until it decodes the next.
  void keep_bytes(CellView& field, std::string_view data) {
    if (!field.has_bytes() || field.size == 0) return;
    if (std::greater_equal<>()(field.data, data.data()) && std::less<>()(field.data, data.data() + data.size())) return;
    field.data = copied_.emplace_back(field.data, field.size).data();
  }

  std::string bytes_;
  std::vector<EventView> events_;
  std::vector<int> types_;
  std::vector<std::vector<std::uint32_t>> by_type_;
  std::vector<CellView> cells_;
  std::vector<std::size_t> starts_;  // by event, in cells_
  std::deque<std::string> copied_;
};

class Reader {
 public:
  Reader(Connection& connection, const ScanTypes& scan, const Types& types, Position window, Position until)
      : connection_(connection), scan_(scan), types_(types), window_(window), until_(until) {
    for (const EventSpec& type : types.shared) decoders_.emplace_back(type);
  }

  // Empty: there is no more.
  void read(Batch& batch) {
    struct Full {};
    batch.clear();
    while (at_ < until_ && !batch.full()) {
      const Position window = std::min(at_ + window_, until_);
      try {
        scan_events(connection_, scan_, at_, window, [&](int type, const EventView& event) {
          if (batch.full()) throw Full();
          batch.add(type, event);
        });
        at_ = window;
      } catch (const Full&) {
        at_ = batch.last();
        break;
      }
    }
    batch.finish(decoders_, types_);
  }
  Position at() const { return at_; }

 private:
  Connection& connection_;
  const ScanTypes& scan_;
  const Types& types_;
  Position window_;
  Position until_;
  Position at_ = 0;
  std::vector<Decoder> decoders_;
};

// One of the folds; whatever fails in it is its own failure.
struct Member {
  Member(const Projection& projection, std::span<const Part> part_of_type, std::size_t members)
      : fold(projection.spec), parts(part_of_type) {
    fold.take_turns(members);
    for (std::size_t type = 0; type < parts.size(); ++type) {
      if (parts[type].plan >= 0) wanted.push_back(type);
    }
  }

  void take(const Batch& batch) {
    if (failure) return;
    try {
      numbers_.clear();
      if (wanted.size() == 1) {
        const auto all = batch.of_type(wanted.front());
        numbers_.assign(all.begin(), all.end());
      } else {
        for (std::uint32_t number = 0; number < batch.events().size(); ++number) {
          if (parts[static_cast<std::size_t>(batch.type(number))].plan >= 0) numbers_.push_back(number);
        }
      }
      for (std::size_t at = 0; at < numbers_.size(); ++at) {
        if (at + kAhead < numbers_.size()) foresee(batch, numbers_[at + kAhead]);
        fold_one(batch, numbers_[at]);
      }
    } catch (...) {
      failure = std::current_exception();
    }
  }

  Fold fold;
  std::span<const Part> parts;      // by type
  std::vector<std::size_t> wanted;  // types
  std::exception_ptr failure;

 private:
  static constexpr std::size_t kAhead = 16;

  void foresee(const Batch& batch, std::uint32_t number) {
    const Part& part = part_of(batch, number);
    const CellView* const decoded = batch.decoded(number);
    if (decoded != nullptr && !part.decodes) fold.foresee(part.plan, decoded, part.numbers);
  }
  void fold_one(const Batch& batch, std::uint32_t number) {
    const Part& part = part_of(batch, number);
    const EventView& event = batch.events()[number];
    const CellView* const decoded = batch.decoded(number);
    if (decoded != nullptr && !part.decodes) {
      fold.apply(part.plan, event, decoded, part.numbers);
    } else {
      fold.apply(part.plan, event);
    }
  }
  const Part& part_of(const Batch& batch, std::uint32_t number) const {
    return parts[static_cast<std::size_t>(batch.type(number))];
  }

  std::vector<std::uint32_t> numbers_;  // of the events of a batch that it wants
};

// Gives batches to the members, on this thread and some more.
class Crew {
 public:
  Crew(std::vector<Member>& members, int threads) : members_(members) {
    const auto helpers = std::min(members.size(), static_cast<std::size_t>(std::max(threads, 1))) - 1;
    try {
      for (std::size_t index = 0; index < helpers; ++index) threads_.emplace_back([this] { help(); });
    } catch (const std::system_error&) {
      // no more threads to be had: this one does it all
    }
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  void begin(const Batch& batch) {
    {
      const std::lock_guard lock(mutex_);
      batch_ = &batch;
      next_ = 0;
      ++round_;
      busy_ = threads_.size();
    }
    changed_.notify_all();
  }
  // Does what nobody has begun, and waits for the rest.
  void complete() {
    work();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  void work() {
    for (std::size_t index = next_++; index < members_.size(); index = next_++) members_[index].take(*batch_);
  }
  void help() {
    std::size_t seen = 0;
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return ended_ || round_ != seen; });
      if (ended_) return;
      seen = round_;
      lock.unlock();
      work();
      lock.lock();
      if (--busy_ == 0) changed_.notify_all();
    }
  }

  std::vector<Member>& members_;
  std::atomic<std::size_t> next_{0};
  const Batch* batch_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t round_ = 0;
  std::size_t busy_ = 0;
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::vector<Folded> fold_together(EventLog& log, std::span<const Projection> projections, const FoldOptions& options,
                                  const Progress& progress) {
  Connection& connection = log.connection();
  const Position head = log.head();
  const Position until = std::min(options.until.value_or(head), head);
  const Types types(projections);
  ScanTypes scan(connection, types.names);
  scan.choose_way(connection, 0, until);
  if (std::ranges::none_of(projections, [](const Projection& each) { return each.spec->uses("created"); })) {
    scan.leave_out_created();
  }
  if (std::ranges::any_of(projections, [](const Projection& each) { return each.spec->uses_stream(); })) {
    scan.add_stream();
  }
  std::vector<Member> members;
  members.reserve(projections.size());
  for (std::size_t index = 0; index < projections.size(); ++index) {
    if (!projections[index].spec->handlers.empty()) {
      throw ProjectionError(projections[index].spec->name + " has handlers: it is folded by itself");
    }
    members.emplace_back(projections[index], types.parts_of[index], projections.size());
  }

  Reader reader(connection, scan, types, options.batch, until);
  Batch one(types.names.size());
  Batch other(types.names.size());
  Batch* batch = &one;
  Batch* next = &other;
  reader.read(*batch);
  {
    Crew crew(members, options.threads);
    auto next_progress = std::chrono::steady_clock::now() + kProgressPause;
    while (!batch->empty()) {
      crew.begin(*batch);
      std::exception_ptr failure;
      try {
        reader.read(*next);
      } catch (...) {
        failure = std::current_exception();
      }
      crew.complete();
      if (failure) std::rethrow_exception(failure);
      std::swap(batch, next);
      if (progress && std::chrono::steady_clock::now() >= next_progress) {
        progress(reader.at(), until);
        next_progress = std::chrono::steady_clock::now() + kProgressPause;
      }
    }
  }
  std::vector<Folded> folded;
  for (Member& member : members) {
    Folded& result = folded.emplace_back();
    if (member.failure) {
      result.failure = member.failure;
    } else {
      result.fold.emplace(std::move(member.fold));
    }
  }
  if (progress) progress(until, until);
  return folded;
}

}  // namespace eventfold
