// ProjectionSpec from its JSON.
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"
#include "fold/collection_spec.hpp"
#include "fold/expression_spec.hpp"

namespace eventfold {

namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

[[noreturn]] void refuse(const std::string& what) {
  throw ProjectionError("the specification of a projection: " + what);
}

template <class T>
T need(element parent, const char* key) {
  T value;
  if (parent[key].get(value) != simdjson::SUCCESS) refuse(std::string("\"") + key + "\" is missing or of a wrong type");
  return value;
}

std::string text_of(element parent, const char* key) { return std::string(need<std::string_view>(parent, key)); }

bool flag_of(element parent, const char* key) {
  bool flag = false;
  return parent[key].get(flag) == simdjson::SUCCESS && flag;
}

int places_of(element parent) {
  std::int64_t places = 0;
  if (parent["places"].get(places) != simdjson::SUCCESS) return 0;
  if (places < 0 || places > 18) refuse("\"places\" must be between 0 and 18");
  return static_cast<int>(places);
}

constexpr std::string_view kOperations[] = {"count",   "sum",  "min", "max",       "first", "latest",
                                            "handler", "list", "set", "histogram", "top",   "distinct"};

Operation operation_of(element parent) {
  const auto name = need<std::string_view>(parent, "op");
  const auto found = std::find(std::begin(kOperations), std::end(kOperations), name);
  if (found == std::end(kOperations)) refuse("no operation \"" + std::string(name) + "\"");
  return static_cast<Operation>(found - std::begin(kOperations));
}

Kind kind_of(element parent) {
  const auto name = need<std::string_view>(parent, "kind");
  if (const auto kind = kind_named(name)) return *kind;
  refuse("no kind \"" + std::string(name) + "\"");
}

enum class Form { stored, json };

// An initial value as its column stores it, or what an event would have in its data.
OwnedCell cell_of(element value, Kind kind, Form form) {
  OwnedCell owned;
  std::int64_t integer = 0;
  double real = 0;
  bool boolean = false;
  std::string_view text;
  if (value.is_null()) return owned;
  if (kind == Kind::json && form == Form::json) {
    owned.bytes = simdjson::minify(value);
    owned.cell = CellView(CellType::json, owned.bytes);
    return owned;
  }
  if (value.get(boolean) == simdjson::SUCCESS) {
    owned.cell = CellView(static_cast<std::int64_t>(boolean));
    owned.cell.type = CellType::boolean;
  } else if (value.is_int64() && value.get(integer) == simdjson::SUCCESS) {
    if (kind == Kind::real) {
      owned.cell = CellView(static_cast<double>(integer));
    } else {
      owned.cell = CellView(integer);
      if (kind == Kind::boolean) owned.cell.type = CellType::boolean;
    }
  } else if (value.is_double() && value.get(real) == simdjson::SUCCESS) {
    owned.cell = CellView(real);
  } else if (value.get(text) == simdjson::SUCCESS) {
    owned.bytes = text;
    owned.cell = CellView(kind == Kind::json ? CellType::json : CellType::text, owned.bytes);
  } else {
    owned.bytes = simdjson::minify(value);
    owned.cell = CellView(value.is_uint64() ? CellType::number : CellType::json, owned.bytes);
  }
  return owned;
}

OwnedCell optional_cell(element parent, const char* key, Kind kind, Form form) {
  element value;
  return parent[key].get(value) == simdjson::SUCCESS ? cell_of(value, kind, form) : OwnedCell();
}

std::vector<std::string> texts_of(element parent, const char* key) {
  std::vector<std::string> texts;
  for (element item : need<array>(parent, key)) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS) refuse(std::string("\"") + key + "\" holds something else than names");
    texts.emplace_back(text);
  }
  return texts;
}

using Test = ConditionSpec::Test;

constexpr std::size_t kMostConditions = 64;  // on one type of events: a plan has a bit for each

constexpr std::string_view kTests[] = {"and", "or",  "not",    "exact",      "in",       "gt",      "gte",
                                       "lt",  "lte", "isnull", "startswith", "endswith", "contains"};

