// What one event does to one cell, and how a later range of events joins an earlier one.
#pragma once

#include "eventfold/projection.hpp"
#include "fold/cell.hpp"

namespace eventfold {

// Less than, in the order of SQLite: numbers, then texts by their bytes, then blobs.
bool less(const CellView& left, const CellView& right);
// Whether one can be less than the other other than by its type: both are numbers, or both texts, or both blobs.
bool comparable(const CellView& left, const CellView& right);

// A sum of decimals is kept as an integer of 10^-places units, as long as it has at most 15 digits; this is what its
// column holds.
CellView stored(const ColumnSpec& column, const CellView& cell);
// The same; of a collection, its text.
CellView stored(const ColumnSpec& column, const Cell& cell);
// The other way round, for a cell that was read from its column.
void load(const ColumnSpec& column, Cell& cell, const CellView& value);

// `relative`: the cell is one of a relative fold. Throws ProjectionError, and OrderMatters in a relative fold.
void apply(const ColumnSpec& column, Cell& cell, const CellView& value, bool relative);
void clear(const ColumnSpec& column, Cell& cell);
// `later` is of a relative fold. Throws ProjectionError, OrderMatters.
void merge(const ColumnSpec& column, Cell& cell, Cell&& later);

// The value that a cell of a new row has; in a relative fold, the one that changes nothing.
void start(const ColumnSpec& column, Cell& cell, bool relative);

}  // namespace eventfold
