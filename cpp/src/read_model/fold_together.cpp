// Several folds of one log in one reading of it: a batch of events is copied, each fold takes of it what it wants, on
// as many threads as there are, while the next batch is read.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "read_model/checkpoints.hpp"
#include "read_model/shared_batch.hpp"
#include "read_model/shared_keys.hpp"
#include "segment/segment_range.hpp"

namespace eventfold {

namespace {

constexpr auto kProgressPause = std::chrono::milliseconds(100);

// One of the folds; whatever fails in it is its own failure.
struct Member {
  Member(const Projection& projection, std::span<const SharedTypes::Part> part_of_type,
         std::optional<std::size_t> group_of_keys)
      : fold(projection.spec), parts(part_of_type), group(group_of_keys) {
    for (std::size_t type = 0; type < parts.size(); ++type) {
      if (parts[type].plan >= 0) wanted.push_back(type);
    }
  }

  void take(const SharedBatch& batch) {
    if (failure || batch.last() <= after) return;
    try {
      keys_ = group ? batch.keys(*group) : std::span<const std::uint32_t>();
      events_.clear();
      if (wanted.size() == 1) {
        for (const std::uint32_t number : batch.of_type(wanted.front())) add(batch, number);
      } else {
        for (std::uint32_t number = 0; number < batch.events().size(); ++number) {
          if (part_of(batch, number).plan >= 0) add(batch, number);
        }
      }
      feed();
    } catch (...) {
      failure = std::current_exception();
    }
  }

  Fold fold;
  Position after = 0;  // what it has folded before
  Checkpoints* checkpoints = nullptr;
  std::span<const SharedTypes::Part> parts;  // by type
  std::vector<std::size_t> wanted;           // types
  std::optional<std::size_t> group;          // that has its keys
  std::exception_ptr failure;

 private:
  static constexpr std::size_t kAtOnce = 64;

  void add(const SharedBatch& batch, std::uint32_t number) {
    const Position position = batch.positions()[number];
    if (position <= after) return;
    const SharedTypes::Part& part = part_of(batch, number);
    events_.push_back({part.plan, position, &batch.events()[number], part.decodes ? nullptr : batch.decoded(number),
                       part.numbers, keys_.empty() ? Fold::kNoKey : keys_[number]});
    if (events_.size() == kAtOnce) feed();
  }
  void feed() {
    fold.feed(events_);
    events_.clear();
  }
  const SharedTypes::Part& part_of(const SharedBatch& batch, std::uint32_t number) const {
    return parts[static_cast<std::size_t>(batch.type(number))];
  }

  std::span<const std::uint32_t> keys_;     // by event of the batch
  std::vector<Fold::DecodedEvent> events_;  // to be folded next
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

  void begin(const SharedBatch& batch) {
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
  const SharedBatch* batch_ = nullptr;
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
  const std::vector<Checkpoints*> none(projections.size());
  return fold_together(log, projections, options, progress, none);
}

std::vector<Folded> fold_together(EventLog& log, std::span<const Projection> projections, const FoldOptions& options,
                                  const Progress& progress, std::span<Checkpoints* const> checkpoints) {
  Connection& connection = log.connection();
  const Position head = log.head();
  const Position until = std::min(options.until.value_or(head), head);
  const SharedTypes types(projections);
  SharedKeys keys(projections, types);
  ScanTypes scan(connection, types.names);
  if (std::ranges::none_of(projections, [](const Projection& each) { return each.spec->uses("created"); })) {
    scan.leave_out_created();
  }
  if (std::ranges::any_of(projections, [](const Projection& each) { return each.spec->uses_stream(); })) {
    scan.add_stream();
  }
  Position after = until;
  std::vector<Member> members;
  members.reserve(projections.size());
  for (std::size_t index = 0; index < projections.size(); ++index) {
    if (!projections[index].spec->handlers.empty()) {
      throw ProjectionError(projections[index].spec->name + " has handlers: it is folded by itself");
    }
    Member& member = members.emplace_back(projections[index], types.parts_of[index], keys.group_of(index));
    member.checkpoints = checkpoints[index];
    member.after = member.checkpoints ? member.checkpoints->begin(member.fold, until) : options.after;
    after = std::min(after, member.after);
  }

  scan.choose_way(connection, std::min(sealed_until(connection, after), until), until);
  BatchReader reader(connection, scan, types, options.batch, after, until);
  SharedBatch one(types.names.size());
  SharedBatch other(types.names.size());
  SharedBatch* batch = &one;
  SharedBatch* next = &other;
  const auto read = [&](SharedBatch& into) {
    reader.read(into);
    keys.number(into);
  };
  read(*batch);
  {
    Crew crew(members, options.threads);
    auto next_progress = std::chrono::steady_clock::now() + kProgressPause;
    while (!batch->empty()) {
      const Position folded = reader.at();
      crew.begin(*batch);
      std::exception_ptr failure;
      try {
        read(*next);
      } catch (...) {
        failure = std::current_exception();
      }
      crew.complete();
      if (failure) std::rethrow_exception(failure);
      std::swap(batch, next);
      for (Member& member : members) {
        if (member.checkpoints && !member.failure && folded > member.after && folded < until) {
          member.checkpoints->reached(member.fold, folded);
        }
      }
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
