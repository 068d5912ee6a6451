// Connection over a Python connection to SQLite (sqlite3, pysqlite3), where its handle cannot be borrowed: the same SQL
// through its cursors. Slower, and otherwise the same. Acquires the GIL itself, so it is called without it.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <unordered_map>

#include "eventfold/managed_connection.hpp"

namespace eventfold::bindings {

class DbapiConnection;

// One execution of a statement: a cursor, and its rows in batches.
class DbapiCursor {
 public:
  DbapiCursor(DbapiConnection& connection, const pybind11::str& sql, const pybind11::tuple& parameters, bool writing);
  DbapiCursor(const DbapiCursor&) = delete;
  DbapiCursor& operator=(const DbapiCursor&) = delete;
  ~DbapiCursor();
  // False: no more rows.
  bool next();
  int columns() const;
  // Its bytes live until next().
  Value column(int index);

 private:
  void fetch();

  DbapiConnection& connection_;
  pybind11::object cursor_;
  pybind11::list rows_;
  pybind11::list kept_;  // what column() had to make
  std::size_t row_ = 0;
  bool exhausted_ = false;
  bool writing_;
};

class DbapiStatement final : public Statement {
 public:
  DbapiStatement(DbapiConnection& connection, std::string_view sql);
  ~DbapiStatement() override;

  using Statement::bind;
  void bind(std::span<const Value> parameters) override;
  bool step() override;
  Value column(int index) override;
  void reset() noexcept override;

 private:
  DbapiConnection& connection_;
  pybind11::str sql_;
  pybind11::tuple parameters_;
  bool writing_;
  std::unique_ptr<DbapiCursor> cursor_;
};

class DbapiConnection final : public ManagedConnection {
 public:
  // With the GIL.
  explicit DbapiConnection(pybind11::object raw);
  ~DbapiConnection() override;

  void visit(std::string_view columns, std::string_view tail, std::span<const Value> parameters,
             RowVisitor& visitor) override;
  Statement& prepare(std::string_view sql) override;
  void execute_script(const std::string& sql) override;
  bool in_transaction() override;
  std::int64_t changes() override;
  std::unique_ptr<Connection> open_reader() override { return nullptr; }
  bool closed() const noexcept override { return closed_; }

  // The Python connection. Throws LogClosed. With the GIL.
  const pybind11::object& raw();
  // Throws what an exception of the Python connection means here; any other exception goes on as it is. With the GIL.
  [[noreturn]] void fail(pybind11::error_already_set& error, bool writing);

 protected:
  void close_now() noexcept override;

 private:
  pybind11::object raw_;
  bool is_file_ = false;
  bool closed_ = false;
  int generation_ = fork_generation();
  std::unordered_map<std::string, std::unique_ptr<DbapiStatement>> statements_;
};

}  // namespace eventfold::bindings
