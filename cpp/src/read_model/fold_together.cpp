// Several folds of one log in one reading of it: a batch of events is copied, each fold takes of it what it wants, on
// as many threads as there are, while the next batch is read.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "scan/event_scan.hpp"

namespace eventfold {

namespace {

// A batch stays in the cache of a core while one fold after the other goes through it.
constexpr std::size_t kBatchEvents = 4096;
constexpr std::size_t kBatchBytes = 256 * 1024;
constexpr Position kWindow = 65'536;  // positions a read: short, so that the WAL can be checkpointed meanwhile
constexpr auto kProgressPause = std::chrono::milliseconds(100);

// Events with their bytes, and those of each type apart, by their number in the batch.
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
    events_.push_back({event.position, event.created, {}, {nullptr, event.data.size()}});
    bytes_.append(event.data);
  }
  // To be called once they are all there: before that their bytes may move.
  void finish() {
    const char* at = bytes_.data();
    for (EventView& event : events_) {
      event.data = {at, event.data.size()};
      at += event.data.size();
    }
  }
  bool full() const { return events_.size() >= kBatchEvents || bytes_.size() >= kBatchBytes; }
  bool empty() const { return events_.empty(); }
  Position last() const { return events_.back().position; }
  std::span<const EventView> events() const { return events_; }
  int type(std::size_t number) const { return types_[number]; }
  std::span<const std::uint32_t> of_type(std::size_t type) const { return by_type_[type]; }

 private:
  std::string bytes_;
  std::vector<EventView> events_;
  std::vector<int> types_;
  std::vector<std::vector<std::uint32_t>> by_type_;
};

// The types that any of the projections reads, each once, and which plan of a projection is for which of them.
struct Types {
  explicit Types(std::span<const Projection> projections) {
    std::unordered_map<std::string_view, std::size_t> numbers;
    for (const Projection& projection : projections) {
      for (const EventSpec& event : projection.spec->events) {
        if (numbers.emplace(event.type, names.size()).second) names.push_back(event.type);
      }
    }
    for (const Projection& projection : projections) {
      std::vector<int>& plans = plans_of.emplace_back(names.size(), -1);
      int plan = 0;
      for (const EventSpec& event : projection.spec->events) plans[numbers.at(event.type)] = plan++;
    }
  }
  std::vector<std::string> names;
  std::vector<std::vector<int>> plans_of;  // by projection, then by type; -1: it does not read it
};

class Reader {
 public:
  Reader(Connection& connection, const ScanTypes& types, Position until)
      : connection_(connection), types_(types), until_(until) {}

  // Empty: there is no more.
  void read(Batch& batch) {
    struct Full {};
    batch.clear();
    while (at_ < until_ && !batch.full()) {
      const Position window = std::min(at_ + kWindow, until_);
      try {
        scan_events(connection_, types_, at_, window, [&](int type, const EventView& event) {
          if (batch.full()) throw Full();
          batch.add(type, event);
        });
        at_ = window;
      } catch (const Full&) {
        at_ = batch.last();
        break;
      }
    }
    batch.finish();
  }
  Position at() const { return at_; }

 private:
  Connection& connection_;
  const ScanTypes& types_;
  Position until_;
  Position at_ = 0;
};

// One of the folds; whatever fails in it is its own failure.
struct Member {
  Member(const Projection& projection, std::span<const int> plan_of_type) : fold(projection.spec), plans(plan_of_type) {
    for (std::size_t type = 0; type < plans.size(); ++type) {
      if (plans[type] >= 0) wanted.push_back(type);
    }
  }

  void take(const Batch& batch) {
    if (failure) return;
    try {
      const auto events = batch.events();
      if (wanted.size() == 1) {
        for (const std::uint32_t number : batch.of_type(wanted.front()))
          fold.feed(plans[wanted.front()], events[number]);
        return;
      }
      for (std::size_t number = 0; number < events.size(); ++number) {
        const int plan = plans[static_cast<std::size_t>(batch.type(number))];
        if (plan >= 0) fold.feed(plan, events[number]);
      }
    } catch (...) {
      failure = std::current_exception();
    }
  }
  void finish() {
    if (failure) return;
    try {
      fold.finish();
    } catch (...) {
      failure = std::current_exception();
    }
  }

  Fold fold;
  std::span<const int> plans;
  std::vector<std::size_t> wanted;  // types
  std::exception_ptr failure;
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
  std::vector<Member> members;
  members.reserve(projections.size());
  for (std::size_t index = 0; index < projections.size(); ++index) {
    if (!projections[index].spec->handlers.empty()) {
      throw ProjectionError(projections[index].spec->name + " has handlers: it is folded by itself");
    }
    members.emplace_back(projections[index], types.plans_of[index]);
  }

  Reader reader(connection, scan, until);
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
    member.finish();
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
