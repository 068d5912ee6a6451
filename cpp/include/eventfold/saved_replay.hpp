// How far a long replay has come, kept in the database of its log, so that the next one goes on where it was killed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "eventfold/event_log.hpp"

namespace eventfold {

// What is saved is written in parts, each in a short transaction of its own, and counts when the last of them is there.
// Several replays of one name may save: what has come further stays. Not thread-safe; one thread at a time.
class SavedReplay {
 public:
  // `name`: of what is rebuilt. `definition`: of all that the result depends on beside the log; what was saved under
  // another one is of no use.
  SavedReplay(EventLog& log, std::string name, std::string definition);

  // Whether anything can be saved here: not in memory, not while a transaction is open, and not in a log that was not
  // migrated since there are tables for it.
  bool possible();
  // Up to which position something is there that fits the log as it is now; 0: nothing.
  Position position();
  // Gives what is saved, part by part and in order, as of one moment; returns its position. 0: nothing fits, or not
  // below or at `most`. Throws CorruptLog if a part is missing.
  Position load(Position most, const std::function<void(std::string_view part)>& take);
  // Saves what follows from the events up to a position of the log that load() has seen. `next` fills the next part,
  // and is false when there is none. Returns whether it was saved: a full disk, say, or a log that was emptied, is no
  // error.
  bool save(Position position, const std::function<bool(std::string& part)>& next);
  // What is saved of this name does not count any more, whatever it was saved under. Its bytes go with clean_up().
  void drop();
  // Removes parts of this name that do not count, be it that another replay is just writing them (it will write them
  // again later), and old ones of others. Does what it can; nothing within a transaction.
  void clean_up();

 private:
  struct Head;
  bool fits(const Head& head, const LogInfo& info) const;
  bool read_head(Head& head);
  bool finish(Position position, std::int64_t run, std::int64_t parts);

  EventLog& log_;
  std::string name_;
  std::string definition_;
  LogInfo info_;  // the log whose events are folded
};

}  // namespace eventfold
