// Equality and order of cells.
#include <algorithm>
#include <cstdio>
#include <string>

#include "fold/operations.hpp"

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

template <class T>
int order_of(const T& left, const T& right) {
  return left < right ? -1 : right < left ? 1 : 0;
}

// Exact, where a conversion to double would round.
int compare_with_real(std::int64_t integer, double real) {
  if (real < -0x1p63) return 1;
  if (real >= 0x1p63) return -1;
  const auto whole = static_cast<std::int64_t>(real);
  if (integer != whole) return order_of(integer, whole);
  return order_of(0.0, real - static_cast<double>(whole));
}

// Whole numbers of any size, as their decimal digits.
int compare_digits(std::string_view left, std::string_view right) {
  const bool left_negative = left.starts_with('-');
  if (left_negative != right.starts_with('-')) return left_negative ? -1 : 1;
  const int order =
      left.size() != right.size() ? order_of(left.size(), right.size()) : order_of(left.compare(right), 0);
  return left_negative ? -order : order;
}

// `large` lies beyond 64 bits.
int compare_large(std::string_view large, const CellView& other) {
  if (other.type == CellType::number) return compare_digits(large, other.view());
  if (other.type == CellType::real && (other.real < -0x1p63 || other.real >= 0x1p63)) {
    char digits[400];  // a double has at most 309 before the point
    const int size = std::snprintf(digits, sizeof digits, "%.0f", other.real);
    return compare_digits(large, {digits, static_cast<std::size_t>(size)});
  }
  return large.starts_with('-') ? -1 : 1;
}

int compare_numbers(const CellView& left, const CellView& right) {
  if (left.type == CellType::number) return compare_large(left.view(), right);
  if (right.type == CellType::number) return -compare_large(right.view(), left);
  if (left.type == CellType::real) {
    return right.type == CellType::real ? order_of(left.real, right.real)
                                        : -compare_with_real(right.integer, left.real);
  }
  if (right.type == CellType::real) return compare_with_real(left.integer, right.real);
  return order_of(left.integer, right.integer);
}

}  // namespace

bool operator==(const CellView& left, const CellView& right) {
  if (left.type != right.type) return false;
  if (left.type == CellType::null) return true;
  if (left.type == CellType::real) return left.real == right.real;
  if (left.has_bytes()) return left.view() == right.view();
  return left.integer == right.integer;
}

bool comparable(const CellView& left, const CellView& right) {
  if (left.type == CellType::json || right.type == CellType::json) return left.type == right.type;
  return rank(left.type) == rank(right.type);
}

bool less(const CellView& left, const CellView& right) {
  const int left_rank = rank(left.type);
  const int right_rank = rank(right.type);
  if (left_rank != right_rank) return left_rank < right_rank;
  if (left_rank == 1) return compare_numbers(left, right) < 0;
  return left.view() < right.view();
}

}  // namespace eventfold