OwnedCell operand_of(element value, Test test) {
  OwnedCell operand = cell_of(value, Kind::any, Form::stored);
  const CellType type = operand.cell.type;
  if (type == CellType::null || type == CellType::json) {
    refuse("a condition compares with null, a list or an object: only isnull finds null");
  }
  const bool of_text = test == Test::startswith || test == Test::endswith || test == Test::contains;
  if (of_text && type != CellType::text) refuse("a condition looks for a part of a text that is no text");
  if (test == Test::isnull && type != CellType::boolean) refuse("isnull is true or false");
  return operand;
}

// ["and", ...], ["or", ...], ["not", condition], or [test, field, value]; the value of "in" is a list.
ConditionSpec condition_of(element item) {
  array members;
  std::string_view name;
  if (item.get(members) != simdjson::SUCCESS || item.at(0).get(name) != simdjson::SUCCESS) {
    refuse("a condition is a list that begins with a name");
  }
  const auto found = std::find(std::begin(kTests), std::end(kTests), name);
  if (found == std::end(kTests)) refuse("no condition \"" + std::string(name) + "\"");
  ConditionSpec condition;
  condition.test = static_cast<Test>(found - std::begin(kTests));
  condition.json = simdjson::minify(item);
  if (condition.test <= Test::negation) {
    for (std::size_t index = 1; index < members.size(); ++index) {
      condition.parts.push_back(condition_of(members.at(index).value()));
    }
    if (condition.test == Test::negation && condition.parts.size() != 1) refuse("\"not\" is of one condition");
    return condition;
  }
  std::string_view field;
  if (members.size() != 3 || members.at(1).get(field) != simdjson::SUCCESS || field.empty()) {
    refuse("a condition compares a field with a value");
  }
  condition.field = field;
  const element value = members.at(2).value();
  if (condition.test != Test::in) {
    condition.values.push_back(operand_of(value, condition.test));
    return condition;
  }
  array values;
  if (value.get(values) != simdjson::SUCCESS) refuse("\"in\" compares with a list");
  for (element each : values) condition.values.push_back(operand_of(each, condition.test));
  return condition;
}

// "type", or ["type", condition].
std::vector<SelectionSpec> selections_of(element parent, const char* key) {
  std::vector<SelectionSpec> selections;
  for (element item : need<array>(parent, key)) {
    std::string_view type;
    if (item.get(type) == simdjson::SUCCESS) {
      selections.push_back({std::string(type), {}});
      continue;
    }
    element filter;
    if (item.at(0).get(type) != simdjson::SUCCESS || item.at(1).get(filter) != simdjson::SUCCESS) {
      refuse(std::string("\"") + key + "\" holds something else than types and their conditions");
    }
    selections.push_back({std::string(type), condition_of(filter)});
  }
  return selections;
}

constexpr std::string_view kBuckets[] = {"none", "year", "month", "day", "hour"};

Bucket bucket_of(element item) {
  element trunc;
  std::string_view name;
  if (item["trunc"].get(trunc) != simdjson::SUCCESS) return Bucket::none;
  if (trunc.get(name) != simdjson::SUCCESS) refuse("\"trunc\" is no name");
  const auto found = std::find(std::begin(kBuckets) + 1, std::end(kBuckets), name);
  if (found == std::end(kBuckets)) refuse("no span of time \"" + std::string(name) + "\"");
  return static_cast<Bucket>(found - std::begin(kBuckets));
}

KeySpec key_of(element item) {
  return {text_of(item, "column"), text_of(item, "field"), kind_of(item), bucket_of(item)};
}

// What a source says beside its type and its field.
void read_options(element options, const ColumnSpec& column, ColumnSpec::Source& source) {
  element filter;
  if (options["filter"].get(filter) == simdjson::SUCCESS) source.filter = condition_of(filter);
  element number;
  std::int64_t value = 0;
  if (options["sign"].get(number) == simdjson::SUCCESS) {
    if (number.get(value) != simdjson::SUCCESS || (value != 1 && value != -1)) refuse("a \"sign\" is 1 or -1");
    source.negative = value < 0;
  }
  if (options["constant"].get(number) == simdjson::SUCCESS) {
    if (number.get(value) != simdjson::SUCCESS) refuse("a \"constant\" is no integer within 64 bits");
    source.constant = value;
  }
  read_label(options, column, source);
  const bool signs = column.operation == Operation::sum || column.operation == Operation::histogram;
  if ((source.negative && !signs) || (source.constant && column.operation != Operation::sum)) {
    refuse("only a sum has signs and constants, and not the column " + column.column);
  }
}

