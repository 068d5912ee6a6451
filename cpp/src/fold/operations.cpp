#include "fold/operations.hpp"

#include <cmath>

#include "eventfold/error.hpp"

namespace eventfold {

namespace {

int rank(CellType type) {
  switch (type) {
    case CellType::null:
      return 0;
    case CellType::integer:
    case CellType::real:
    case CellType::boolean:
    case CellType::number:
      return 1;
    case CellType::blob:
      return 3;
    default:
      return 2;
  }
}

// Integers beyond 64 bits lie outside all that fit: their sign and length decide.
int compare_numbers_of_any_size(const CellView& left, const CellView& right) {
  const auto split = [](const CellView& cell, bool& negative) {
    auto digits = cell.view();
    negative = digits.starts_with('-');
    if (negative) digits.remove_prefix(1);
    return digits;
  };
  const auto sign_of_large = [&](const CellView& cell) {
    bool negative = false;
    split(cell, negative);
    return negative ? -1 : 1;
  };
  if (left.type == CellType::number && right.type == CellType::number) {
    bool left_negative = false, right_negative = false;
    const auto left_digits = split(left, left_negative);
    const auto right_digits = split(right, right_negative);
    if (left_negative != right_negative) return left_negative ? -1 : 1;
    int order = left_digits.size() != right_digits.size() ? (left_digits.size() < right_digits.size() ? -1 : 1)
                                                          : left_digits.compare(right_digits);
    return left_negative ? -order : order;
  }
  const CellView& large = left.type == CellType::number ? left : right;
  const CellView& other = left.type == CellType::number ? right : left;
  int order = 0;  // of large against other
  if (other.type == CellType::real) {
    const double number = std::strtod(std::string(large.view()).c_str(), nullptr);
    order = number < other.real ? -1 : number > other.real ? 1 : 0;
  } else {
    order = sign_of_large(large);
  }
  return left.type == CellType::number ? order : -order;
}

double as_double(const CellView& cell) {
  return cell.type == CellType::real ? cell.real : static_cast<double>(cell.integer);
}

[[noreturn]] void overflow(const ColumnSpec& column) {
  throw ProjectionError("the column \"" + column.column + "\" has grown beyond 64 bits");
}

double power_of_ten(int exponent) {
  double power = 1;
  while (exponent-- > 0) power *= 10;
  return power;
}

// A decimal as a whole number of 10^-places units; exact up to the 15 digits that a column of SQLite keeps.
std::int64_t scaled(const ColumnSpec& column, const CellView& value) {
  const double number = as_double(value) * power_of_ten(column.places);
  if (!(std::abs(number) < 9.2e18)) overflow(column);
  return std::llround(number);
}

bool is_decimal_sum(const ColumnSpec& column) {
  return column.operation == Operation::sum && column.kind == Kind::decimal;
}

void add(const ColumnSpec& column, Cell& cell, const CellView& value) {
  if (value.type == CellType::null) return;
  if (value.type != CellType::integer && value.type != CellType::real) {
    throw ProjectionError("the column \"" + column.column + "\" sums something that is no number within 64 bits");
  }
  CellView current = cell.view();
  if (current.type == CellType::null) current = CellView(std::int64_t{0});
  if (is_decimal_sum(column)) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(current.integer, scaled(column, value), &sum)) overflow(column);
    cell.set_integer(sum);
  } else if (current.type == CellType::real || value.type == CellType::real) {
    cell.set_real(as_double(current) + as_double(value));
  } else {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(current.integer, value.integer, &sum)) overflow(column);
    cell.set_integer(sum);
  }
}

void combine(const ColumnSpec& column, Cell& cell, const CellView& value) {
  switch (column.operation) {
    case Operation::count:
    case Operation::sum:
      return add(column, cell, value);
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
      return;
  }
}

}  // namespace

bool operator==(const CellView& left, const CellView& right) {
  if (left.type != right.type) return false;
  if (left.type == CellType::null) return true;
  if (left.type == CellType::real) return left.real == right.real;
  if (left.has_bytes()) return left.view() == right.view();
  return left.integer == right.integer;
}

bool less(const CellView& left, const CellView& right) {
  const int left_rank = rank(left.type);
  const int right_rank = rank(right.type);
  if (left_rank != right_rank) return left_rank < right_rank;
  if (left_rank != 1) return left.view() < right.view();
  if (left.type == CellType::number || right.type == CellType::number) {
    return compare_numbers_of_any_size(left, right) < 0;
  }
  if (left.type == CellType::real || right.type == CellType::real) return as_double(left) < as_double(right);
  return left.integer < right.integer;
}

CellView stored(const ColumnSpec& column, const CellView& cell) {
  if (!is_decimal_sum(column) || cell.type != CellType::integer) return cell;
  const auto unit = static_cast<std::int64_t>(power_of_ten(column.places));
  if (cell.integer % unit == 0) return CellView(cell.integer / unit);
  return CellView(static_cast<double>(cell.integer) / static_cast<double>(unit));
}

void load(const ColumnSpec& column, Cell& cell, const CellView& value) {
  if (is_decimal_sum(column) && (value.type == CellType::integer || value.type == CellType::real)) {
    cell.set_integer(scaled(column, value));
  } else {
    cell.set(value);
  }
}

void start(const ColumnSpec& column, Cell& cell, bool relative) {
  if (!relative) return load(column, cell, column.initial.view());
  if (column.operation == Operation::first) return cell.set(column.initial.view());
  cell.set(CellView());
}

void apply(const ColumnSpec& column, Cell& cell, const CellView& value) {
  cell.flags |= Cell::touched;
  if (column.operation == Operation::count && cell.type == CellType::integer) {
    if (cell.integer() == INT64_MAX) overflow(column);
    return cell.add_unchecked(1);
  }
  combine(column, cell, column.operation == Operation::count ? CellView(std::int64_t{1}) : value);
}

void clear(const ColumnSpec& column, Cell& cell) {
  start(column, cell, false);
  cell.flags |= Cell::touched | Cell::absolute;
}

void merge(const ColumnSpec& column, Cell& cell, const Cell& later) {
  if (later.flags & Cell::absolute) {
    cell.set(later.view());
  } else if (later.flags & Cell::touched) {
    if (is_decimal_sum(column)) {
      // both are in units already
      std::int64_t sum = 0;
      if (later.type == CellType::integer) {
        if (__builtin_add_overflow(cell.type == CellType::integer ? cell.integer() : 0, later.integer(), &sum)) {
          overflow(column);
        }
        cell.set_integer(sum);
      }
    } else {
      combine(column, cell, later.view());
    }
  }
  cell.flags |= later.flags;
}

}  // namespace eventfold
