// Where the metadata of an event is: in its row, or beside the log if a trigger recorded it.
#pragma once

namespace eventfold {

// The SQL of it; the event is e.
inline constexpr const char* kMetadataOfEvent =
    "coalesce(e.metadata, (SELECT m.metadata FROM eventfold_metadata AS m WHERE m.position = e.position))";

}  // namespace eventfold