ColumnSpec column_of(element item) {
  ColumnSpec column;
  column.column = text_of(item, "column");
  column.kind = kind_of(item);
  column.places = places_of(item);
  column.operation = operation_of(item);
  if (is_collection(column.operation)) {
    column.bucket = bucket_of(item);
    read_collection(item, column);
  }
  for (element pair : need<array>(item, "from")) {
    std::string_view type, field;
    ColumnSpec::Source source;
    element options;
    if (pair.at(2).get(options) == simdjson::SUCCESS) read_options(options, column, source);
    if (pair.at(0).get(type) != simdjson::SUCCESS) refuse("a source of " + column.column + " names no type");
    element second;
    if (pair.at(1).get(second) == simdjson::SUCCESS && !second.is_null()) {
      if (second.get(field) != simdjson::SUCCESS) refuse("a source of " + column.column + " names no field");
    } else if (column.operation != Operation::count && !source.constant) {
      refuse("a source of " + column.column + " names no field");
    }
    source.type = type;
    source.field = field;
    if (source.constant && !source.field.empty()) refuse("a source of " + column.column + " is a field and a constant");
    column.labelled = column.labelled || !source.label.empty();
    column.from.push_back(std::move(source));
  }
  column.cleared_by = selections_of(item, "cleared_by");
  column.initial = optional_cell(item, "initial", column.kind, Form::stored);
  return column;
}

// Says of what kinds they are. An event can be taken apart by one list only.
void resolve_derived(EventSpec& event) {
  std::set<std::string> lists;
  for (DerivedSpec& derived : event.derived) {
    try {
      resolve(derived.value, event);
    } catch (const ProjectionError& error) {
      throw ProjectionError(derived.name + ": " + error.what());
    }
    derived.value.visit([&](const ExpressionSpec& part) {
      if (part.form == ExpressionSpec::Form::each) lists.insert(part.parts[0].path_name());
    });
  }
  if (lists.size() > 1) {
    throw ProjectionError("the event " + event.type + " is taken apart by two lists, " + *lists.begin() + " and " +
                          *lists.rbegin());
  }
}

EventSpec event_of(std::string_view type, object fields) {
  EventSpec event;
  event.type = type;
  for (auto [key, item] : fields) {
    element value;
    if (item["value"].get(value) == simdjson::SUCCESS) {
      event.derived.push_back({std::string(key), read_expression(value)});
      continue;
    }
    FieldSpec field;
    field.name = key;
    field.kind = kind_of(item);
    field.places = places_of(item);
    field.keys = texts_of(item, "keys");
    if (field.keys.empty()) refuse("the field " + field.name + " has no key");
    field.missing = optional_cell(item, "default", field.kind, Form::json);
    if (flag_of(item, "sparse")) field.missing.cell.type = CellType::absent;
    field.mixed = flag_of(item, "mixed");
    event.fields.push_back(std::move(field));
  }
  resolve_derived(event);
  return event;
}

// Whether values of one kind may fill a column of another: what is loaded from the column must be what was folded.
bool takes(Kind column, Kind source) {
  if (column == source || column == Kind::any || source == Kind::any) return true;
  switch (column) {
    case Kind::real:
      return source == Kind::integer || source == Kind::duration || source == Kind::decimal || source == Kind::boolean;
    case Kind::decimal:
      return source == Kind::integer || source == Kind::boolean;
    case Kind::integer:
    case Kind::duration:
      return source == Kind::integer || source == Kind::duration || source == Kind::boolean;
    case Kind::text:
      return source == Kind::date || source == Kind::time || source == Kind::datetime || source == Kind::uuid;
    default:
      return false;
  }
}

