// Which recorded events somebody wants to follow, and what of them he is given.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "eventfold/event.hpp"

namespace eventfold {

// Events of some types; of a type, only those whose data has one of some members. What was imported is of the past, and
// nobody follows it. Immutable, so threads may share it.
class WantedChanges {
 public:
  // By the number of a type: names of members of its data; none: every event of the type. At least one type.
  explicit WantedChanges(const std::map<std::int64_t, std::vector<std::string>>& members);

  // Selects candidates: (position, type_id, data, metadata) after ?1, until ?2, at most ?3 of them, in order.
  const std::string& sql() const { return sql_; }
  // Whether the data may have one of the members: it looks for their names anywhere in the text.
  bool matches(std::int64_t type_id, std::string_view data) const;

 private:
  std::map<std::int64_t, std::vector<std::string>> needles_;
  std::string sql_;
};

struct FoundChange {
  Position position = 0;
  std::int64_t type_id = 0;
  std::string data;
  std::string metadata;  // empty: none
};

struct FoundChanges {
  std::vector<FoundChange> changes;
  Position until = 0;  // up to where they were looked for: the end of the range, or the last of a full batch
};

// What the inline read models had not seen, and what of it somebody follows.
struct PendingChanges {
  Position after = 0;
  Position until = 0;
  FoundChanges found;
  bool marked = true;  // false: mark_folded() is still to come
};

}  // namespace eventfold
