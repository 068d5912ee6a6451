#include "fold/expression_spec.hpp"

#include <algorithm>
#include <iterator>

#include "eventfold/error.hpp"
#include "fold/moment.hpp"

namespace eventfold {

namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using Form = ExpressionSpec::Form;

constexpr std::string_view kForms[] = {"field", "value",    "+",      "-",        "*",     "/",
                                       "%",     "coalesce", "nullif", "extract",  "trunc", "cast",
                                       "path",  "each",     "stream", "category", "lookup"};
constexpr std::string_view kSpans[] = {"year", "month", "day", "hour"};
constexpr int kMostPlaces = 18;

[[noreturn]] void refuse(const std::string& what) { throw ProjectionError(what); }

std::string name_of(Kind kind) { return std::string(kKindNames[static_cast<std::size_t>(kind)]); }
std::string name_of(Form form) { return std::string(kForms[static_cast<std::size_t>(form)]); }

std::string text_at(array members, std::size_t index, const char* what) {
  std::string_view text;
  if (members.at(index).get(text) != simdjson::SUCCESS) refuse(std::string("an expression names no ") + what);
  return std::string(text);
}

Kind kind_at(array members, std::size_t index) {
  const std::string name = text_at(members, index, "kind");
  if (const auto kind = kind_named(name)) return *kind;
  refuse("no kind \"" + name + "\"");
}

int places_at(array members, std::size_t index) {
  std::int64_t places = 0;
  if (members.at(index).get(places) != simdjson::SUCCESS) return -1;
  if (places < 0 || places > kMostPlaces) refuse("a decimal has between 0 and 18 places");
  return static_cast<int>(places);
}

void read_value(array members, ExpressionSpec& expression) {
  const element value = members.at(1).value();
  OwnedCell& owned = expression.value;
  std::int64_t integer = 0;
  double real = 0;
  bool boolean = false;
  std::string_view text;
  if (value.is_null()) {
    expression.kind = Kind::any;
  } else if (value.get(boolean) == simdjson::SUCCESS) {
    owned.cell = CellView(static_cast<std::int64_t>(boolean));
    owned.cell.type = CellType::boolean;
    expression.kind = Kind::boolean;
  } else if (value.is_int64() && value.get(integer) == simdjson::SUCCESS) {
    owned.cell = CellView(integer);
    expression.kind = Kind::integer;
  } else if (value.type() == simdjson::dom::element_type::DOUBLE && value.get(real) == simdjson::SUCCESS) {
    owned.cell = CellView(real);
    expression.kind = Kind::real;
  } else if (value.get(text) == simdjson::SUCCESS) {
    owned.bytes = text;
    owned.cell = CellView(CellType::text, owned.bytes);
    expression.kind = Kind::text;
  } else {
    refuse("a value is a text, a number within 64 bits, true, false or null");
  }
  if (members.size() > 2) expression.kind = kind_at(members, 2);
  expression.places = places_at(members, 3);
}

std::size_t parts_wanted(Form form) { return form == Form::coalesce ? 1 : 2; }

void read_members(array members, ExpressionSpec& expression) {
  const auto part_at = [&](std::size_t index) {
    element part;
    if (members.at(index).get(part) != simdjson::SUCCESS) refuse("\"" + name_of(expression.form) + "\" of nothing");
    expression.parts.push_back(read_expression(part));
  };
  switch (expression.form) {
    case Form::field:
      refuse("a field is given by its name");
    case Form::value:
      if (members.size() < 2) refuse("a value that is none");
      return read_value(members, expression);
    case Form::stream:
    case Form::category:
      return;
    case Form::extract:
    case Form::trunc:
      expression.name = text_at(members, 1, "part of a moment");
      part_at(2);
      if (expression.form == Form::trunc) expression.kind = kind_at(members, 3);
      return;
    case Form::cast:
      expression.kind = kind_at(members, 1);
      part_at(2);
      expression.places = places_at(members, 3);
      return;
    case Form::lookup:  // name, kind, places or null, then the parts of the key
      expression.name = text_at(members, 1, "lookup");
      expression.kind = kind_at(members, 2);
      expression.places = places_at(members, 3);
      for (std::size_t index = 4; index < members.size(); ++index) part_at(index);
      if (expression.parts.empty()) refuse("a lookup of no key");
      return;
    case Form::path:
    case Form::each:
      part_at(1);
      for (std::size_t index = 2; index < members.size(); ++index) {
        expression.path.push_back(text_at(members, index, "key"));
      }
      return;
    default:
      for (std::size_t index = 1; index < members.size(); ++index) part_at(index);
      if (expression.parts.size() < parts_wanted(expression.form) ||
          (expression.form != Form::coalesce && expression.parts.size() > 2)) {
        refuse("\"" + name_of(expression.form) + "\" is of two expressions");
      }
  }
}

std::string operand_name(const ExpressionSpec& operand) {
  return operand.form == Form::field ? "\"" + operand.name + "\"" : "its operand";
}

bool is_number(Kind kind) {
  return kind == Kind::integer || kind == Kind::real || kind == Kind::decimal || kind == Kind::any;
}

bool is_of_json(const ExpressionSpec& expression) {
  return expression.form == Form::path || expression.form == Form::each;
}

Kind unified_number(Kind left, Kind right) {
  if (left == Kind::any || right == Kind::any) return Kind::any;
  if (left == Kind::real || right == Kind::real) return Kind::real;
  return left == Kind::decimal || right == Kind::decimal ? Kind::decimal : Kind::integer;
}

// A value out of JSON is taken as a number, or as null where it is none.
void as_number(ExpressionSpec& operand) {
  if (!is_of_json(operand)) return;
  ExpressionSpec cast;
  cast.form = Form::cast;
  cast.lenient = true;
  cast.parts.push_back(std::move(operand));
  operand = std::move(cast);
}

int places_of(const ExpressionSpec& operand) { return operand.kind == Kind::integer ? 0 : operand.places; }

void resolve_arithmetic(ExpressionSpec& expression) {
  ExpressionSpec& left = expression.parts[0];
  ExpressionSpec& right = expression.parts[1];
  const Form form = expression.form;
  const bool adds = form == Form::add || form == Form::subtract;
  if (form == Form::subtract && left.kind == right.kind && (left.kind == Kind::datetime || left.kind == Kind::date)) {
    expression.kind = Kind::duration;
    return;
  }
  if (left.kind == Kind::duration || right.kind == Kind::duration) {
    const bool both = left.kind == right.kind;
    if ((adds && both) ||
        (form == Form::multiply && !both && (left.kind == Kind::integer || right.kind == Kind::integer)) ||
        (form == Form::divide && right.kind == Kind::integer)) {
      expression.kind = Kind::duration;
      return;
    }
    refuse(name_of(left.kind) + " " + name_of(form) + " " + name_of(right.kind) +
           ": a duration is added to and subtracted from a duration, and multiplied or divided by an integer");
  }
  for (ExpressionSpec* operand : {&left, &right}) {
    const bool whole = operand->kind == Kind::integer || operand->kind == Kind::any;
    if (form == Form::modulo ? !whole : !is_number(operand->kind)) {
      refuse(operand_name(*operand) + " is of the kind " + name_of(operand->kind) + ", and \"" + name_of(form) +
             "\" is of " + (form == Form::modulo ? "integers" : "numbers"));
    }
    as_number(*operand);
  }
  expression.kind = unified_number(left.kind, right.kind);
  if (expression.kind != Kind::decimal || form == Form::divide) return;
  const int places[] = {places_of(left), places_of(right)};
  if (places[0] < 0 || places[1] < 0) return;
  expression.places = adds ? std::max(places[0], places[1]) : places[0] + places[1];
  if (expression.places > kMostPlaces) expression.places = -1;
}

// Its parts must be such that one may stand for the other. NULLIF is of its first part's kind.
void unify(ExpressionSpec& expression) {
  const ExpressionSpec& first = expression.parts.front();
  Kind kind = first.kind;
  int places = places_of(first);
  for (const ExpressionSpec& part : expression.parts) {
    places = std::max(places, places_of(part));
    if (part.kind == kind) continue;
    if (is_number(part.kind) && is_number(kind)) {
      kind = unified_number(kind, part.kind);
    } else if (kind == Kind::any || part.kind == Kind::any) {
      kind = Kind::any;
    } else {
      refuse(operand_name(part) + " is of the kind " + name_of(part.kind) + ", and " + operand_name(first) +
             " of the kind " + name_of(kind));
    }
  }
  const bool keeps = expression.form == Form::nullif;
  expression.kind = keeps ? first.kind : kind;
  expression.places = expression.kind != Kind::decimal ? -1 : keeps ? first.places : places;
}

// What is read out of JSON is taken as the kind itself, where it is wanted as one.
void push_down(ExpressionSpec& part, const ExpressionSpec& cast) {
  if (is_of_json(part)) {
    ExpressionSpec inner;
    inner.form = Form::cast;
    inner.kind = cast.kind;
    inner.places = cast.places;
    inner.parts.push_back(std::move(part));
    part = std::move(inner);
  } else if (part.form == Form::coalesce) {
    for (ExpressionSpec& each : part.parts) push_down(each, cast);
  } else if (part.form == Form::nullif) {
    push_down(part.parts.front(), cast);
  }
}

void resolve_moment(ExpressionSpec& expression) {
  const ExpressionSpec& moment = expression.parts[0];
  const Kind kind = moment.kind;
  const bool extracts = expression.form == Form::extract;
  if (extracts ? !is_part(expression.name)
               : std::find(std::begin(kSpans), std::end(kSpans), expression.name) == std::end(kSpans)) {
    refuse("no part of a moment \"" + expression.name + "\"");
  }
  const bool of_date = extracts ? is_part_of_date(expression.name) : expression.name != "hour";
  const bool fits = kind == Kind::any || kind == Kind::datetime || (kind == Kind::date && of_date) ||
                    (kind == Kind::time && extracts && !of_date);
  if (!fits) refuse(operand_name(moment) + " is of the kind " + name_of(kind) + ", which has no " + expression.name);
  if (extracts) expression.kind = Kind::integer;
  if (!extracts && expression.kind != Kind::datetime && (expression.kind != Kind::date || !of_date)) {
    refuse("a span of time is a date or a datetime, and not of the kind " + name_of(expression.kind));
  }
  expression.lenient = is_of_json(moment);
}

}  // namespace

