// Python callables that the core calls from within a native operation: with the GIL, which they take themselves.
#pragma once

#include <pybind11/pybind11.h>

#include "eventfold/read_model.hpp"

namespace eventfold::bindings {

// handler(row, event): `row` is a dict of key and columns as they are stored, which it may change (all but the key);
// `event` is (type, position, created in microseconds, data). Null for None.
// Where the specification is batched: handler(rows, events) -> rows. A row is a list of its key and the columns that no
// operation fills, what is returned has those columns alone; an event's tuple ends with the index of its row.
Fold::Handler make_handler(std::shared_ptr<const ProjectionSpec> spec, const pybind11::object& callable);

// progress(done, total); signals (Ctrl-C) are looked at even where `callable` is None.
Progress make_progress(const pybind11::object& callable);

}  // namespace eventfold::bindings
