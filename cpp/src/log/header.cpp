#include "log/header.hpp"

#include "base/sql.hpp"
#include "eventfold/error.hpp"

namespace eventfold {

namespace {

void check_version(std::int64_t version) {
  if (version > kSchemaVersion) {
    throw UnsupportedSchema("The log was written by a newer release of eventfold (schema " + std::to_string(version) +
                            ", this release knows " + std::to_string(kSchemaVersion) + "): upgrade eventfold");
  }
  if (version < 1)
    throw UnsupportedSchema("The log's header names schema " + std::to_string(version) + ", which never was");
}

Statement& step_header(Connection& connection) {
  Statement& statement = connection.prepare(sql::read_header);
  statement.bind({});
  if (!statement.step()) {
    throw LogNotFound("The log has no header row: run `manage.py migrate`, or EventLog.install()");
  }
  return statement;
}

}  // namespace

Header read_header(Connection& connection) {
  Statement& statement = step_header(connection);
  ResetGuard guard(statement);
  Header header;
  header.info.log_id = statement.column(0).view();
  header.info.epoch = statement.column(1).integer;
  header.info.schema_version = statement.column(2).integer;
  header.info.head = statement.column(3).integer;
  header.last_created = statement.column(4).integer;
  header.stamp = statement.column(5).integer;
  check_version(header.info.schema_version);
  return header;
}

HeadRow read_head(Connection& connection) {
  Statement& statement = step_header(connection);
  ResetGuard guard(statement);
  check_version(statement.column(2).integer);
  return {statement.column(3).integer, statement.column(4).integer, statement.column(5).integer,
          statement.column(6).integer};
}

void write_header(Connection& connection, Position head, std::int64_t last_created, std::int64_t stamp,
                  Position folded) {
  connection.prepare(sql::write_header).run({head, last_created, stamp, folded});
}

void write_folded(Connection& connection, Position folded) { connection.prepare(sql::write_folded).run({folded}); }

}  // namespace eventfold
