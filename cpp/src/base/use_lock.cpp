#include <pthread.h>

#include <atomic>
#include <utility>

#include "eventfold/error.hpp"
#include "eventfold/managed_connection.hpp"

namespace eventfold {
namespace {

std::atomic<int> forks{0};

[[maybe_unused]] const int registered =
    pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });

}  // namespace

int fork_generation() noexcept { return forks.load(std::memory_order_relaxed); }

void UseLock::enter(std::chrono::milliseconds timeout) {
  const auto self = std::this_thread::get_id();
  std::unique_lock lock(state_->mutex);
  const auto is_free = [&] { return state_->depth == 0 || state_->owner == self; };
  if (!is_free() && !state_->left.wait_for(lock, timeout, is_free)) {
    throw LogLocked("another thread has been using this connection for too long; give each thread its own connection");
  }
  state_->owner = self;
  ++state_->depth;
}

bool UseLock::leave() noexcept {
  std::lock_guard lock(state_->mutex);
  if (state_->depth > 1 || !state_->close_due) {
    if (--state_->depth == 0) state_->left.notify_one();
    return false;
  }
  state_->close_due = false;
  return true;
}

bool UseLock::enter_to_close() noexcept {
  std::lock_guard lock(state_->mutex);
  if (state_->depth > 0) {
    state_->close_due = true;
    return false;
  }
  state_->owner = std::this_thread::get_id();
  state_->depth = 1;
  return true;
}

void UseLock::renew_after_fork() {
  if (generation_ == fork_generation()) return;
  (void)state_.release();  // a locked mutex must not be destroyed
  state_ = std::make_unique<State>();
  generation_ = fork_generation();
}

}  // namespace eventfold
