// Names of types and streams to their ids, remembered for as long as the log's stamp is the one we saw last.
//
// Each append writes a random stamp into the header. Whoever finds another stamp than his own last one cannot know
// whether his transaction was rolled back, another process wrote, or the file was replaced: he forgets everything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "eventfold/connection.hpp"
#include "eventfold/event.hpp"

namespace eventfold {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

struct TypeEntry {
  std::int64_t id = 0;
  std::string slots;       // names of the indexed fields
  std::string fill_slots;  // the statement that fills the slots; empty: there is none
};

struct StreamEntry {
  std::int64_t id = 0;
  Version head = 0;
};

class Interns {
 public:
  // Forgets everything unless this is the stamp of the last remember().
  void validate(std::int64_t stamp);
  void remember(std::int64_t stamp) { stamp_ = stamp; }
  void forget();

  // References are good until forget() or a validate() that forgets.
  const TypeEntry* find_type(Connection& connection, std::string_view name);  // null: there is none
  const TypeEntry& intern_type(Connection& connection, std::string_view name);
  // The stream's id and head; made where it is missing.
  StreamEntry& intern_stream(Connection& connection, std::string_view name);

 private:
  std::optional<std::int64_t> stamp_;
  std::unordered_map<std::string, TypeEntry, StringHash, std::equal_to<>> types_;
  std::unordered_map<std::string, StreamEntry, StringHash, std::equal_to<>> streams_;
};

// Asks the database, remembers nothing.
std::optional<std::int64_t> find_stream(Connection& connection, std::string_view name);
Version read_stream_head(Connection& connection, std::int64_t stream_id);

}  // namespace eventfold
