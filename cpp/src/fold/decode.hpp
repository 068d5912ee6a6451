// The wanted fields of an event's `data`, converted to what their columns hold.
//
// The log keeps canonical JSON, and events of one type nearly always have the same keys in the same order. So a decoder
// remembers the order and expects it: comparing a key is one memcmp, and most values need no more than finding their
// end. Whatever is not canonical is first made so by simdjson.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "columns/event_columns.hpp"
#include "eventfold/projection.hpp"
#include "fold/arena.hpp"

namespace eventfold {

class Decoder {
 public:
  explicit Decoder(const EventSpec& event);

  // Fills one cell for each field of the event's specification. Bytes live until the next call, or as long as `data`.
  // Throws CorruptLog: "the field x ..."; the caller knows the position.
  void decode(std::string_view data, std::span<CellView> fields);
  // The same for some events that are there as columns: field number f of the event at `first` goes to cells[f], that
  // of the next to cells[stride + f] and so on. Bytes live as long as the columns and `made`, which gets those that are
  // not in them. Faster where `first` is where the last call ended.
  void decode(const EventColumns& columns, std::size_t first, std::size_t count, CellView* cells, std::size_t stride,
              Arena& made);

 private:
  struct Member {
    std::string key;         // `"name":`
    std::uint64_t word = 0;  // its first eight bytes
    std::uint64_t mask = 0;  // those of them that there are
    int field = -1;          // or the value is skipped
    std::size_t rank = 0;    // 0: the field's present name, else a former one

    bool stands_at(const char* at, std::size_t left) const;
  };
  bool walk(std::string_view data, std::span<CellView> fields);
  const Member* member_at(const char*& at, const char* end, std::size_t& expected);
  const Member* unexpected_member(const char*& at, const char* end, std::size_t& expected);
  Member member_named(std::string_view name, std::string_view key) const;
  void to_kind(std::size_t index, CellView& value);
  bool take_field(const char*& at, const char* end, std::size_t index, CellView& value);
  void begin(const EventColumns& columns, std::size_t first);
  void take_column(std::size_t index, std::size_t count, CellView* cells, std::size_t stride, Arena& made);
  bool is_as_stored(std::size_t index) const;
  void keep_bytes(std::size_t index, CellView& value, Arena& made) const;

  const EventSpec& event_;
  std::vector<Member> members_;  // in the order of the events that were seen
  Member other_;                 // a key that is not remembered
  bool renamed_ = false;         // some field has former names
  std::vector<std::size_t> ranks_;
  std::vector<std::string> other_kind_;  // bytes of values that were of another kind
  std::vector<std::string> converted_;   // bytes of values that do not stand in the data, a buffer for each field
  std::vector<std::string> unescaped_;
  std::string canonical_;
  std::deque<std::string> default_bytes_;  // of missing_; a deque's elements stay where they are, also when it moves
  std::vector<CellView> missing_;

  struct FieldColumn {
    const Column* column;
    ColumnCursor cursor;
  };
  std::uint64_t serial_ = 0;  // of the columns that are being decoded, up to next_
  std::size_t next_ = 0;
  std::vector<std::vector<FieldColumn>> columns_;  // of each field: of its present key first
  std::vector<CellView> former_;
};

}  // namespace eventfold
