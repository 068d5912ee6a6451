// Operations whose cells hold a collection.
#pragma once

#include <functional>

#include "fold/cell.hpp"
#include "fold/collection.hpp"

namespace eventfold {

// Adds what an event says to a cell, which has a collection from then on. Throws ProjectionError, also for a stored
// text that is no such collection.
void gather(const ColumnSpec& column, Cell& cell, const Collection::Item& item);
// The same for a column of different values. `stored`: whether the row counted a value before it was loaded; null: it
// counted none, or none that counts still.
void count_different(const ColumnSpec& column, Cell& cell, const CellView& value,
                     const std::function<bool(const CellView& value)>* stored);
// As merge() does.
void merge_collections(const ColumnSpec& column, Cell& cell, Cell&& later);

}  // namespace eventfold
