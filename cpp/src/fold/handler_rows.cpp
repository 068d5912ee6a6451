#include "fold/handler_rows.hpp"

#include "eventfold/error.hpp"
#include "fold/collection.hpp"

namespace eventfold {

void take_back(const ColumnSpec& column, Cell& cell, const CellView& value) {
  if (column.operation == Operation::distinct) {
    const CellView number = stored(column, cell);
    if (as_key(value) == as_key(number)) return;
    throw ProjectionError("the column \"" + column.column +
                          "\" is a number of different values, which an @on method cannot set");
  }
  const Collection* const collection = cell.collection();
  if (collection != nullptr && value.type == CellType::json && value.view() == collection->text()) return;
  load(column, cell, value);
}

}  // namespace eventfold
