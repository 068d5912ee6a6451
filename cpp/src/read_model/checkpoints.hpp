// When a long fold is saved, and where it stops for that.
#pragma once

#include <chrono>
#include <span>

#include "eventfold/read_model.hpp"
#include "eventfold/saved_replay.hpp"

namespace eventfold {

class Checkpoints {
 public:
  // Saves each so many seconds, or less often where that would take more than a twentieth of the time; 0: whenever the
  // fold stops.
  Checkpoints(SavedReplay& saved, double seconds);

  // Gives an empty fold what was saved up to a position, if anything; returns where that ends. Called before the
  // others.
  Position begin(Fold& fold, Position until);
  // Where a fold on several threads, which can be saved only when all of them have stopped, had best stop next.
  Position end_of_stretch(Position at, Position until) const;
  // The fold is what follows from the events up to here. Saves it, if it is time.
  void reached(const Fold& fold, Position at);

 private:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;

  SavedReplay& saved_;
  Seconds pause_;
  Clock::time_point next_;   // when to save
  Clock::time_point began_;  // without the time for saving
  Position from_ = 0;
};

// As fold_log(), and fold_together() with one for each projection or null; where there are checkpoints, the options'
// `after` is not looked at.
Fold fold_log(EventLog& log, const Projection& projection, const FoldOptions& options, const Progress& progress,
              Checkpoints* checkpoints);
std::vector<Folded> fold_together(EventLog& log, std::span<const Projection> projections, const FoldOptions& options,
                                  const Progress& progress, std::span<Checkpoints* const> checkpoints);

}  // namespace eventfold
