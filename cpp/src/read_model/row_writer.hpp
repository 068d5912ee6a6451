// Writes rows of a fold into the table of its read model.
#pragma once

#include <string>
#include <vector>

#include "eventfold/connection.hpp"
#include "eventfold/projection.hpp"
#include "read_model/table_sql.hpp"

namespace eventfold {

// For one write after the other: the connection stays open, and the statements with it.
class ReadModelWriter {
 public:
  ReadModelWriter(Connection& connection, const Fold& fold, const TableSql& sql)
      : connection_(connection), fold_(fold), sql_(sql) {}
  // Throws ProjectionError where the table does not take the row.
  void insert(std::size_t row);
  void update(std::size_t row);
  void remove(std::size_t row);
  // A row that the fold does not have.
  void remove(std::span<const OwnedCell> key);

 private:
  void add_key(std::size_t row);
  void add_columns(std::size_t row);
  void run(Statement*& statement, const std::string& sql);

  Connection& connection_;
  const Fold& fold_;
  const TableSql& sql_;
  Statement* insert_ = nullptr;
  Statement* update_ = nullptr;
  Statement* delete_ = nullptr;
  std::vector<Value> values_;
};

}  // namespace eventfold
