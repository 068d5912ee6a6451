#include "eventfold/connection.hpp"

namespace eventfold {
namespace {

void run(Connection& connection, std::string_view sql) { connection.prepare(sql).run({}); }

}  // namespace

// IMMEDIATE: a transaction that reads first and then meets another writer could never be completed.
Transaction::Transaction(Connection& connection) : connection_(connection), outermost_(!connection.in_transaction()) {
  run(connection_, outermost_ ? "BEGIN IMMEDIATE" : "SAVEPOINT eventfold");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    // After some errors (disk full, no memory, I/O) SQLite has rolled back by itself, enclosing transactions and all.
    if (!connection_.in_transaction()) return;
    connection_.forget_seen();
    if (outermost_) {
      run(connection_, "ROLLBACK");
    } else {
      run(connection_, "ROLLBACK TO eventfold");
      run(connection_, "RELEASE eventfold");
    }
  } catch (...) {
    // The error that led here matters more; what could not be undone now, SQLite undoes when the connection closes.
  }
}

void Transaction::commit() {
  run(connection_, outermost_ ? "COMMIT" : "RELEASE eventfold");
  open_ = false;
}

ReadTransaction::ReadTransaction(Connection& connection)
    : connection_(connection), outermost_(!connection.in_transaction()) {
  if (outermost_) run(connection_, "BEGIN DEFERRED");
}

ReadTransaction::~ReadTransaction() {
  try {
    if (outermost_ && connection_.in_transaction()) run(connection_, "ROLLBACK");
  } catch (...) {
    // as in ~Transaction
  }
}

}  // namespace eventfold
