// Python callables that the core calls from within a native operation: with the GIL, which they take themselves.
#pragma once

#include <pybind11/pybind11.h>

#include "eventfold/read_model.hpp"

namespace eventfold::bindings {

// handler(row, event): `row` is a dict of key and columns as they are stored, which it may change (all but the key);
// `event` is (type, position, created in microseconds, data). Null for None.
Fold::Handler make_handler(std::shared_ptr<const ProjectionSpec> spec, const pybind11::object& callable);

// progress(done, total); signals (Ctrl-C) are looked at even where `callable` is None.
Progress make_progress(const pybind11::object& callable);

}  // namespace eventfold::bindings
