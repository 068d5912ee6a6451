// Brings a live table to the rows of a fold: reads it once, writes only what differs.
#pragma once

#include "eventfold/connection.hpp"
#include "eventfold/projection.hpp"
#include "eventfold/read_model.hpp"

namespace eventfold {

// Within the caller's transaction. Only the projection's own columns are compared and written.
Written write_difference(Connection& connection, const Fold& fold);

}  // namespace eventfold
