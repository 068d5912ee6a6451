// Which connections need no look at the log: nothing was inserted into it since this one has seen all of it.
#pragma once

#include <cstdint>

#include "base/sqlite_api.hpp"

namespace eventfold {

// Hears of each event that its connection inserts (sqlite3_update_hook, which the inserts of triggers reach too), and
// knows by the pager's data version whether anybody, itself among them, has committed anything. It never says that
// there is nothing where there is something, but for a ROLLBACK TO that nobody tells it of: that may bring back what
// others had recorded before.
class LogWatch {
 public:
  // Whether the log may have events that were not seen(). The first time, and where another one took the hook: yes.
  bool may_have_unseen(sqlite3* handle);
  // All that the log has is about to be read.
  void begin_to_look() noexcept { last_inserted_ = 0; }
  // Everything up to a position was seen.
  void seen(sqlite3* handle, std::int64_t until) noexcept;
  // Events may be unseen again: what was done since is taken back.
  void forget_seen() noexcept { unseen_ = true; }
  // SQLite must not call this object any more.
  void detach(sqlite3* handle) noexcept;

 private:
  static void changed(void* watch, int operation, const char* database, const char* table,
                      sqlite3_int64 rowid) noexcept;

  bool attached_ = false;
  bool unseen_ = true;
  std::int64_t last_inserted_ = 0;
  unsigned int data_version_ = 0;  // when everything was seen
};

}  // namespace eventfold
