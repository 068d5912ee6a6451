// Feeds the events of some types, in position order, to a fold: the fastest way through the log that there is.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "eventfold/event_log.hpp"

namespace eventfold {

// The types of a scan, with the numbers that the database has for them.
class ScanTypes {
 public:
  // Names that the log does not know are left out: they have no events.
  ScanTypes(Connection& connection, std::span<const std::string> names);

  // What the scan need not read is 0 then. Each column is a tenth of its time.
  void leave_out_created() { with_created_ = false; }
  void leave_out_position() { with_position_ = false; }
  // The name of its stream is looked up for each event, where it is wanted.
  void add_stream() { with_stream_ = true; }

  // A stretch of the log is read through the index on type only where that is much less than the stretch.
  void choose_way(Connection& connection, Position after, Position until);

  bool empty() const { return ids_.empty(); }
  bool by_index() const { return by_index_; }
  bool with_created() const { return with_created_; }
  bool with_position() const { return with_position_; }
  bool with_stream() const { return with_stream_; }
  std::span<const std::int64_t> ids() const { return ids_; }
  // -1: not of this scan. Otherwise the index of its name among those given.
  int index_of(std::int64_t type_id) const {
    return type_id >= 0 && static_cast<std::size_t>(type_id) < index_.size() ? index_[static_cast<std::size_t>(type_id)]
                                                                             : -1;
  }

 private:
  std::vector<std::int64_t> ids_;
  std::vector<int> index_;
  bool by_index_ = false;
  bool with_created_ = true;
  bool with_position_ = true;
  bool with_stream_ = false;
};

// What a scan calls for each event; `type` is the index of its name.
using EventSink = std::function<void(int type, const EventView& event)>;

// The events after `after`, up to `until`, in one read. The sink must not use the connection.
void scan_events(Connection& connection, const ScanTypes& types, Position after, Position until, const EventSink& sink);

// The same, with no statement open while the sink runs, so that it may use the connection or call Python.
void scan_copied_events(Connection& connection, const ScanTypes& types, Position after, Position until,
                        const EventSink& sink);

}  // namespace eventfold
