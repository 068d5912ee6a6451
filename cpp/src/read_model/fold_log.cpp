// Folding a whole log: on several threads by ranges of positions, or on the log's own connection.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "read_model/checkpoints.hpp"
#include "read_model/folding_guard.hpp"
#include "read_model/log_range.hpp"
#include "read_model/log_readers.hpp"

namespace eventfold {

namespace {

constexpr Position kWorthThreads = 20'000;
constexpr auto kProgressPause = std::chrono::milliseconds(100);

// One range, folded by one thread.
struct Worker {
  std::unique_ptr<Connection> reader;
  Fold fold;
  Position after;
  Position until;
  std::atomic<Position> done{0};
  std::exception_ptr failure;
};

using Workers = std::vector<std::unique_ptr<Worker>>;

class Team {
 public:
  Team(Workers& workers, const ScanTypes& types, Position batch) : workers_(workers), types_(types), batch_(batch) {
    try {
      for (auto& worker : workers_) threads_.emplace_back([this, &worker] { run(*worker); });
    } catch (...) {  // no more threads to be had
      stop();
      throw;
    }
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team() { stop(); }

  void wait(const Progress& progress, Position total) {
    std::unique_lock lock(mutex_);
    while (!finished_.wait_for(lock, kProgressPause, [this] { return ended_ == workers_.size(); })) {
      if (!progress) continue;
      lock.unlock();
      progress(done(), total);
      lock.lock();
    }
    lock.unlock();
    for (auto& worker : workers_) {
      if (worker->failure) std::rethrow_exception(worker->failure);
    }
  }

 private:
  void run(Worker& worker) {
    try {
      RangeFolder folder(*worker.reader, worker.fold, types_);
      for (Position at = worker.after; at < worker.until && !stopped_;) {
        at = folder.fold_next(at, batch_, worker.until);
        worker.done = at - worker.after;
      }
    } catch (...) {
      worker.failure = std::current_exception();
      stopped_ = true;
    }
    const std::lock_guard lock(mutex_);
    ++ended_;
    finished_.notify_one();
  }
  Position done() const {
    Position sum = 0;
    for (const auto& worker : workers_) sum += worker->done;
    return sum;
  }
  void stop() {
    stopped_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

  Workers& workers_;
  const ScanTypes& types_;
  Position batch_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::condition_variable finished_;
  std::size_t ended_ = 0;
  std::vector<std::thread> threads_;
};

Fold fold_in_one(Connection& connection, Fold fold, const Projection& projection, const ScanTypes& types,
                 const FoldOptions& options, Position after, Position until, const Progress& progress,
                 Checkpoints* checkpoints) {
  fold.set_handler(projection.handler);
  auto next_progress = std::chrono::steady_clock::now() + kProgressPause;
  // Python takes its time, and progress is to be told; but a handler of batches is the faster the more it gets at once
  const Position parts = projection.spec->handlers.empty() ? 1 : projection.spec->batched ? 4 : 16;
  const Position chunk = std::max(options.batch / parts, Position{1});
  RangeFolder folder(connection, fold, types);
  for (Position at = after; at < until;) {
    at = folder.fold_next(at, chunk, until);
    if (checkpoints && at < until) checkpoints->reached(fold, at);
    if (progress && std::chrono::steady_clock::now() >= next_progress) {
      progress(at, until);
      next_progress = std::chrono::steady_clock::now() + kProgressPause;
    }
  }
  fold.set_handler(nullptr);
  return fold;
}

// `fold` has what came before. Throws OrderMatters where the ranges cannot be joined, and any other error of one of
// them.
Fold fold_apart(std::vector<std::unique_ptr<Connection>> readers, Fold fold, const Projection& projection,
                const ScanTypes& types, const FoldOptions& options, Position after, Position until,
                const Progress& progress) {
  Workers workers;
  const auto count = static_cast<Position>(readers.size());
  const Position share = (until - after) / count;
  for (Position index = 0; index < count; ++index) {
    workers.emplace_back(new Worker{std::move(readers[static_cast<std::size_t>(index)]),
                                    index == 0 ? std::move(fold) : Fold(projection.spec, true),
                                    after + share * index,
                                    index + 1 == count ? until : after + share * (index + 1),
                                    {},
                                    {}});
  }
  Team(workers, types, options.batch).wait(progress, until - after);
  fold = std::move(workers.front()->fold);
  for (std::size_t index = 1; index < workers.size(); ++index) {
    fold.merge(std::move(workers[index]->fold));
    workers[index].reset();
  }
  return fold;
}

}  // namespace

void fold_range(Connection& connection, Fold& fold, const ScanTypes& types, Position after, Position until) {
  // the names of the scan are the events of the specification, in its order: so are the plans of the fold
  if (fold.spec().handlers.empty()) {
    scan_events(connection, types, after, until, [&fold](int plan, const EventView& event) { fold.feed(plan, event); });
    return fold.finish();
  }
  const FoldingGuard guard(connection);
  EventView last;
  scan_copied_events(connection, types, after, until, [&](int plan, const EventView& event) {
    fold.feed(plan, event);
    last = {event.position, event.created, fold.spec().events[static_cast<std::size_t>(plan)].type, {}};
    guard.check(fold.spec(), last);
  });
  fold.finish();
  guard.check(fold.spec(), last);
}

ScanTypes scan_types(Connection& connection, const ProjectionSpec& spec) {
  std::vector<std::string> names;
  for (const EventSpec& event : spec.events) names.push_back(event.type);
  ScanTypes types(connection, names);
  if (!spec.uses("created")) types.leave_out_created();
  if (spec.uses_stream()) types.add_stream();
  return types;
}

Fold fold_log(EventLog& log, const Projection& projection, const FoldOptions& options, const Progress& progress) {
  return fold_log(log, projection, options, progress, nullptr);
}

Fold fold_log(EventLog& log, const Projection& projection, const FoldOptions& options, const Progress& progress,
              Checkpoints* checkpoints) {
  Connection& connection = log.connection();
  const ProjectionSpec& spec = *projection.spec;
  const Position head = log.head();
  const Position until = std::min(options.until.value_or(head), head);
  const auto begin = [&](Fold& fold) { return checkpoints ? checkpoints->begin(fold, until) : options.after; };
  ScanTypes types = scan_types(connection, spec);

  const auto fold_quickly = [&] {
    Fold fold(projection.spec);
    Position at = begin(fold);
    types.choose_way(connection, std::min(sealed_until(connection, at), until), until);
    ScanTypes quick = types;
    if (!spec.uses("position")) quick.leave_out_position();
    const bool apart = options.threads > 1 && spec.mergeable();
    while (apart && until - at >= kWorthThreads) {
      const Position end = checkpoints ? checkpoints->end_of_stretch(at, until) : until;
      auto readers = open_readers(log, static_cast<std::size_t>(options.threads));
      if (readers.empty()) break;
      const auto tell = [&](Position done, Position) { progress(at + done, until); };
      fold = fold_apart(std::move(readers), std::move(fold), projection, quick, options, at, end,
                        progress ? tell : Progress());
      at = end;
      if (checkpoints && at < until) checkpoints->reached(fold, at);
    }
    return fold_in_one(connection, std::move(fold), projection, quick, options, at, until, progress, checkpoints);
  };
  const auto fold = [&] {
    // What cannot be folded so is folded again, in one piece and with positions: then the first error of the log comes
    // out, and says where it is.
    try {
      if (spec.handlers.empty()) return fold_quickly();
    } catch (const OrderMatters&) {
    } catch (const ProjectionError&) {
    } catch (const CorruptLog&) {
    }
    Fold again(projection.spec);
    const Position at = begin(again);
    types.choose_way(connection, std::min(sealed_until(connection, at), until), until);
    return fold_in_one(connection, std::move(again), projection, types, options, at, until, progress, checkpoints);
  };
  Fold folded = fold();
  if (progress) progress(until, until);
  return folded;
}

}  // namespace eventfold
