// What a live table lacks, found while others may write, and what must still be so for it to hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventfold/connection.hpp"
#include "eventfold/read_model.hpp"

namespace eventfold {

// Who keeps a read model's rows right, and up to where.
struct KeptRows {
  std::string spec_hash;
  Position position = 0;
  bool operator==(const KeptRows&) const = default;
};

struct Replay::Ahead {
  // As of now; all that it lacks is still to be found.
  Ahead(EventLog& log, std::string_view name, Position head);

  // Whether rows that were not among those that differ still do not. They do if nobody has written at all; and if those
  // who have keep the rows by the same definition: they bring no row to what it was between two events that were there
  // before, and change none but those that later events are about.
  bool still_holds(Connection& connection, std::string_view name, std::string_view spec_hash) const;

  std::optional<std::vector<RowKey>> keys;  // none: there are too many
  Position head;                            // of the log that the rows were held against
  std::int64_t data_version;
  std::optional<KeptRows> kept;
};

}  // namespace eventfold
