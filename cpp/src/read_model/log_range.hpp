// From the log into a fold.
#pragma once

#include "eventfold/projection.hpp"
#include "scan/event_scan.hpp"

namespace eventfold {

// The types that a projection reads; their index is the plan's number.
ScanTypes scan_types(Connection& connection, const ProjectionSpec& spec);

void fold_range(Connection& connection, Fold& fold, const ScanTypes& types, Position after, Position until);

}  // namespace eventfold
