// Operations whose cells hold a collection.
#pragma once

#include "fold/cell.hpp"
#include "fold/collection.hpp"

namespace eventfold {

// Adds what an event says to a cell, which has a collection from then on. Throws ProjectionError, also for a stored
// text that is no such collection.
void gather(const ColumnSpec& column, Cell& cell, const Collection::Item& item);
// As merge() does.
void merge_collections(const ColumnSpec& column, Cell& cell, Cell&& later);

}  // namespace eventfold
