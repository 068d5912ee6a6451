// What module.cpp calls, in this order: a class must be known before another one names it.
#pragma once

#include <pybind11/pybind11.h>

void bind_errors(pybind11::module_& module);
void bind_sqlite(pybind11::module_& module);  // Database
void bind_codec(pybind11::module_& module);   // Batch, EventCodec, encode_events
void bind_log(pybind11::module_& module);     // AppendListener (base of ReadModels), Log, Appended
void bind_fold(
    pybind11::module_& module);  // ReadModels: py::class_<InlineReadModels, AppendListener, shared_ptr>, Replay, fold
void bind_saved_replay(pybind11::module_& module);
