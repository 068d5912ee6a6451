// Expressions out of a specification.
#pragma once

#include <simdjson.h>

#include "eventfold/projection.hpp"

namespace eventfold {

// The name of a field, or a list that begins with what is done:
//   ["+", a, b], and so - * / %    ["value", 2], ["value", 1.5, "decimal", 2], ["value", "2024-01-01", "date"]
//   ["coalesce", a, ...]           ["nullif", a, b]              ["extract", "hour", a]
//   ["trunc", "day", a, "date"]    ["cast", "integer", a], ["cast", "decimal", a, 2]
//   ["path", a, "city", ...]       ["each", a, "sku", ...]       ["stream"]     ["category"]
// Throws ProjectionError.
ExpressionSpec read_expression(simdjson::dom::element item);

// Says of what kind it and its parts are. Throws ProjectionError where an operand is of a kind that cannot be, or is no
// field of the event.
void resolve(ExpressionSpec& expression, const EventSpec& event);

}  // namespace eventfold
