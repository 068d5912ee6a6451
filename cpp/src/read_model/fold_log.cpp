// Folding a whole log: on several threads by ranges of positions, or on the log's own connection.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "eventfold/read_model.hpp"
#include "read_model/folding_guard.hpp"
#include "read_model/log_range.hpp"

namespace eventfold {

namespace {

constexpr Position kChunk = 32768;  // positions a read: short, so that the WAL can be checkpointed meanwhile
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

class Team {
 public:
  Team(std::vector<std::unique_ptr<Worker>>& workers, const ScanTypes& types) : workers_(workers), types_(types) {
    for (auto& worker : workers_) threads_.emplace_back([this, &worker] { run(*worker); });
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team() { stop(); }

  void wait(const Progress& progress, Position total) {
    std::unique_lock lock(mutex_);
    while (!finished_.wait_for(lock, kProgressPause, [this] { return running_ == 0; })) {
      if (!progress) continue;
      lock.unlock();
      progress(done(), total);
      lock.lock();
    }
    lock.unlock();
    stop();
    for (auto& worker : workers_) {
      if (worker->failure) std::rethrow_exception(worker->failure);
    }
  }

 private:
  void run(Worker& worker) {
    try {
      for (Position at = worker.after; at < worker.until && !stopped_; at += kChunk) {
        fold_range(*worker.reader, worker.fold, types_, at, std::min(at + kChunk, worker.until));
        worker.done = std::min(at + kChunk, worker.until) - worker.after;
      }
    } catch (...) {
      worker.failure = std::current_exception();
      stopped_ = true;
    }
    const std::lock_guard lock(mutex_);
    --running_;
    finished_.notify_one();
  }
  Position done() const {
    Position sum = 0;
    for (const auto& worker : workers_) sum += worker->done;
    return sum;
  }
  void stop() {
    stopped_ = true;
    for (auto& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  std::vector<std::unique_ptr<Worker>>& workers_;
  const ScanTypes& types_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::condition_variable finished_;
  std::size_t running_ = workers_.size();
  std::vector<std::thread> threads_;
};

// Empty where the log must be read through its own connection: in memory, or in a transaction that may have events of
// its own.
std::vector<std::unique_ptr<Connection>> open_readers(EventLog& log, std::size_t count) {
  std::vector<std::unique_ptr<Connection>> readers;
  if (log.connection().in_transaction()) return readers;
  for (std::size_t index = 0; index < count; ++index) {
    auto reader = log.connection().open_reader();
    if (!reader) return {};
    readers.push_back(std::move(reader));
  }
  return readers;
}

}  // namespace

void fold_range(Connection& connection, Fold& fold, const ScanTypes& types, Position after, Position until) {
  // the names of the scan are the events of the specification, in its order: so are the plans of the fold
  const EventSink sink = [&fold](int plan, const EventView& event) { fold.apply(plan, event); };
  if (fold.spec().handlers.empty()) {
    scan_events(connection, types, after, until, sink);
  } else {
    const FoldingGuard guard(connection);
    scan_copied_events(connection, types, after, until, sink);
  }
}

ScanTypes scan_types(Connection& connection, const ProjectionSpec& spec) {
  std::vector<std::string> names;
  for (const EventSpec& event : spec.events) names.push_back(event.type);
  return ScanTypes(connection, names);
}

Fold fold_log(EventLog& log, const Projection& projection, const FoldOptions& options, const Progress& progress) {
  Connection& connection = log.connection();
  const Position head = log.head();
  const Position until = std::min(options.until.value_or(head), head);
  ScanTypes types = scan_types(connection, *projection.spec);
  types.choose_way(connection, 0, until);

  const bool parallel = options.threads > 1 && projection.spec->mergeable() && until >= kWorthThreads;
  auto readers = parallel ? open_readers(log, static_cast<std::size_t>(options.threads))
                          : std::vector<std::unique_ptr<Connection>>();
  if (readers.empty()) {
    Fold fold(projection.spec);
    fold.set_handler(projection.handler);
    auto next_progress = std::chrono::steady_clock::now() + kProgressPause;
    const Position chunk = projection.spec->handlers.empty() ? kChunk : kChunk / 16;
    for (Position at = 0; at < until; at += chunk) {
      fold_range(connection, fold, types, at, std::min(at + chunk, until));
      if (progress && std::chrono::steady_clock::now() >= next_progress) {
        progress(std::min(at + chunk, until), until);
        next_progress = std::chrono::steady_clock::now() + kProgressPause;
      }
    }
    if (progress) progress(until, until);
    return fold;
  }

  std::vector<std::unique_ptr<Worker>> workers;
  const auto count = static_cast<Position>(readers.size());
  for (Position index = 0; index < count; ++index) {
    workers.emplace_back(new Worker{std::move(readers[static_cast<std::size_t>(index)]),
                                    Fold(projection.spec, index > 0),
                                    until * index / count,
                                    until * (index + 1) / count,
                                    {},
                                    {}});
  }
  Team(workers, types).wait(progress, until);
  Fold fold = std::move(workers.front()->fold);
  for (std::size_t index = 1; index < workers.size(); ++index) {
    fold.merge(workers[index]->fold);
    workers[index].reset();
  }
  if (progress) progress(until, until);
  return fold;
}

}  // namespace eventfold
