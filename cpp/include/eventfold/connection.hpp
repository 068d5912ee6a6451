// Where SQL runs. One interface, so that log, scan and read models are written once for each way of reaching a
// database: the SQLite C API (SqliteConnection) and a Python DB-API cursor (cpp/bindings).
//
// Not thread-safe: one thread at a time, as the connection beneath it.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "eventfold/value.hpp"

namespace eventfold {

class Statement {
 public:
  virtual ~Statement() = default;
  // Resets the statement and binds the parameters, in order. Text and blobs must stay alive until reset().
  virtual void bind(std::span<const Value> parameters) = 0;
  // True: a row is ready. False: done, and the statement is reset.
  virtual bool step() = 0;
  // A column of the current row; its bytes live until the next step() or reset().
  virtual Value column(int index) = 0;
  virtual void reset() noexcept = 0;

  void bind(std::initializer_list<Value> parameters) {
    bind(std::span<const Value>(parameters.begin(), parameters.size()));
  }
  // Binds, runs to the end and ignores rows.
  void run(std::initializer_list<Value> parameters) {
    bind(parameters);
    while (step()) {
    }
  }
};

// Resets a statement when it goes out of scope: none may be left stepped over a COMMIT or a return to the caller.
class ResetGuard {
 public:
  explicit ResetGuard(Statement& statement) : statement_(statement) {}
  ResetGuard(const ResetGuard&) = delete;
  ResetGuard& operator=(const ResetGuard&) = delete;
  ~ResetGuard() { statement_.reset(); }

 private:
  Statement& statement_;
};

class RowVisitor {
 public:
  virtual ~RowVisitor() = default;
  // One row; its bytes live until this returns. May throw: the scan then ends and the exception comes out of visit().
  virtual void row(std::span<const Value> columns) = 0;
};

class Connection {
 public:
  virtual ~Connection() = default;
  // Runs "SELECT <columns> <tail>" and hands each row to the visitor, in the order the rows are found (so tail must
  // name one index, or the rowid, and no ORDER BY). The fastest way to read many rows: SQLite calls us, not we it.
  virtual void visit(std::string_view columns, std::string_view tail, std::span<const Value> parameters,
                     RowVisitor& visitor) = 0;
  // The same for columns of a table's rows after a rowid, up to another, read past SQL where that is possible: outside
  // of a transaction, in a plain file. Returns up to which rowid it was; the rest is to be read otherwise.
  virtual std::int64_t visit_pages(std::string_view /*table*/, std::span<const std::string_view> /*columns*/,
                                   std::int64_t after, std::int64_t /*until*/, RowVisitor& /*visitor*/) {
    return after;
  }
  // Prepared once for each text and kept. Throws LogClosed after close.
  virtual Statement& prepare(std::string_view sql) = 0;
  // One or more statements, without parameters or rows.
  virtual void execute_script(const std::string& sql) = 0;
  // The same without triggers, where the connection can do that; TEMP ones are fired even so.
  virtual void execute_untriggered(const std::string& sql) { execute_script(sql); }
  // Whether a transaction is open on this connection.
  virtual bool in_transaction() = 0;
  // Rows changed by the last statement that was run.
  virtual std::int64_t changes() = 0;
  // A further read-only connection to the same file for a parallel scan, or null where there can be none
  // (in memory, temporary, DB-API).
  virtual std::unique_ptr<Connection> open_reader() = 0;

  // True while a fold calls out to a handler: an append would then change what is being folded, and is refused.
  bool folding = false;
  // Whether the log may have events that seen() has not been told of. True where the connection cannot know.
  virtual bool may_have_unseen() { return true; }
  // All that the log has is about to be read.
  virtual void begin_to_look() {}
  // The inline read models, and whoever follows, have seen everything up to a position.
  virtual void seen(std::int64_t /*until*/) {}
  // What was done since is being taken back, up to a savepoint.
  virtual void forget_seen() {}
  // Whether a COMMIT from now on rolls back, and fails, where the connection can do that.
  virtual void refuse_commit(bool /*refused*/) noexcept {}
};

// Opens a database file with the SQLite that this build uses. Throws DatabaseError.
struct OpenOptions {
  bool read_only = false;
  int busy_timeout_ms = 5000;
};
std::unique_ptr<Connection> open_sqlite(const std::string& path, const OpenOptions& options = {});

// A transaction of ours: BEGIN IMMEDIATE where none is open, else a savepoint. Rolls back unless committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Connection& connection_;
  bool outermost_;
  bool open_ = true;
};

// Several reads of one state of the database, during which others may write: a transaction of ours where none is open,
// of which nothing is kept.
class ReadTransaction {
 public:
  explicit ReadTransaction(Connection& connection);
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;
  ~ReadTransaction();

 private:
  Connection& connection_;
  bool outermost_;
};

}  // namespace eventfold
