#include "fold/expression.hpp"

#include <cmath>
#include <utility>

#include "eventfold/error.hpp"
#include "fold/bucket.hpp"
#include "fold/convert.hpp"
#include "fold/json_path.hpp"
#include "fold/lookups.hpp"
#include "fold/moment.hpp"
#include "fold/operations.hpp"
#include "fold/other_kind.hpp"

namespace eventfold {

namespace {

using Form = ExpressionSpec::Form;

[[noreturn]] void fail(const char* what) { throw ProjectionError(what); }
[[noreturn]] void beyond() { fail("an integer beyond 64 bits"); }
[[noreturn]] void by_zero() { fail("a division by zero"); }

bool is_missing(const CellView& value) { return value.type == CellType::null || value.type == CellType::absent; }
bool is_number(const CellView& value) { return value.type == CellType::integer || value.type == CellType::real; }

double as_double(const CellView& value) {
  return value.type == CellType::real ? value.real : static_cast<double>(value.integer);
}

CellView integers(Form form, std::int64_t left, std::int64_t right) {
  std::int64_t result = 0;
  bool is_beyond = false;
  switch (form) {
    case Form::add:
      is_beyond = __builtin_add_overflow(left, right, &result);
      break;
    case Form::subtract:
      is_beyond = __builtin_sub_overflow(left, right, &result);
      break;
    case Form::multiply:
      is_beyond = __builtin_mul_overflow(left, right, &result);
      break;
    default:
      if (right == 0) by_zero();
      if (right == -1) {  // the processor cannot divide the least integer by it
        is_beyond = form == Form::divide && __builtin_sub_overflow(std::int64_t{0}, left, &result);
      } else {
        result = form == Form::divide ? left / right : left % right;
      }
  }
  if (is_beyond) beyond();
  return CellView(result);
}

CellView reals(Form form, double left, double right) {
  double result = 0;
  switch (form) {
    case Form::add:
      result = left + right;
      break;
    case Form::subtract:
      result = left - right;
      break;
    case Form::multiply:
      result = left * right;
      break;
    case Form::divide:
      if (right == 0) by_zero();
      result = left / right;
      break;
    default:
      fail("the remainder of a division of numbers that are not whole");
  }
  if (std::isnan(result)) return {};  // of infinities; a column gives NULL back for it
  if (std::isinf(result) && std::isfinite(left) && std::isfinite(right)) fail("a number beyond those of a float");
  return CellView(result);
}

// As a column of decimals keeps it.
CellView as_decimal(double number) {
  constexpr double kSure = 0x1p51;
  if (std::abs(number) < kSure && number == std::floor(number)) return CellView(static_cast<std::int64_t>(number));
  return CellView(number);
}

std::int64_t power_of_ten(int exponent) {
  std::int64_t power = 1;
  while (exponent-- > 0) power *= 10;
  return power;
}

constexpr double kMostUnits = 0x1p53;  // up to here a double is exact

// A decimal as a whole number of units of 10^-places. False: it has too many digits for that.
bool units_of(const CellView& value, int places, std::int64_t& units) {
  if (value.type == CellType::integer) return !__builtin_mul_overflow(value.integer, power_of_ten(places), &units);
  const double number = value.real * static_cast<double>(power_of_ten(places));
  if (!(std::abs(number) <= kMostUnits)) return false;
  units = std::llround(number);
  return true;
}

CellView of_units(std::int64_t units, int places) {
  const std::int64_t unit = power_of_ten(places);
  if (units % unit == 0) return CellView(units / unit);
  return CellView(static_cast<double>(units) / static_cast<double>(unit));
}

// To fewer places, half of one away from 0; `known`: how many it has, -1 if nobody knows.
CellView rounded(const CellView& value, int known, int places) {
  std::int64_t units = 0;
  if (value.type != CellType::real || (known >= 0 && known <= places)) return value;
  if (known < 0 || !units_of(value, known, units)) {
    return units_of(value, places, units) ? of_units(units, places) : value;
  }
  const std::int64_t unit = power_of_ten(known - places);
  const std::int64_t half = units < 0 ? -unit / 2 : unit / 2;
  return of_units((units + half) / unit, places);
}

CellView text_or_null(std::string_view text) { return text.empty() ? CellView() : CellView(CellType::text, text); }

}  // namespace

Expression::Expression(const ExpressionSpec& spec, const std::function<int(const std::string&)>& field_named)
    : spec_(spec) {
  if (spec.form == Form::field) field_ = field_named(spec.name);
  for (const ExpressionSpec& part : spec.parts) parts_.emplace_back(part, field_named);
  spec_.parts.clear();
}

CellView Expression::evaluate(const Context& context) {
  switch (spec_.form) {
    case Form::field:
      return context.field(field_);
    case Form::value:
      return spec_.value.view();
    case Form::stream:
      return text_or_null(context.stream);
    case Form::category:
      return text_or_null(context.stream.substr(0, context.stream.find('-')));
    case Form::coalesce:
      return coalesce(context);
    case Form::nullif: {
      const CellView value = parts_[0].evaluate(context);
      if (is_missing(value)) return value;
      const CellView other = parts_[1].evaluate(context);
      if (is_missing(other)) return fitted(value);
      return comparable(value, other) && !less(value, other) && !less(other, value) ? CellView() : fitted(value);
    }
    case Form::extract:
    case Form::trunc: {
      const CellView value = parts_[0].evaluate(context);
      return is_missing(value) ? value : moment(value);
    }
    case Form::cast:
      return cast(parts_[0].evaluate(context));
    case Form::path: {
      const CellView value = parts_[0].evaluate(context);
      if (value.type == CellType::absent) return value;
      return value.type == CellType::json ? from_json(value.view()) : CellView();
    }
    case Form::each:
      return from_json(context.element);
    case Form::lookup:
      return look_up(context);
    default: {
      const CellView left = parts_[0].evaluate(context);
      const CellView right = parts_[1].evaluate(context);
      if (left.type == CellType::absent || right.type == CellType::absent)
        return left.type == CellType::absent ? left : right;
      if (is_missing(left) || is_missing(right)) return {};
      return arithmetic(left, right);
    }
  }
}

CellView Expression::arithmetic(const CellView& left, const CellView& right) const {
  if (spec_.kind == Kind::duration && left.type == CellType::text) return between_moments(left, right);
  for (const CellView* operand : {&left, &right}) {
    if (operand->type == CellType::number) beyond();
    if (!is_number(*operand)) fail("it calculates with something that is no number");
  }
  if (spec_.kind == Kind::decimal) return units(left, right);
  if (spec_.kind != Kind::real && left.type == CellType::integer && right.type == CellType::integer) {
    return integers(spec_.form, left.integer, right.integer);
  }
  return reals(spec_.form, as_double(left), as_double(right));
}

// Decimals are calculated with as whole numbers of their smallest unit, as long as these have no more digits than a
// double holds; so 3 * 0.1 is 0.3.
CellView Expression::units(const CellView& left, const CellView& right) const {
  const auto in_doubles = [&] {
    const CellView result = reals(spec_.form, as_double(left), as_double(right));
    return result.type == CellType::real ? as_decimal(result.real) : result;
  };
  const auto places = [](const Expression& part) { return part.spec_.kind == Kind::integer ? 0 : part.spec_.places; };
  if (spec_.places < 0) return in_doubles();
  const bool multiplies = spec_.form == Form::multiply;
  std::int64_t units[] = {0, 0};
  if (!units_of(left, multiplies ? places(parts_[0]) : spec_.places, units[0]) ||
      !units_of(right, multiplies ? places(parts_[1]) : spec_.places, units[1])) {
    return in_doubles();
  }
  std::int64_t result = 0;
  const bool is_beyond = multiplies                ? __builtin_mul_overflow(units[0], units[1], &result)
                         : spec_.form == Form::add ? __builtin_add_overflow(units[0], units[1], &result)
                                                   : __builtin_sub_overflow(units[0], units[1], &result);
  if (is_beyond || !(std::abs(static_cast<double>(result)) <= kMostUnits)) return in_doubles();
  return of_units(result, spec_.places);
}

CellView Expression::between_moments(const CellView& left, const CellView& right) const {
  const auto later = Moment::read(left.view());
  const auto earlier = Moment::read(right.view());
  if (!later || !earlier) fail("it subtracts something that is no date");
  return CellView(later->microseconds() - earlier->microseconds());
}

// What a column of the kind would have: a whole number is an integer among decimals, and a float among floats.
CellView Expression::fitted(CellView value) const {
  if (spec_.kind == Kind::real && value.type == CellType::integer) return CellView(as_double(value));
  return value;
}

CellView Expression::coalesce(const Context& context) {
  CellView last;
  for (Expression& part : parts_) {
    const CellView value = part.evaluate(context);
    if (!is_missing(value)) return fitted(value);
    if (value.type == CellType::absent) last = value;
  }
  return last;
}

CellView Expression::moment(const CellView& value) {
  const auto read = value.type == CellType::text ? Moment::read(value.view()) : std::nullopt;
  if (spec_.form == Form::extract) {
    const auto part = read ? read->part(spec_.name) : std::nullopt;
    if (part) return CellView(*part);
  } else if (read && read->has_date) {
    const Bucket bucket = spec_.name == "year"    ? Bucket::year
                          : spec_.name == "month" ? Bucket::month
                          : spec_.name == "day"   ? Bucket::day
                                                  : Bucket::hour;
    if (begin_of(bucket, spec_.kind, value.view(), buffer_)) return CellView(CellType::text, buffer_);
  }
  if (spec_.lenient) return {};
  throw ProjectionError("it takes the " + spec_.name + " of something that has none");
}

CellView Expression::cast(CellView value) {
  if (is_missing(value)) return value;
  if (spec_.kind == Kind::any) {  // any number
    return read_as(Kind::decimal, value, scratch_);
  }
  CellView taken = spec_.kind == Kind::json ? value : read_as(spec_.kind, value, scratch_);
  if (taken.type == CellType::null) {
    if (spec_.lenient) return taken;
    throw ProjectionError("it is no " + std::string(kKindNames[static_cast<std::size_t>(spec_.kind)]));
  }
  FieldSpec field;
  field.kind = spec_.kind;
  convert(field, taken, buffer_);
  return spec_.kind == Kind::decimal && spec_.places >= 0 ? rounded(taken, parts_[0].spec_.places, spec_.places)
                                                          : taken;
}

CellView Expression::look_up(const Context& context) {
  key_.clear();
  for (Expression& part : parts_) {
    key_.push_back(part.evaluate(context));
    if (is_missing(key_.back())) return {};
  }
  return context.lookups->value(spec_.name, key_);
}

CellView Expression::from_json(std::string_view json) {
  std::string_view found;
  return find_json(json, spec_.path, found) ? json_cell(found, buffer_) : CellView();
}

}  // namespace eventfold
