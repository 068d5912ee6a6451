// Every error of the library. The sentence above each class is its meaning; what() adds what was wrong and what to do.
// The same set stands in python/eventfold/errors.py; cpp/bindings/bind_errors.cpp maps one onto the other.
#pragma once

#include <stdexcept>
#include <string>

namespace eventfold {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

#define EVENTFOLD_ERROR(name, base) \
  class name : public base {        \
   public:                          \
    using base::base;               \
  }

// Another writer came first; read again and decide anew.
EVENTFOLD_ERROR(ConcurrencyError, Error);
// The stream is not at the version that the caller expected.
EVENTFOLD_ERROR(WrongExpectedVersion, ConcurrencyError);
// The event id or request key was used before, with other content.
EVENTFOLD_ERROR(IdempotencyConflict, Error);
// No event of this type was ever declared or appended.
EVENTFOLD_ERROR(UnknownEventType, Error);
// The event holds something that the log cannot keep.
EVENTFOLD_ERROR(InvalidEvent, Error);
// A recorded event can be neither changed nor deleted.
EVENTFOLD_ERROR(ImmutableEvent, Error);
// What is recorded cannot be read back.
EVENTFOLD_ERROR(CorruptLog, Error);
// The read model cannot be folded.
EVENTFOLD_ERROR(ProjectionError, Error);
// The checkpoint belongs to another log, or lies above the head of this one.
EVENTFOLD_ERROR(WrongLog, Error);
// The database has no log.
EVENTFOLD_ERROR(LogNotFound, Error);
// The log was written by a newer release, or is not a log of ours.
EVENTFOLD_ERROR(UnsupportedSchema, Error);
// The database stayed locked by another connection past the time-out.
EVENTFOLD_ERROR(LogLocked, Error);
// The database cannot be written.
EVENTFOLD_ERROR(ReadOnlyLog, Error);
// The log, or the connection that it was borrowed from, is closed.
EVENTFOLD_ERROR(LogClosed, Error);
// The database reported an error that is none of the above.
EVENTFOLD_ERROR(DatabaseError, Error);

#undef EVENTFOLD_ERROR

}  // namespace eventfold
