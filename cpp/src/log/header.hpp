// The header row: which log this is and how far it has come.
#pragma once

#include "eventfold/connection.hpp"
#include "eventfold/event_log.hpp"

namespace eventfold {

inline constexpr std::int64_t kSchemaVersion = 1;

struct Header {
  LogInfo info;
  std::int64_t last_created = 0;
  std::int64_t stamp = 0;
};

// Throws LogNotFound where there is no log, UnsupportedSchema for one that this release cannot write.
Header read_header(Connection& connection);
void write_header(Connection& connection, Position head, std::int64_t last_created, std::int64_t stamp,
                  Position folded);
void write_folded(Connection& connection, Position folded);

// The id, epoch and head, without a copy of log_id: what an append needs, in one short read.
struct HeadRow {
  Position head = 0;
  std::int64_t last_created = 0;
  std::int64_t stamp = 0;
  Position folded = 0;  // up to which the inline read models have seen every event
};
HeadRow read_head(Connection& connection);

}  // namespace eventfold
