#include "read_model/log_readers.hpp"

namespace eventfold {

std::vector<std::unique_ptr<Connection>> open_readers(EventLog& log, std::size_t count) {
  std::vector<std::unique_ptr<Connection>> readers;
  if (log.connection().in_transaction()) return readers;
  for (std::size_t index = 0; index < count; ++index) {
    auto reader = log.connection().open_reader();
    if (!reader) return {};
    readers.push_back(std::move(reader));
  }
  return readers;
}

}  // namespace eventfold
