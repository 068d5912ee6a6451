// Events for several folds at once: each is read and decoded once, with all the fields that any of the folds wants.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "columns/interleaved.hpp"
#include "eventfold/read_model.hpp"
#include "fold/decode.hpp"
#include "read_model/shared_types.hpp"
#include "scan/event_scan.hpp"
#include "segment/segment_reader.hpp"
#include "segment/segment_walk.hpp"

namespace eventfold {

// Some events, those of each type apart by their number in the batch, and what is in their fields.
class SharedBatch {
 public:
  explicit SharedBatch(std::size_t types) : by_type_(types) {}

  bool full() const;
  bool empty() const { return events_.empty(); }
  Position last() const { return positions_.back(); }
  std::span<const EventView> events() const { return events_; }
  // Of its events, once more: a fold that needs nothing else of them goes through less memory.
  std::span<const Position> positions() const { return positions_; }
  int type(std::size_t number) const { return types_[number]; }
  std::span<const std::uint32_t> of_type(std::size_t type) const { return by_type_[type]; }
  // Null: each fold is to decode it by itself.
  const CellView* decoded(std::size_t number) const {
    return starts_[number] == kNotDecoded ? nullptr : &cells_[starts_[number]];
  }
  // The numbers of its events' keys in a group of projections, by event: see SharedKeys, which fills them in.
  std::vector<std::uint32_t>& keys(std::size_t group) {
    if (keys_.size() <= group) keys_.resize(group + 1);
    return keys_[group];
  }
  std::span<const std::uint32_t> keys(std::size_t group) const { return keys_[group]; }

 private:
  friend class BatchReader;
  static constexpr std::uint32_t kNotDecoded = UINT32_MAX;

  void clear();
  // Events as they stand in the log. Their bytes may move until finish().
  void add(int type, const EventView& event);
  void finish(std::vector<Decoder>& decoders, const SharedTypes& types);
  // Events that are there as columns; the columns must outlive the batch. How many there is still room for.
  std::size_t room() const;
  void add(int type, const EventColumns& columns, const Interleaved::Piece& piece);
  // Throws CorruptLog for a value that is refused.
  void finish(std::vector<Decoder>& decoders, const SharedTypes& types, std::span<const EventColumns> columns,
              std::span<const int> numbers);

  void decode(std::vector<Decoder>& decoders, const SharedTypes& types);
  void keep_bytes(CellView& field, std::string_view data);

  std::string bytes_;
  std::vector<EventView> events_;
  std::vector<Position> positions_;
  std::vector<int> types_;
  std::vector<std::vector<std::uint32_t>> by_type_;
  std::vector<std::size_t> first_of_;  // of each of the columns: the first of its events that is here
  std::vector<CellView> cells_;
  std::vector<std::uint32_t> starts_;  // by event, in cells_
  std::vector<std::vector<std::uint32_t>> keys_;
  Arena made_;  // bytes that stand neither in the events nor in the columns
};

// Reads the log up to a position, batch by batch: out of sealed segments where there are any.
class BatchReader {
 public:
  // All must outlive it. `window`: how many positions are read at a time where they are events.
  BatchReader(Connection& connection, const ScanTypes& scan, const SharedTypes& types, Position window, Position after,
              Position until);
  // Empty: there is no more. The batch is whole until the next but one is read.
  void read(SharedBatch& batch);
  // All events up to here were read.
  Position at() const { return at_; }

 private:
  void open_segment(Position until);
  bool read_columns(SharedBatch& batch);
  void read_events(SharedBatch& batch, Position until);

  Connection& connection_;
  const ScanTypes& scan_;
  const SharedTypes& types_;
  Position window_;
  Position until_;
  Position at_;
  std::vector<Decoder> decoders_;

  SegmentWalk walk_;
  std::array<std::optional<SegmentReader>, 2> segments_;  // in turn: the last batch may still be in use
  std::size_t turn_ = 0;
  std::vector<int> numbers_;           // of the types of a segment, among the shared ones
  std::optional<Interleaved> sealed_;  // what is left of the segment
  Position sealed_until_ = 0;
};

}  // namespace eventfold