std::string name_of(Kind kind) { return std::string(kKindNames[static_cast<std::size_t>(kind)]); }

// A span of time is told from a moment, and kept as one.
void check_bucket(const KeySpec& part, Kind source) {
  const auto fits = [&](Kind kind) {
    return kind == Kind::any || kind == Kind::datetime || (kind == Kind::date && part.bucket != Bucket::hour);
  };
  if (fits(part.kind) && fits(source)) return;
  refuse("the key " + part.column + " of the kind " + name_of(part.kind) + " cannot be a span of time of \"" +
         part.field + "\", which is of the kind " + name_of(source));
}

void check_kinds(const ProjectionSpec& spec) {
  for (const EventSpec& event : spec.events) {
    for (const KeySpec& part : spec.key) {
      const Kind kind = spec.kind_of(event.type, part.field);
      if (part.bucket != Bucket::none) {
        check_bucket(part, kind);
        continue;
      }
      if (part.kind != kind && part.kind != Kind::any && kind != Kind::any) {
        refuse("the key " + part.column + " is of the kind " + name_of(part.kind) + ", and \"" + part.field +
               "\" of the event " + event.type + " is of the kind " + name_of(kind));
      }
    }
  }
  for (const ColumnSpec& column : spec.columns) {
    if (column.operation == Operation::count || column.operation == Operation::handler) continue;
    if (is_collection(column.operation)) {
      check_collection(spec, column);
      continue;
    }
    for (const auto& source : column.from) {
      const Kind kind = spec.kind_of(source.type, source.field);
      if (!takes(column.kind, kind)) {
        refuse("the column " + column.column + " is of the kind " + name_of(column.kind) + ", and \"" + source.field +
               "\" of the event " + source.type + " is of the kind " + name_of(kind));
      }
    }
  }
}

void check_names(const ProjectionSpec& spec) {
  const auto described = [&](const std::string& type) {
    return std::any_of(spec.events.begin(), spec.events.end(),
                       [&](const EventSpec& event) { return event.type == type; });
  };
  const auto has_field = [&](const std::string& type, const std::string& wanted) {
    if (wanted == "position" || wanted == "created") return true;
    return std::any_of(spec.events.begin(), spec.events.end(), [&](const EventSpec& event) {
      const auto is_wanted = [&](const auto& field) { return field.name == wanted; };
      return event.type == type && (std::any_of(event.fields.begin(), event.fields.end(), is_wanted) ||
                                    std::any_of(event.derived.begin(), event.derived.end(), is_wanted));
    });
  };
  for (const std::string& type : spec.types()) {
    if (!described(type)) refuse("\"events\" says nothing of the event " + type);
    for (const KeySpec& part : spec.key) {
      if (!has_field(type, part.field))
        refuse("the event " + type + " has no field \"" + part.field + "\" for the key");
    }
  }
  std::map<std::string, std::set<std::string>> filters;
  spec.visit_filters([&](const std::string& type, const ConditionSpec& filter) {
    filters[type].insert(filter.json);
    if (filters[type].size() > kMostConditions) refuse("more than 64 conditions on the event " + type);
    filter.visit_fields([&](const std::string& field) {
      if (!has_field(type, field)) refuse("the event " + type + " has no field \"" + field + "\" for a condition");
    });
  });
  for (const ColumnSpec& column : spec.columns) {
    for (const auto& source : column.from) {
      if (!source.field.empty() && !has_field(source.type, source.field)) {
        refuse("the event " + source.type + " has no field \"" + source.field + "\" for the column " + column.column);
      }
      if (!source.label.empty() && !has_field(source.type, source.label)) {
        refuse("the event " + source.type + " has no field \"" + source.label + "\" for the column " + column.column);
      }
    }
  }
}

ProjectionSpec spec_of(element root);

