// Writes a batch of events: positions, ids, interned names, versions, the header, and then whoever listens.
#pragma once

#include <functional>
#include <span>

#include "eventfold/event_log.hpp"
#include "log/header.hpp"
#include "log/interns.hpp"

namespace eventfold {

// Throws ProjectionError while a handler runs.
void refuse_while_folding(const Connection& connection);

// Gives the listener the events of (after, until].
using CatchUp = std::function<void(Position after, Position until)>;

// Within the caller's transaction. `catch_up` is called where the listener has events to see before these.
Appended append_events(Connection& connection, Interns& interns, std::span<const NewEvent> events,
                       const AppendOptions& options, AppendListener* listener, const CatchUp& catch_up);

}  // namespace eventfold
