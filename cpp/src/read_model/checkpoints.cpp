#include "read_model/checkpoints.hpp"

#include <algorithm>

#include "eventfold/error.hpp"
#include "read_model/saved_rows.hpp"

namespace eventfold {

namespace {

constexpr double kGuessedRate = 500'000;  // positions a second, until it is known; a short log is one stretch
constexpr Position kShortest = 20'000;
constexpr int kMostOfTheTime = 20;  // the part of it that saving may take

}  // namespace

Checkpoints::Checkpoints(SavedReplay& saved, double seconds) : saved_(saved), pause_(std::max(seconds, 0.0)) {}

Position Checkpoints::begin(Fold& fold, Position until) {
  from_ = 0;
  try {
    SavedRows rows(fold);
    from_ = saved_.load(until, [&](std::string_view part) { rows.take(part); });
  } catch (const CorruptLog&) {
    fold.clear();  // it cannot be read, and is replaced by the next one
    saved_.drop();
  }
  began_ = Clock::now();
  next_ = began_ + std::chrono::duration_cast<Clock::duration>(pause_);
  return from_;
}

Position Checkpoints::end_of_stretch(Position at, Position until) const {
  const auto now = Clock::now();
  const Seconds folded = now - began_;
  const double rate =
      at > from_ && folded.count() > 0 ? static_cast<double>(at - from_) / folded.count() : kGuessedRate;
  const double wanted = rate * Seconds(next_ - now).count();
  const double all = static_cast<double>(until - at);
  if (all < wanted * 1.5) return until;  // what would be left is not worth another stop
  return at + std::min(std::max(static_cast<Position>(wanted), kShortest), until - at);
}

void Checkpoints::reached(const Fold& fold, Position at) {
  const auto begin = Clock::now();
  if (begin < next_ - std::chrono::duration_cast<Clock::duration>(pause_ / 10)) return;  // it is nearly time
  RowsToSave rows(fold);
  saved_.save(at, [&](std::string& part) { return rows.next(part); });
  const auto end = Clock::now();
  began_ += end - begin;
  const auto pause = std::chrono::duration_cast<Clock::duration>(pause_);
  next_ = end + (pause_.count() > 0 ? std::max(pause, kMostOfTheTime * (end - begin)) : pause);
}

}  // namespace eventfold