LookupSpec lookup_of(element item) {
  LookupSpec lookup;
  lookup.name = text_of(item, "name");
  ProjectionSpec projection = spec_of(need<element>(item, "projection"));
  if (!projection.lookups.empty() || !projection.handlers.empty()) {
    refuse("the lookup " + lookup.name + " is of a projection that has lookups or handlers itself");
  }
  const std::string column = text_of(item, "column");
  const auto found = std::ranges::find(projection.columns, column, &ColumnSpec::column);
  if (found == projection.columns.end() || found->operation == Operation::handler || is_collection(found->operation)) {
    refuse("the lookup " + lookup.name + " is of no column that holds one value of events");
  }
  lookup.column = static_cast<std::size_t>(found - projection.columns.begin());
  lookup.projection = std::make_shared<const ProjectionSpec>(std::move(projection));
  return lookup;
}

// What its lookups read is decoded once, with the fields of its own.
void take_events_of_lookups(ProjectionSpec& spec) {
  for (const LookupSpec& lookup : spec.lookups) {
    for (const EventSpec& event : lookup.projection->events) {
      auto own = std::ranges::find(spec.events, event.type, &EventSpec::type);
      if (own == spec.events.end()) own = spec.events.insert(own, EventSpec{event.type, {}, {}});
      for (const FieldSpec& field : event.fields) {
        const auto known = std::ranges::find(own->fields, field.name, &FieldSpec::name);
        if (known == own->fields.end()) {
          own->fields.push_back(field);
        } else if (known->kind != field.kind || known->keys != field.keys) {
          refuse("the field " + field.name + " of " + event.type + " is another one to the lookup " + lookup.name);
        }
      }
    }
  }
}

void check_lookups(const ProjectionSpec& spec) {
  for (const EventSpec& event : spec.events) {
    for (const DerivedSpec& derived : event.derived) {
      derived.value.visit([&](const ExpressionSpec& part) {
        if (part.form != ExpressionSpec::Form::lookup) return;
        const auto lookup = std::ranges::find(spec.lookups, part.name, &LookupSpec::name);
        if (lookup == spec.lookups.end()) refuse("no lookup \"" + part.name + "\"");
        if (part.parts.size() != lookup->projection->key.size()) {
          refuse("the lookup " + part.name + " has a key of another number of parts");
        }
      });
    }
  }
}

}  // namespace

ExpressionSpec ExpressionSpec::from_json(std::string_view fields, std::string_view expression) {
  simdjson::dom::parser field_parser, parser;
  object members;
  element item;
  if (field_parser.parse(fields.data(), fields.size()).get(members) != simdjson::SUCCESS) refuse("no fields");
  if (parser.parse(expression.data(), expression.size()).get(item) != simdjson::SUCCESS) {
    throw ProjectionError("no expression, or an integer beyond 64 bits");
  }
  ExpressionSpec read = read_expression(item);
  resolve(read, event_of("", members));
  return read;
}

ProjectionSpec ProjectionSpec::from_json(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || !root.is_object()) {
    refuse("it is no JSON object, or holds an integer beyond 64 bits");
  }
  return spec_of(root);
}

namespace {

ProjectionSpec spec_of(element root) {
  ProjectionSpec spec;
  spec.name = text_of(root, "name");
  spec.table = text_of(root, "table");
  for (element item : need<array>(root, "key")) spec.key.push_back(key_of(item));
  if (spec.key.empty()) refuse("\"key\" is empty");
  for (element item : need<array>(root, "columns")) spec.columns.push_back(column_of(item));
  spec.delete_on = selections_of(root, "delete_on");
  spec.handlers = texts_of(root, "handlers");
  spec.batched = flag_of(root, "batched");
  spec.local_time = flag_of(root, "local_time");
  spec.temporary = flag_of(root, "temporary");
  for (auto [type, fields] : need<object>(root, "events")) {
    object members;
    if (fields.get(members) != simdjson::SUCCESS) refuse("\"events\" must give an object for each type");
    spec.events.push_back(event_of(type, members));
  }
  array lookups;
  if (root["lookups"].get(lookups) == simdjson::SUCCESS) {
    for (element item : lookups) spec.lookups.push_back(lookup_of(item));
    take_events_of_lookups(spec);
  }
  check_lookups(spec);
  check_names(spec);
  check_kinds(spec);
  return spec;
}

}  // namespace

