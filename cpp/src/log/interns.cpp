#include "log/interns.hpp"

#include "base/sql.hpp"

namespace eventfold {

namespace {

constexpr std::size_t kRememberedStreams = 1 << 18;  // about 30 MB of names at most

std::optional<std::int64_t> find_id(Connection& connection, const char* sql, std::string_view name) {
  Statement& statement = connection.prepare(sql);
  ResetGuard guard(statement);
  statement.bind({name});
  if (!statement.step()) return std::nullopt;
  return statement.column(0).integer;
}

std::int64_t insert_name(Connection& connection, const char* sql, std::string_view name) {
  Statement& statement = connection.prepare(sql);
  statement.bind({name});
  ResetGuard guard(statement);
  statement.step();
  const std::int64_t id = statement.column(0).integer;
  while (statement.step()) {  // RETURNING is done only when the statement is
  }
  return id;
}

}  // namespace

void Interns::validate(std::int64_t stamp) {
  if (stamp_ != stamp) forget();
}

void Interns::forget() {
  stamp_.reset();
  types_.clear();
  streams_.clear();
}

const TypeEntry* Interns::find_type(Connection& connection, std::string_view name) {
  if (auto known = types_.find(name); known != types_.end()) return &known->second;
  Statement& statement = connection.prepare(sql::find_type);
  ResetGuard guard(statement);
  statement.bind({name});
  if (!statement.step()) return nullptr;
  TypeEntry entry{statement.column(0).integer, std::string(statement.column(1).view()),
                  std::string(statement.column(2).view())};
  return &types_.emplace(name, std::move(entry)).first->second;
}

const TypeEntry& Interns::intern_type(Connection& connection, std::string_view name) {
  if (const TypeEntry* entry = find_type(connection, name)) return *entry;
  const auto id = insert_name(connection, sql::insert_type, name);
  return types_.emplace(name, TypeEntry{id, {}, {}}).first->second;
}

StreamEntry& Interns::intern_stream(Connection& connection, std::string_view name) {
  if (auto known = streams_.find(name); known != streams_.end()) return known->second;
  if (streams_.size() >= kRememberedStreams) streams_.clear();
  StreamEntry entry;
  if (auto id = find_id(connection, sql::find_stream, name)) {
    entry = {*id, read_stream_head(connection, *id)};
  } else {
    entry = {insert_name(connection, sql::insert_stream, name), 0};
  }
  return streams_.emplace(name, entry).first->second;
}

std::optional<std::int64_t> find_stream(Connection& connection, std::string_view name) {
  return find_id(connection, sql::find_stream, name);
}

Version read_stream_head(Connection& connection, std::int64_t stream_id) {
  Statement& statement = connection.prepare(sql::stream_head);
  ResetGuard guard(statement);
  statement.bind({stream_id});
  return statement.step() ? statement.column(0).integer : 0;
}

}  // namespace eventfold
