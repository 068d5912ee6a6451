// Reads segments: the columns that somebody wants of the events of some types.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "columns/event_columns.hpp"
#include "segment/segment_range.hpp"

namespace eventfold {

class SegmentReader {
 public:
  // Of one type: its number, and the names of its columns.
  struct Wanted {
    std::int64_t type_id;
    std::vector<std::string> columns;
  };
  // The connection must outlive it.
  SegmentReader(Connection& connection, std::vector<Wanted> wanted);

  // Reads the segment that ends there. False: it is gone, or has not all in columns: events must be read instead.
  // Throws CorruptLog.
  bool read(Position until);
  // By the order of what was wanted; they live until the next read.
  std::span<const EventColumns> types() const { return types_; }

 private:
  Connection& connection_;
  std::vector<Wanted> wanted_;
  std::vector<EventColumns> types_;
  std::string sql_;
  std::vector<Value> parameters_;  // the last is the segment
};

}  // namespace eventfold
