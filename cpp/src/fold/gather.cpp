#include "fold/gather.hpp"

#include <utility>

#include "eventfold/error.hpp"

namespace eventfold {

void Cell::adopt(std::unique_ptr<Collection> collection) {
  release();
  type = CellType::json;
  owns_ = Owns::collection;
  collection_ = collection.release();
}

void Cell::delete_collection() { delete collection_; }

namespace {

// The collection of a cell that may hold no more than the stored text of one, or nothing.
Collection& opened(const ColumnSpec& column, Cell& cell) {
  if (Collection* const collection = cell.collection()) return *collection;
  if (cell.type == CellType::null) {
    cell.adopt(Collection::empty(column));
  } else {
    auto collection = Collection::from_json(column, cell.view().view());
    if (!collection) {
      throw ProjectionError("the column \"" + column.column +
                            "\" holds something that no fold wrote: run `manage.py events verify --repair`");
    }
    cell.adopt(std::move(collection));
  }
  return *cell.collection();
}

}  // namespace

void gather(const ColumnSpec& column, Cell& cell, const Collection::Item& item) {
  if (item.value.type == CellType::absent) return;
  // only a list or a set has nulls
  if (item.value.type == CellType::null && column.operation != Operation::list && column.operation != Operation::set) {
    return;
  }
  Collection& collection = opened(column, cell);
  try {
    collection.add(item);
  } catch (const ProjectionError& error) {
    throw ProjectionError("the column \"" + column.column + "\": " + error.what());
  }
  cell.flags |= Cell::touched;
}

void merge_collections(const ColumnSpec& column, Cell& cell, Cell&& later) {
  const auto flags = static_cast<std::uint8_t>(cell.flags | later.flags);
  const Collection* const found = later.collection();
  if ((later.flags & Cell::absolute) || (found != nullptr && cell.type == CellType::null)) {
    cell = std::move(later);
  } else if (found != nullptr) {
    opened(column, cell).join(*found);
  }
  cell.flags = flags;
}

}  // namespace eventfold
