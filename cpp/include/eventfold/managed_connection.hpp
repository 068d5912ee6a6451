// A connection with an end, and with one user at a time. What the Python bindings hold.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "eventfold/connection.hpp"

namespace eventfold {

// How often this process was forked since it began: 0 in the first, one more in each child.
int fork_generation() noexcept;

// One native operation at a time on a connection that several threads may share (Django shares an in-memory one with
// the threads of a live server). The same thread may enter again. It is to be entered without Python's GIL.
class UseLock {
 public:
  // Throws LogLocked when another thread keeps the connection past the time-out, as it does for ever where SQL on this
  // connection calls Python, which calls us on this same connection while another thread is using it.
  void enter(std::chrono::milliseconds timeout = std::chrono::seconds(60));
  // True: a close came in the meantime; the caller is still within, closes, and leaves again.
  bool leave() noexcept;
  // Enters if nobody is within. Else false, and the leave() to come will ask for the close.
  bool enter_to_close() noexcept;
  // After a fork a thread that is gone may hold the lock. One thread at a time may call this (it holds the GIL).
  void renew_after_fork();

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable left;
    std::thread::id owner;
    int depth = 0;
    bool close_due = false;
  };
  std::unique_ptr<State> state_ = std::make_unique<State>();
  int generation_ = fork_generation();
};

class ManagedConnection : public Connection {
 public:
  // Gives back all that SQLite keeps for this object; later calls throw LogClosed. Waits for the end of a use.
  void close() noexcept {
    if (!use_lock.enter_to_close()) return;
    close_now();
    use_lock.leave();
  }
  virtual bool closed() const noexcept = 0;

  UseLock use_lock;

 protected:
  friend class Use;
  virtual void close_now() noexcept = 0;
};

// The time of one native operation.
class Use {
 public:
  explicit Use(ManagedConnection& connection) : connection_(connection) { connection_.use_lock.enter(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    if (!connection_.use_lock.leave()) return;
    connection_.close_now();
    connection_.use_lock.leave();
  }

 private:
  ManagedConnection& connection_;
};

}  // namespace eventfold
