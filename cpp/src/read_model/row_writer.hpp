// Writes rows of a fold into the table of its read model.
#pragma once

#include "eventfold/connection.hpp"
#include "eventfold/projection.hpp"
#include "read_model/table_sql.hpp"

namespace eventfold {

class ReadModelWriter {
 public:
  ReadModelWriter(Connection& connection, const Fold& fold, const TableSql& sql)
      : connection_(connection), fold_(fold), sql_(sql) {}
  // Throws ProjectionError where the table does not take the row.
  void insert(std::size_t row);
  void update(std::size_t row);
  void remove(std::size_t row);

 private:
  void run(const std::string& sql, std::size_t row, bool keys_first, bool columns, bool keys_last);
  Connection& connection_;
  const Fold& fold_;
  const TableSql& sql_;
  std::vector<Value> values_;
};

}  // namespace eventfold
