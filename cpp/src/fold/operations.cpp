#include "fold/operations.hpp"

#include <cmath>
#include <utility>

#include "eventfold/error.hpp"
#include "fold/gather.hpp"

namespace eventfold {

namespace {

// What a relative fold may come to, and what it may be merged into, so that their sum stays within the limit at every
// step of the way.
constexpr std::int64_t kHalfOfLargest = std::int64_t{1} << 62;
// Up to here a number of units survives being written as a double, divided by 10^places, and read again.
constexpr double kMostUnits = 0x1p50;
constexpr std::int64_t kHalfOfMostUnits = std::int64_t{1} << 49;

double as_double(const CellView& cell) {
  return cell.type == CellType::real ? cell.real : static_cast<double>(cell.integer);
}

[[noreturn]] void overflow(const ColumnSpec& column) {
  throw ProjectionError("the column \"" + column.column + "\" has grown beyond 64 bits");
}

double power_of_ten(int exponent) {
  constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
  return kPowers[exponent];
}

bool is_decimal_sum(const ColumnSpec& column) {
  return column.operation == Operation::sum && column.kind == Kind::decimal;
}

bool is_number(const CellView& value) {
  return value.type == CellType::integer || value.type == CellType::real || value.type == CellType::boolean;
}

// A decimal as a whole number of units; false if it has too many digits for that.
bool units_of(const ColumnSpec& column, const CellView& value, std::int64_t& units) {
  const double number = as_double(value) * power_of_ten(column.places);
  if (!(std::abs(number) <= kMostUnits)) return false;
  units = std::llround(number);
  return true;
}

// A decimal sum is an integer cell (of units) or, with too many digits for that, a real one, which holds what its
// column does: then live and replayed sums still agree, since both go through the stored value at each step.
void add_decimal(const ColumnSpec& column, Cell& cell, const CellView& value, bool relative) {
  std::int64_t units = 0;
  const CellView current = cell.view();
  if (current.type != CellType::real && units_of(column, value, units)) {
    const std::int64_t sum = (current.type == CellType::null ? 0 : current.integer) + units;  // both below 2^51
    if (std::abs(static_cast<double>(sum)) <= kMostUnits) {
      if (relative && std::abs(sum) > kHalfOfMostUnits) throw OrderMatters();
      return cell.set_integer(sum);
    }
  }
  if (relative) throw OrderMatters();
  load(column, cell, CellView(as_double(stored(column, current)) + as_double(value)));
}

void add(const ColumnSpec& column, Cell& cell, const CellView& value, bool relative) {
  if (value.type == CellType::null) return;
  if (!is_number(value)) {
    throw ProjectionError("the column \"" + column.column + "\" sums something that is no number within 64 bits");
  }
  if (is_decimal_sum(column)) return add_decimal(column, cell, value, relative);
  CellView current = cell.view();
  if (current.type == CellType::null) current = CellView(std::int64_t{0});
  if (current.type == CellType::real || value.type == CellType::real) {
    if (relative) throw OrderMatters();
    const double sum = as_double(current) + as_double(value);
    if (std::isnan(sum)) return cell.set_null();  // of both infinities; a column gives NULL back for it
    return cell.set_real(sum);
  }
  std::int64_t sum = 0;
  const bool beyond = __builtin_add_overflow(current.integer, value.integer, &sum);
  if (relative && (beyond || sum > kHalfOfLargest || sum < -kHalfOfLargest)) throw OrderMatters();
  if (beyond) overflow(column);
  cell.set_integer(sum);
}

// Sums that were folded apart: only where no step in between could have come out otherwise.
void merge_sums(const ColumnSpec& column, Cell& cell, const Cell& later) {
  if (later.type == CellType::null) return;
  if (cell.type == CellType::null) cell.set_integer(0);
  if (cell.type != CellType::integer || later.type != CellType::integer) throw OrderMatters();
  const std::int64_t most = is_decimal_sum(column) ? kHalfOfMostUnits : kHalfOfLargest;
  if (cell.integer() > most || cell.integer() < -most) throw OrderMatters();
  cell.set_integer(cell.integer() + later.integer());
}

void combine(const ColumnSpec& column, Cell& cell, const CellView& value, bool relative) {
  if (value.type == CellType::absent) return;
  switch (column.operation) {
    case Operation::count:
    case Operation::sum:
      return add(column, cell, value, relative);
    case Operation::min:
      if (value.type != CellType::null && (cell.type == CellType::null || less(value, cell.view()))) cell.set(value);
      return;
    case Operation::max:
      if (value.type != CellType::null && (cell.type == CellType::null || less(cell.view(), value))) cell.set(value);
      return;
    case Operation::first:
      // unset is what equals the initial value: a stored row says no more
      if (value.type != CellType::null && cell.view() == column.initial.view()) cell.set(value);
      return;
    case Operation::latest:
      cell.set(value);
      return;
    case Operation::handler:
    case Operation::list:
    case Operation::set:
    case Operation::histogram:
    case Operation::top:
    case Operation::distinct:
      return;
  }
}

}  // namespace

CellView stored(const ColumnSpec& column, const CellView& cell) {
  if (!is_decimal_sum(column) || cell.type != CellType::integer) return cell;
  const auto unit = static_cast<std::int64_t>(power_of_ten(column.places));
  if (cell.integer % unit == 0) return CellView(cell.integer / unit);
  return CellView(static_cast<double>(cell.integer) / static_cast<double>(unit));
}

CellView stored(const ColumnSpec& column, const Cell& cell) {
  if (const Collection* const collection = cell.collection()) return collection->value();
  return stored(column, cell.view());
}

void load(const ColumnSpec& column, Cell& cell, const CellView& value) {
  if (!is_decimal_sum(column) || !is_number(value)) return cell.set(value);
  std::int64_t units = 0;
  if (units_of(column, value, units)) {
    cell.set_integer(units);
  } else {
    cell.set_real(as_double(value));
  }
}

void start(const ColumnSpec& column, Cell& cell, bool relative) {
  if (!relative) return load(column, cell, column.initial.view());
  if (column.operation == Operation::first) return cell.set(column.initial.view());
  cell.set_null();
}

void apply(const ColumnSpec& column, Cell& cell, const CellView& value, bool relative) {
  if (value.type == CellType::absent && column.operation != Operation::count) return;
  relative = relative && !(cell.flags & Cell::absolute);
  cell.flags |= Cell::touched;
  if (column.operation == Operation::count) {
    if (cell.type == CellType::integer && cell.integer() < kHalfOfLargest) return cell.add_unchecked(1);
    return add(column, cell, CellView(std::int64_t{1}), relative);
  }
  combine(column, cell, value, relative);
}

void clear(const ColumnSpec& column, Cell& cell) {
  start(column, cell, false);
  cell.flags |= Cell::touched | Cell::absolute;
}

void merge(const ColumnSpec& column, Cell& cell, Cell&& later) {
  if (is_collection(column.operation)) return merge_collections(column, cell, std::move(later));
  const auto flags = static_cast<std::uint8_t>(cell.flags | later.flags);
  const bool touched = later.flags & Cell::touched;
  if ((later.flags & Cell::absolute) || (touched && column.operation == Operation::latest)) {
    cell = std::move(later);
  } else if (touched) {
    if (column.operation == Operation::count || column.operation == Operation::sum) {
      merge_sums(column, cell, later);
    } else {
      combine(column, cell, later.view(), false);
    }
  }
  cell.flags = flags;
}

}  // namespace eventfold
