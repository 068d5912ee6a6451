// What a value becomes on its way into a column.
#pragma once

#include "eventfold/projection.hpp"
#include "fold/plan.hpp"

namespace eventfold {

inline CellView negated(CellView value) {
  if (value.type == CellType::real) return CellView(-value.real);
  if (value.type != CellType::integer && value.type != CellType::boolean) return value;
  // no 64-bit integer, which a sum refuses
  if (value.integer == INT64_MIN) return CellView(CellType::number, "9223372036854775808");
  return CellView(-value.integer);
}

inline CellView fitted(Plan::Fit fit, CellView value) {
  using Fit = Plan::Fit;
  if (fit == Fit::as_it_is) return value;
  if (fit == Fit::negative || fit == Fit::negative_real) value = negated(value);
  const bool whole = value.type == CellType::integer || value.type == CellType::boolean;
  if (!whole) return value;
  const bool real = fit == Fit::real || fit == Fit::negative_real;
  return real ? CellView(static_cast<double>(value.integer)) : CellView(value.integer);
}

}  // namespace eventfold
