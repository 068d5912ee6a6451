#include "fold/gather.hpp"

#include <cmath>
#include <utility>

#include "eventfold/error.hpp"
#include "fold/distinct.hpp"

namespace eventfold {

void Cell::adopt(std::unique_ptr<Collection> collection) {
  release();
  type = CellType::json;
  owns_ = Owns::collection;
  collection_ = collection.release();
}

void Cell::delete_collection() { delete collection_; }

namespace {

[[noreturn]] void not_of_a_fold(const ColumnSpec& column) {
  throw ProjectionError("the column \"" + column.column +
                        "\" holds something that no fold wrote: run `manage.py events verify --repair`");
}

// How many different values a column has counted.
std::int64_t number_in(const ColumnSpec& column, const CellView& value) {
  if (value.type == CellType::integer || value.type == CellType::boolean) return value.integer;
  if (value.type != CellType::real || !(std::abs(value.real) < 0x1p53)) not_of_a_fold(column);
  return std::llround(value.real);
}

// The collection of a cell that may hold no more than the stored text of one, or nothing.
Collection& opened(const ColumnSpec& column, Cell& cell) {
  if (Collection* const collection = cell.collection()) return *collection;
  if (cell.type == CellType::null) {
    cell.adopt(Collection::empty(column));
  } else if (column.operation == Operation::distinct) {
    cell.adopt(std::make_unique<Distinct>(number_in(column, cell.view())));
  } else {
    auto collection = Collection::from_json(column, cell.view().view());
    if (!collection) not_of_a_fold(column);
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

void count_different(const ColumnSpec& column, Cell& cell, const CellView& value,
                     const std::function<bool(const CellView& value)>* stored) {
  if (value.type == CellType::absent || value.type == CellType::null) return;
  auto& values = static_cast<Distinct&>(opened(column, cell));
  CellView canonical;
  try {
    canonical = Distinct::canonical(value);
  } catch (const ProjectionError& error) {
    throw ProjectionError("the column \"" + column.column + "\": " + error.what());
  }
  if (values.has(canonical)) return;
  if (stored != nullptr && (*stored)(canonical)) return values.know(canonical);
  values.count(canonical);
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
