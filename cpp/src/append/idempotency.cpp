#include "append/idempotency.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/sql.hpp"
#include "base/uuid.hpp"
#include "eventfold/error.hpp"

namespace eventfold {

namespace {

// FNV-1a, 128 bits (Fowler, Noll, Vo). It notices other content; it is no protection against someone who wants to
// collide.
class Digest {
 public:
  void add(std::string_view text) {
    for (const char byte : text) mix(static_cast<unsigned char>(byte));
    mix(0xFF);  // not in UTF-8: ends the text
  }
  std::array<char, 16> bytes() const {
    std::array<char, 16> bytes;
    for (int byte = 0; byte < 16; ++byte) bytes[byte] = static_cast<char>(state_ >> (120 - 8 * byte));
    return bytes;
  }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr Wide wide(std::uint64_t high, std::uint64_t low) { return (static_cast<Wide>(high) << 64) | low; }
  void mix(unsigned char byte) { state_ = (state_ ^ byte) * wide(0x0000000001000000, 0x000000000000013B); }
  Wide state_ = wide(0x6c62272e07bb0142, 0x62b821756295c58d);
};

std::array<char, 16> digest_of(std::span<const NewEvent> events) {
  Digest digest;
  for (const NewEvent& event : events) {
    digest.add(event.type);
    digest.add(event.stream);
    digest.add(event.data);
  }
  return digest.bytes();
}

Value blob_of(const Uuid& id) { return Value::blob({reinterpret_cast<const char*>(id.data()), id.size()}); }

struct Recorded {
  Position position = 0;
  std::int64_t events = 0;
};

std::optional<Recorded> find(Connection& connection, Value key, std::span<const NewEvent> events,
                             const std::string& name) {
  Statement& statement = connection.prepare(sql::find_request);
  ResetGuard guard(statement);
  statement.bind({key});
  if (!statement.step()) return std::nullopt;
  const auto digest = digest_of(events);
  if (statement.column(2).view() != std::string_view(digest.data(), digest.size())) {
    throw IdempotencyConflict("The " + name + " was used before for other events (position " +
                              std::to_string(statement.column(0).integer) + "): use a new one for new content");
  }
  return Recorded{statement.column(0).integer, statement.column(1).integer};
}

Appended recorded_at(Connection& connection, Position first, std::int64_t events) {
  Appended appended;
  appended.first = first;
  appended.last = first + events - 1;
  appended.repeated = true;
  Statement& statement = connection.prepare(sql::read_recorded);
  ResetGuard guard(statement);
  statement.bind({first, appended.last});
  while (statement.step()) {
    Uuid id{};
    const auto bytes = statement.column(0).view();
    std::memcpy(id.data(), bytes.data(), std::min(bytes.size(), id.size()));
    appended.ids.push_back(id);
    appended.versions.push_back(statement.column(1).integer);
    appended.created = statement.column(2).integer;
  }
  return appended;
}

std::string name_of(const Uuid& id) { return "event id " + format_uuid(id); }

}  // namespace

std::optional<Appended> find_recorded(Connection& connection, std::span<const NewEvent> events,
                                      std::string_view request) {
  if (!request.empty()) {
    if (auto recorded = find(connection, request, events, "request key \"" + std::string(request) + "\"")) {
      return recorded_at(connection, recorded->position, recorded->events);
    }
  }
  std::optional<Position> first;
  for (std::size_t index = 0; index < events.size(); ++index) {
    const NewEvent& event = events[index];
    const auto offset = static_cast<std::int64_t>(index);
    const auto recorded = event.id ? find(connection, blob_of(*event.id), events.subspan(index, 1), name_of(*event.id))
                                   : std::optional<Recorded>();
    if (index == 0 && recorded) first = recorded->position;
    if (index > 0 && recorded.has_value() != first.has_value()) {
      throw IdempotencyConflict(
          "Some events of this batch are recorded and others are not; repeat the batch as it was");
    }
    if (recorded && recorded->position != *first + offset) {
      throw IdempotencyConflict("The " + name_of(*event.id) + " was recorded in another batch (position " +
                                std::to_string(recorded->position) + "); repeat the batch as it was");
    }
  }
  if (!first) return std::nullopt;
  return recorded_at(connection, *first, static_cast<std::int64_t>(events.size()));
}

void record_request(Connection& connection, std::span<const NewEvent> events, std::string_view request,
                    Position first) {
  if (!request.empty()) {
    const auto digest = digest_of(events);
    connection.prepare(sql::insert_request)
        .run({request, first, static_cast<std::int64_t>(events.size()), Value::blob({digest.data(), digest.size()})});
  }
  for (std::size_t index = 0; index < events.size(); ++index) {
    if (!events[index].id) continue;
    const auto digest = digest_of(events.subspan(index, 1));
    connection.prepare(sql::insert_request)
        .run({blob_of(*events[index].id), first + static_cast<std::int64_t>(index), 1,
              Value::blob({digest.data(), digest.size()})});
  }
}

}  // namespace eventfold
