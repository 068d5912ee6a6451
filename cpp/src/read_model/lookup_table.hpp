// What a read model looks up: its own copy of the rows, in a table beside those of all read models. So it does not
// matter how far the other read model has come.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eventfold/connection.hpp"
#include "eventfold/projection.hpp"
#include "eventfold/read_model.hpp"
#include "read_model/side_key.hpp"

namespace eventfold {

struct LookupSql {
  explicit LookupSql(const ProjectionSpec& spec);
  std::string from;    // "FROM <table> WHERE name = ?", for Connection::visit
  std::string find;    // value, by name, source, key
  std::string write;   // name, source, key, value
  std::string remove;  // by name, source, key
};

// A log of earlier days has no such table. Throws ProjectionError.
[[noreturn]] void throw_no_lookup_table(const ProjectionSpec& spec);

// For the connection and the specification of one append. Throws LogNotFound where the table is missing.
class LookupTable {
 public:
  LookupTable(Connection& connection, const ProjectionSpec& spec, const LookupSql& sql);
  LookupTable(const LookupTable&) = delete;
  LookupTable& operator=(const LookupTable&) = delete;

  // The fold finds there what it looks up. It must be cleared before this goes.
  void attach(Fold& fold);
  // Writes what events have changed.
  void write_back(const Fold& fold);

  void write(std::size_t number, const Fold& side, std::size_t row);
  void remove(std::string_view source, const Value& key);

 private:
  bool load(std::size_t number, std::span<const CellView> key, std::vector<CellView>& columns);
  Value key_of(std::size_t number, const Fold& side, std::size_t row);

  Connection& connection_;
  const ProjectionSpec& spec_;
  const LookupSql& sql_;
  std::deque<SideKey> side_keys_;
  std::string bytes_;
  std::vector<CellView> key_;
};

// A row of the copy that is not what follows from the log.
struct LookupDifference {
  std::string source;
  OwnedValue key;                     // as it is stored; null where it is not
  std::optional<std::size_t> lookup;  // none: the projection does not look it up
  std::optional<std::size_t> row;     // of its fold; none: the log knows no such row
  std::optional<OwnedValue> stored;   // none: it is missing
};

void compare_lookups(Connection& connection, const Fold& fold,
                     const std::function<void(const LookupDifference& difference)>& differs);

// Mends the copy; returns how many of its rows differed.
std::size_t write_lookups(Connection& connection, const Fold& fold);

}  // namespace eventfold