Kind ProjectionSpec::kind_of(std::string_view type, std::string_view field) const {
  for (const EventSpec& event : events) {
    if (event.type != type) continue;
    for (const FieldSpec& candidate : event.fields) {
      if (candidate.name == field) return candidate.kind;
    }
    for (const DerivedSpec& candidate : event.derived) {
      if (candidate.name == field) return candidate.value.kind;
    }
  }
  return field == "position" ? Kind::integer : field == "created" ? Kind::datetime : Kind::any;
}

std::vector<std::string> ProjectionSpec::types() const {
  std::vector<std::string> names;
  const auto add = [&](const std::string& type) {
    if (std::find(names.begin(), names.end(), type) == names.end()) names.push_back(type);
  };
  for (const ColumnSpec& column : columns) {
    for (const auto& source : column.from) add(source.type);
    for (const auto& clearing : column.cleared_by) add(clearing.type);
  }
  for (const auto& deletion : delete_on) add(deletion.type);
  for (const auto& type : handlers) add(type);
  return names;
}

void ConditionSpec::visit_fields(const std::function<void(const std::string&)>& visit) const {
  if (!field.empty()) visit(field);
  for (const ConditionSpec& part : parts) part.visit_fields(visit);
}

void ProjectionSpec::visit_filters(
    const std::function<void(const std::string& type, const ConditionSpec& filter)>& visit) const {
  const auto visit_one = [&](const SelectionSpec& selection) {
    if (selection.filter) visit(selection.type, *selection.filter);
  };
  for (const ColumnSpec& column : columns) {
    for (const auto& source : column.from) visit_one(source);
    for (const auto& clearing : column.cleared_by) visit_one(clearing);
  }
  for (const auto& deletion : delete_on) visit_one(deletion);
}

bool ProjectionSpec::uses(std::string_view pseudo_field) const {
  bool in_a_condition = false;
  visit_filters([&](const std::string&, const ConditionSpec& filter) {
    filter.visit_fields([&](const std::string& field) { in_a_condition = in_a_condition || field == pseudo_field; });
  });
  bool in_an_expression = false;
  for (const EventSpec& event : events) {
    for (const DerivedSpec& derived : event.derived) {
      derived.value.visit([&](const ExpressionSpec& part) {
        in_an_expression = in_an_expression || (part.form == ExpressionSpec::Form::field && part.name == pseudo_field);
      });
    }
  }
  const bool looked_up = std::any_of(lookups.begin(), lookups.end(),
                                     [&](const LookupSpec& lookup) { return lookup.projection->uses(pseudo_field); });
  return !handlers.empty() || in_a_condition || in_an_expression || looked_up ||
         std::any_of(key.begin(), key.end(), [&](const KeySpec& part) { return part.field == pseudo_field; }) ||
         std::any_of(columns.begin(), columns.end(), [&](const ColumnSpec& column) {
           return std::any_of(column.from.begin(), column.from.end(), [&](const ColumnSpec::Source& source) {
             return source.field == pseudo_field || source.label == pseudo_field;
           });
         });
}

bool ProjectionSpec::uses_stream() const {
  bool uses = std::any_of(lookups.begin(), lookups.end(),
                          [](const LookupSpec& lookup) { return lookup.projection->uses_stream(); });
  for (const EventSpec& event : events) {
    for (const DerivedSpec& derived : event.derived) {
      derived.value.visit([&](const ExpressionSpec& part) {
        uses = uses || part.form == ExpressionSpec::Form::stream || part.form == ExpressionSpec::Form::category;
      });
    }
  }
  return uses;
}

bool ProjectionSpec::keeps_members() const {
  return std::any_of(columns.begin(), columns.end(),
                     [](const ColumnSpec& column) { return column.operation == Operation::distinct; });
}

bool ProjectionSpec::mergeable() const {
  return handlers.empty() && lookups.empty() &&
         std::none_of(columns.begin(), columns.end(), [](const ColumnSpec& column) {
           return column.operation == Operation::sum && column.kind == Kind::real;
         });
}

}  // namespace eventfold
