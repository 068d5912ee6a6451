#include "base/log_watch.hpp"

#include <algorithm>
#include <cstring>

namespace eventfold {
namespace {

unsigned int data_version(sqlite3* handle) noexcept {
  unsigned int version = 0;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_DATA_VERSION, &version);
  return version;
}

}  // namespace

bool LogWatch::may_have_unseen(sqlite3* handle) {
  // It tells whose hook there was, so that nobody else's silence is taken for ours.
  if (sqlite3_update_hook(handle, &LogWatch::changed, this) != this) unseen_ = true;
  if (!attached_) {
    sqlite3_rollback_hook(
        handle, [](void* watch) { static_cast<LogWatch*>(watch)->forget_seen(); }, this);
    attached_ = true;
  }
  if (data_version(handle) != data_version_) unseen_ = true;
  return unseen_;
}

void LogWatch::seen(sqlite3* handle, std::int64_t until) noexcept {
  if (!attached_ || last_inserted_ > until) return;
  unseen_ = false;
  data_version_ = data_version(handle);
}

void LogWatch::detach(sqlite3* handle) noexcept {
  if (!attached_) return;
  attached_ = false;
  sqlite3_rollback_hook(handle, nullptr, nullptr);
  sqlite3_update_hook(handle, nullptr, nullptr);
}

void LogWatch::changed(void* watch, int operation, const char*, const char* table, sqlite3_int64 rowid) noexcept {
  if (operation != SQLITE_INSERT || std::strcmp(table, "eventfold_event") != 0) return;
  auto* const self = static_cast<LogWatch*>(watch);
  self->unseen_ = true;
  self->last_inserted_ = std::max<std::int64_t>(self->last_inserted_, rowid);
}

}  // namespace eventfold
