// ProjectionSpec from its JSON.
#include <simdjson.h>

#include <algorithm>
#include <cmath>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"

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

constexpr std::string_view kOperations[] = {"count", "sum", "min", "max", "first", "latest", "handler"};

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

KeySpec key_of(element item) { return {text_of(item, "column"), text_of(item, "field"), kind_of(item)}; }

ColumnSpec column_of(element item) {
  ColumnSpec column;
  column.column = text_of(item, "column");
  column.kind = kind_of(item);
  column.places = places_of(item);
  column.operation = operation_of(item);
  for (element pair : need<array>(item, "from")) {
    std::string_view type, field;
    if (pair.at(0).get(type) != simdjson::SUCCESS) refuse("a source of " + column.column + " names no type");
    element second;
    if (pair.at(1).get(second) == simdjson::SUCCESS && !second.is_null()) {
      if (second.get(field) != simdjson::SUCCESS) refuse("a source of " + column.column + " names no field");
    } else if (column.operation != Operation::count) {
      refuse("a source of " + column.column + " names no field");
    }
    column.from.push_back({std::string(type), std::string(field)});
  }
  column.cleared_by = texts_of(item, "cleared_by");
  column.initial = optional_cell(item, "initial", column.kind, Form::stored);
  return column;
}

EventSpec event_of(std::string_view type, object fields) {
  EventSpec event;
  event.type = type;
  for (auto [key, item] : fields) {
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

void check_kinds(const ProjectionSpec& spec) {
  for (const EventSpec& event : spec.events) {
    for (const KeySpec& part : spec.key) {
      const Kind kind = spec.kind_of(event.type, part.field);
      if (part.kind != kind && part.kind != Kind::any && kind != Kind::any) {
        refuse("the key " + part.column + " is of the kind " + name_of(part.kind) + ", and \"" + part.field +
               "\" of the event " + event.type + " is of the kind " + name_of(kind));
      }
    }
  }
  for (const ColumnSpec& column : spec.columns) {
    if (column.operation == Operation::count || column.operation == Operation::handler) continue;
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
      return event.type == type && std::any_of(event.fields.begin(), event.fields.end(),
                                               [&](const FieldSpec& field) { return field.name == wanted; });
    });
  };
  for (const std::string& type : spec.types()) {
    if (!described(type)) refuse("\"events\" says nothing of the event " + type);
    for (const KeySpec& part : spec.key) {
      if (!has_field(type, part.field))
        refuse("the event " + type + " has no field \"" + part.field + "\" for the key");
    }
  }
  for (const ColumnSpec& column : spec.columns) {
    for (const auto& source : column.from) {
      if (!source.field.empty() && !has_field(source.type, source.field)) {
        refuse("the event " + source.type + " has no field \"" + source.field + "\" for the column " + column.column);
      }
    }
  }
}

}  // namespace

ProjectionSpec ProjectionSpec::from_json(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || !root.is_object()) {
    refuse("it is no JSON object, or holds an integer beyond 64 bits");
  }
  ProjectionSpec spec;
  spec.name = text_of(root, "name");
  spec.table = text_of(root, "table");
  for (element item : need<array>(root, "key")) spec.key.push_back(key_of(item));
  if (spec.key.empty()) refuse("\"key\" is empty");
  for (element item : need<array>(root, "columns")) spec.columns.push_back(column_of(item));
  spec.delete_on = texts_of(root, "delete_on");
  spec.handlers = texts_of(root, "handlers");
  spec.local_time = flag_of(root, "local_time");
  for (auto [type, fields] : need<object>(root, "events")) {
    object members;
    if (fields.get(members) != simdjson::SUCCESS) refuse("\"events\" must give an object for each type");
    spec.events.push_back(event_of(type, members));
  }
  check_names(spec);
  check_kinds(spec);
  return spec;
}

Kind ProjectionSpec::kind_of(std::string_view type, std::string_view field) const {
  for (const EventSpec& event : events) {
    if (event.type != type) continue;
    for (const FieldSpec& candidate : event.fields) {
      if (candidate.name == field) return candidate.kind;
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
    for (const auto& type : column.cleared_by) add(type);
  }
  for (const auto& type : delete_on) add(type);
  for (const auto& type : handlers) add(type);
  return names;
}

bool ProjectionSpec::uses(std::string_view pseudo_field) const {
  return !handlers.empty() ||
         std::any_of(key.begin(), key.end(), [&](const KeySpec& part) { return part.field == pseudo_field; }) ||
         std::any_of(columns.begin(), columns.end(), [&](const ColumnSpec& column) {
           return std::any_of(column.from.begin(), column.from.end(),
                              [&](const ColumnSpec::Source& source) { return source.field == pseudo_field; });
         });
}

bool ProjectionSpec::mergeable() const {
  return handlers.empty() && std::none_of(columns.begin(), columns.end(), [](const ColumnSpec& column) {
           return column.operation == Operation::sum && column.kind == Kind::real;
         });
}

}  // namespace eventfold
