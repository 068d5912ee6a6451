#include "fold/collection_spec.hpp"

#include <algorithm>

#include "eventfold/error.hpp"

namespace eventfold {

namespace {

// Values that are worth writing anew with each event; of the greatest ones, that are worth being kept in order.
constexpr std::int64_t kMost = 100'000;
constexpr std::int64_t kMostInOrder = 1'000;

[[noreturn]] void refuse(const ColumnSpec& column, const std::string& what) {
  throw ProjectionError("the specification of a projection: the column " + column.column + " " + what);
}

std::string name_of(Kind kind) { return std::string(kKindNames[static_cast<std::size_t>(kind)]); }

}  // namespace

void read_collection(simdjson::dom::element item, ColumnSpec& column) {
  if (column.operation == Operation::distinct) {
    const bool number = column.kind == Kind::integer || column.kind == Kind::real || column.kind == Kind::decimal;
    if (!number && column.kind != Kind::any) {
      refuse(column, "counts different values, and must be a number, not of the kind " + name_of(column.kind));
    }
    return;
  }
  if (column.kind != Kind::json && column.kind != Kind::any) {
    refuse(column, "holds many values, and must be of the kind json, not " + name_of(column.kind));
  }
  if (column.operation == Operation::histogram) return;
  const std::int64_t most = column.operation == Operation::top ? kMostInOrder : kMost;
  std::int64_t limit = 0;
  if (item["limit"].get(limit) != simdjson::SUCCESS || limit < 1 || limit > most) {
    refuse(column, "needs a \"limit\" between 1 and " + std::to_string(most));
  }
  column.limit = static_cast<std::size_t>(limit);
}

void read_label(simdjson::dom::element options, const ColumnSpec& column, ColumnSpec::Source& source) {
  simdjson::dom::element label;
  if (options["label"].get(label) != simdjson::SUCCESS) return;
  std::string_view name;
  if (label.get(name) != simdjson::SUCCESS || name.empty()) refuse(column, "has a \"label\" that names no field");
  if (column.operation != Operation::top) refuse(column, "has a \"label\", which only the greatest values have");
  source.label = name;
}

void check_collection(const ProjectionSpec& spec, const ColumnSpec& column) {
  const bool compares = column.operation != Operation::list;
  const bool distinct = column.operation == Operation::distinct;
  const auto of_bytes = [&](const ColumnSpec::Source& source) {
    return spec.kind_of(source.type, source.field) == Kind::binary;
  };
  if (distinct && std::any_of(column.from.begin(), column.from.end(), of_bytes) &&
      !std::all_of(column.from.begin(), column.from.end(), of_bytes)) {
    refuse(column, "compares bytes with other values");
  }
  for (const auto& source : column.from) {
    const Kind kind = spec.kind_of(source.type, source.field);
    const std::string field = "\"" + source.field + "\" of the event " + source.type;
    if (source.field.empty()) refuse(column, "takes no field of the event " + source.type);
    if (kind == Kind::binary && !distinct) refuse(column, "takes " + field + ", whose bytes cannot stand in JSON");
    if (compares && kind == Kind::json) refuse(column, "compares " + field + ", which may be a list or an object");
    const bool moment =
        kind == Kind::any || kind == Kind::datetime || (kind == Kind::date && column.bucket != Bucket::hour);
    if (column.bucket != Bucket::none && !moment) {
      refuse(column, "takes a span of time of " + field + ", which is of the kind " + name_of(kind));
    }
    if (source.label.empty() == column.labelled) refuse(column, "has a \"label\" for some of its events only");
    if (column.labelled && spec.kind_of(source.type, source.label) == Kind::binary) {
      refuse(column, "has the label \"" + source.label + "\", whose bytes cannot stand in JSON");
    }
  }
}

}  // namespace eventfold
