// Which rows events concern.
#include "eventfold/error.hpp"
#include "eventfold/read_model.hpp"
#include "read_model/log_range.hpp"

namespace eventfold {

// Each event is folded alone, into no row that is there: what a key is made of is known to the fold and nobody else. It
// takes the key first, so that an event which cannot be folded concerns its row all the same.
std::vector<EventKeys> keys_of_events(EventLog& log, const std::shared_ptr<const ProjectionSpec>& spec, Position after,
                                      Position until) {
  Connection& connection = log.connection();
  Fold fold(spec);
  std::vector<EventKeys> found;
  const ScanTypes types = scan_types(connection, *spec);
  Fold::Handler ignore([](Fold::Row&, const EventView&) {});
  ignore.batch = [](Fold::Batch&) {};
  scan_events(connection, types, after, until, [&](int plan, const EventView& event) {
    fold.clear();
    fold.set_handler(ignore);
    try {
      fold.apply(plan, event);
    } catch (const ProjectionError&) {
    } catch (const CorruptLog&) {
    }
    if (fold.slots() == 0) return;
    EventKeys& event_keys = found.emplace_back();
    event_keys.position = event.position;
    for (std::size_t row = 0; row < fold.slots(); ++row) {
      auto& key = event_keys.keys.emplace_back();
      for (std::size_t part = 0; part < spec->key.size(); ++part) {
        const CellView cell = fold.key(row, part);
        key.push_back({cell, std::string(cell.view())});
      }
    }
  });
  return found;
}

}  // namespace eventfold
