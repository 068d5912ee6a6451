// The events of one type, in position order, as columns: their positions, when they were created, and what each key of
// their data has. It does not matter to whoever reads them where they came from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "columns/column.hpp"
#include "eventfold/event.hpp"

namespace eventfold {

inline constexpr std::string_view kPositionColumn = "position";
inline constexpr std::string_view kCreatedColumn = "created";  // microseconds since 1970-01-01 UTC
// The column of a key of the data.
inline std::string data_column(std::string_view key) { return "data." + std::string(key); }

// Makes columns of events as they are in the log.
class EventColumnsWriter {
 public:
  // Throws CorruptLog: the data is not valid JSON, or no object.
  void add(Position position, std::int64_t created, std::string_view data);
  std::size_t events() const { return events_; }
  // Each column with its name. Empty: the events have too many keys for that, or too much in one of them.
  std::vector<std::pair<std::string, std::string>> finish();

 private:
  struct Key {
    std::string name;
    std::string written;  // `"name":`
    ColumnWriter column;
  };
  bool walk(std::string_view data);
  bool take_value(const char*& at, const char* end, CellView& value);
  // The key at `at`, which moves to its value. Null: there is none.
  Key* key_at(const char*& at, const char* end, std::size_t& expected);
  Key* unexpected_key(const char*& at, const char* end, std::size_t& expected);

  std::size_t events_ = 0;
  ColumnWriter positions_;
  ColumnWriter created_;
  std::vector<std::unique_ptr<Key>> keys_;  // in the order in which they were seen
  bool too_many_ = false;
  std::string canonical_;
  std::string unescaped_;
};

// Columns that were read, with their bytes.
class EventColumns {
 public:
  // Forgets what there was, but keeps the memory.
  void begin(std::size_t events);
  // Copies the content. Throws CorruptLog.
  void add(std::string_view name, std::string_view content);

  std::size_t events() const { return events_; }
  // Null: none of these events has it, or nobody asked for it.
  const Column* find(std::string_view name) const;
  // The number of events up to a position. This, and position(), for columns with positions.
  std::size_t up_to(Position last) const;
  Position position(std::size_t event) const { return positions_->integer(event); }
  std::int64_t created(std::size_t event) const { return created_ == nullptr ? 0 : created_->integer(event); }
  // No other columns have this number, be they the next ones in the same place.
  std::uint64_t serial() const { return serial_; }

 private:
  struct Named {
    std::string name;
    std::string content;
    Column column;
  };
  std::size_t events_ = 0;
  std::uint64_t serial_ = 0;
  std::vector<std::unique_ptr<Named>> columns_;
  std::size_t used_ = 0;
  const Column* positions_ = nullptr;
  const Column* created_ = nullptr;
};

}  // namespace eventfold
