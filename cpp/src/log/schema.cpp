#include "log/schema.hpp"

#include "base/clock.hpp"
#include "base/sql.hpp"
#include "base/uuid.hpp"
#include "eventfold/error.hpp"
#include "log/header.hpp"

namespace eventfold {

bool log_installed(Connection& connection) {
  Statement& statement = connection.prepare(sql::find_log);
  ResetGuard guard(statement);
  statement.bind({});
  return statement.step() && statement.column(0).integer == 2;
}

namespace {

// The table itself: read_header() reads a view on it, which a log that is half installed lacks.
void probe_header(Connection& connection) {
  Statement& statement = connection.prepare(sql::probe_header);
  ResetGuard guard(statement);
  statement.bind({});
  statement.step();
}

// Logs of earlier days have not the tables that came later, and change nothing else.
void add_later_tables(Connection& connection) {
  {
    Statement& statement = connection.prepare(sql::find_later_tables);
    ResetGuard guard(statement);
    statement.bind({});
    if (statement.step() && statement.column(0).integer == 1) return;
  }
  Transaction transaction(connection);
  connection.execute_script(sql::schema);
  transaction.commit();
}

}  // namespace

void install_log(Connection& connection) {
  if (log_installed(connection)) {
    // a newer or foreign log must not be touched, so look before the first statement of ours runs
    try {
      probe_header(connection);
      read_header(connection);
      add_later_tables(connection);
      return;
    } catch (const LogNotFound&) {
      // tables without a header row: finish the installation
    } catch (const DatabaseError& error) {
      throw UnsupportedSchema(std::string("The tables named eventfold_... in this database are not a log of ours: ") +
                              error.what());
    }
  }
  Transaction transaction(connection);
  connection.execute_script(sql::schema);
  connection.prepare(sql::insert_header)
      .run({std::string_view(format_uuid(UuidSequence(now_us()).next())), kSchemaVersion});
  transaction.commit();
}

void empty_log(Connection& connection) {
  Transaction transaction(connection);
  add_later_tables(connection);
  connection.execute_script(sql::empty_log);
  transaction.commit();
}

}  // namespace eventfold