void ExpressionSpec::visit(const std::function<void(const ExpressionSpec&)>& visitor) const {
  visitor(*this);
  for (const ExpressionSpec& part : parts) part.visit(visitor);
}

bool ExpressionSpec::of_elements() const {
  bool found = false;
  visit([&found](const ExpressionSpec& part) { found = found || part.form == Form::each; });
  return found;
}

std::string ExpressionSpec::path_name() const {
  std::string text = parts.empty() ? name : parts[0].path_name();
  for (const std::string& step : path) text += "__" + step;
  return text;
}

ExpressionSpec read_expression(element item) {
  ExpressionSpec expression;
  std::string_view name;
  if (item.get(name) == simdjson::SUCCESS) {
    expression.name = name;
    return expression;
  }
  array members;
  if (item.get(members) != simdjson::SUCCESS || members.at(0).get(name) != simdjson::SUCCESS) {
    refuse("an expression is the name of a field, or a list that begins with what is done");
  }
  const auto found = std::find(std::begin(kForms), std::end(kForms), name);
  if (found == std::end(kForms)) refuse("no expression \"" + std::string(name) + "\"");
  expression.form = static_cast<Form>(found - std::begin(kForms));
  read_members(members, expression);
  return expression;
}

void resolve(ExpressionSpec& expression, const EventSpec& event) {
  if (expression.form == Form::cast && !is_of_json(expression.parts[0])) push_down(expression.parts[0], expression);
  for (ExpressionSpec& part : expression.parts) resolve(part, event);
  switch (expression.form) {
    case Form::field: {
      const auto field = std::find_if(event.fields.begin(), event.fields.end(),
                                      [&](const FieldSpec& each) { return each.name == expression.name; });
      if (field != event.fields.end()) {
        expression.kind = field->kind;
        if (field->kind == Kind::decimal) expression.places = field->places;
      } else if (expression.name == "position" || expression.name == "created") {
        expression.kind = expression.name == "position" ? Kind::integer : Kind::datetime;
      } else {
        refuse("the event " + event.type + " has no field \"" + expression.name + "\"");
      }
      return;
    }
    case Form::value:
    case Form::lookup:
      return;
    case Form::add:
    case Form::subtract:
    case Form::multiply:
    case Form::divide:
    case Form::modulo:
      return resolve_arithmetic(expression);
    case Form::coalesce:
    case Form::nullif:
      return unify(expression);
    case Form::extract:
    case Form::trunc:
      return resolve_moment(expression);
    case Form::cast: {
      const ExpressionSpec& part = expression.parts[0];
      if (part.kind != expression.kind && part.kind != Kind::any && part.kind != Kind::json) {
        refuse(operand_name(part) + " is of the kind " + name_of(part.kind) +
               ": only a value out of JSON can be taken as another kind");
      }
      if (expression.kind == Kind::binary) refuse("a value out of JSON cannot be taken as binary");
      expression.lenient = is_of_json(part);
      return;
    }
    case Form::path:
    case Form::each: {
      const ExpressionSpec& part = expression.parts[0];
      if (part.kind != Kind::any && part.kind != Kind::json) {
        refuse(operand_name(part) + " is of the kind " + name_of(part.kind) + ", and only JSON has something within");
      }
      if (expression.form == Form::each && part.of_elements()) refuse("the elements of elements of a list");
      return;
    }
    case Form::stream:
    case Form::category:
      expression.kind = Kind::text;
      return;
  }
}

}  // namespace eventfold
