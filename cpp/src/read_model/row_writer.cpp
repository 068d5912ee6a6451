#include "read_model/row_writer.hpp"

#include "base/sqlite_api.hpp"
#include "eventfold/error.hpp"
#include "eventfold/sqlite_error.hpp"

namespace eventfold {

namespace {

// A full or failing disk is no fault of the row; SQLite may have rolled the whole transaction back.
bool is_fault_of_the_row(const DatabaseError& error) {
  const auto* sqlite = dynamic_cast<const SqliteError*>(&error);
  if (sqlite == nullptr) return true;
  const int code = sqlite->code & 0xff;
  return code != SQLITE_FULL && code != SQLITE_IOERR && code != SQLITE_INTERRUPT;
}

}  // namespace

void ReadModelWriter::insert(std::size_t row) {
  values_.clear();
  add_key(row);
  add_columns(row);
  run(insert_, sql_.insert_row);
}

void ReadModelWriter::update(std::size_t row) {
  if (sql_.update_row.empty()) return;
  values_.clear();
  add_columns(row);
  add_key(row);
  run(update_, sql_.update_row);
}

void ReadModelWriter::remove(std::size_t row) {
  values_.clear();
  add_key(row);
  run(delete_, sql_.delete_row);
}

void ReadModelWriter::remove(std::span<const OwnedCell> key) {
  values_.clear();
  for (std::size_t part = 0; part < key.size(); ++part) {
    values_.push_back(value_of(fold_.spec().key[part].kind, key[part].view()));
  }
  run(delete_, sql_.delete_row);
}

void ReadModelWriter::add_key(std::size_t row) {
  const auto& key = fold_.spec().key;
  for (std::size_t part = 0; part < key.size(); ++part) {
    values_.push_back(value_of(key[part].kind, fold_.key(row, part)));
  }
}

void ReadModelWriter::add_columns(std::size_t row) {
  const auto& columns = fold_.spec().columns;
  for (std::size_t column = 0; column < columns.size(); ++column) {
    values_.push_back(value_of(columns[column].kind, fold_.column(row, column)));
  }
}

void ReadModelWriter::run(Statement*& statement, const std::string& sql) {
  try {
    if (statement == nullptr) statement = &connection_.prepare(sql);
  } catch (const DatabaseError&) {
    rethrow_table_error(fold_.spec());
  }
  ResetGuard guard(*statement);
  try {
    statement->bind(values_);
    while (statement->step()) {
    }
  } catch (const DatabaseError& error) {
    if (!is_fault_of_the_row(error)) throw;
    throw ProjectionError("The table of " + fold_.spec().name +
                          " does not take a row that follows from the log: " + error.what());
  }
}

}  // namespace eventfold
