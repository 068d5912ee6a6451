#include "eventfold/sqlite_error.hpp"

#include <new>
#include <string_view>

#include "base/sqlite_api.hpp"

namespace eventfold {
namespace {

constexpr std::string_view kTriggerPrefix = "eventfold: ";

bool names_our_table(std::string_view message) {
  constexpr std::string_view prefix = "no such table: ";
  if (!message.starts_with(prefix)) return false;
  message.remove_prefix(prefix.size());
  const auto dot = message.find('.');
  if (dot != std::string_view::npos) message.remove_prefix(dot + 1);
  return message.starts_with("eventfold_");
}

}  // namespace

void throw_sqlite_error(int code, const std::string& message, bool writing) {
  const std::string sqlite_says = " (SQLite: " + message + ")";
  switch (code & 0xff) {
    case SQLITE_NOMEM:
      throw std::bad_alloc();
    case SQLITE_BUSY:
      if (code == SQLITE_BUSY_SNAPSHOT) {
        throw ConcurrencyError(
            "another connection wrote after this transaction began to read; roll back and run it again, or begin such "
            "transactions with BEGIN IMMEDIATE" +
            sqlite_says);
      }
      [[fallthrough]];
    case SQLITE_LOCKED:
      throw LogLocked("the database stayed locked by another connection past the time-out; try again, or raise it" +
                      sqlite_says);
    case SQLITE_CANTOPEN:
      if (!writing) break;
      [[fallthrough]];
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw ReadOnlyLog(
          "the database cannot be written; look at the rights of the file and of its folder, and at how it was opened" +
          sqlite_says);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw CorruptLog("the database file is damaged; restore it from a backup" + sqlite_says);
    case SQLITE_CONSTRAINT:
      if (std::string_view(message).starts_with(kTriggerPrefix)) {
        throw ImmutableEvent(message.substr(kTriggerPrefix.size()));
      }
      if (message.ends_with("eventfold_event.position")) {
        throw CorruptLog("the log holds events above its head: something else than eventfold inserted them" +
                         sqlite_says);
      }
      break;
    case SQLITE_FULL:
      throw SqliteError(
          "the disk is full, or the database at its greatest size; nothing of this was written: make room "
          "and try again" +
              sqlite_says,
          code);
    case SQLITE_IOERR:
      throw SqliteError(
          "the disk failed, and nothing of this was written: look at it, and at what the system says of it "
          "(SQLite: " +
              message + ", error " + std::to_string(code) + ")",
          code);
    case SQLITE_ERROR:
      if (names_our_table(message)) {
        throw LogNotFound("the database has no event log; run `manage.py migrate` (Django), or install() of the log" +
                          sqlite_says);
      }
      break;
    default:
      break;
  }
  throw SqliteError(message + " (SQLite error " + std::to_string(code) + ")", code);
}

}  // namespace eventfold
