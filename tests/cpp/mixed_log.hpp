// A log of events of several types, and projections of it.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "eventfold/read_model.hpp"
#include "temporary_log.hpp"

// Counts the events of some types, and knows the latest "by", for each value of a key.
inline eventfold::Projection counting(const std::string& name, const std::string& key,
                                      const std::vector<std::string>& types) {
  std::string from;
  std::string latest;
  std::string events;
  for (const std::string& type : types) {
    const std::string comma = from.empty() ? "" : ", ";
    from += comma + "[\"" + type + "\", null]";
    latest += comma + "[\"" + type + "\", \"by\"]";
    events += comma + "\"" + type + "\": {\"" + key + "\": {\"kind\": \"any\", \"keys\": [\"" + key +
              "\"]}, \"by\": {\"kind\": \"text\", \"keys\": [\"by\"]}}";
  }
  const std::string json =
      "{\"name\": \"" + name + "\", \"table\": \"" + name + "\", \"key\": [{\"column\": \"" + key +
      "\", \"field\": \"" + key + "\", \"kind\": \"any\"}], \"columns\": [" +
      "{\"column\": \"n\", \"kind\": \"integer\", \"op\": \"count\", \"from\": [" + from +
      "], \"cleared_by\": [], \"initial\": 0}, {\"column\": \"last\", \"kind\": \"text\", \"op\": " +
      "\"latest\", \"from\": [" + latest +
      "], \"cleared_by\": []}], \"delete_on\": [], \"handlers\": [], \"events\": {" + events + "}}";
  return {std::make_shared<const eventfold::ProjectionSpec>(eventfold::ProjectionSpec::from_json(json)), nullptr};
}

// By stream and buyer, what is made of other fields: as a key, in a condition, as a value.
inline eventfold::Projection calculating() {
  const std::string json = R"j({"name": "Calculating", "table": "t", "key": [
      {"column": "where", "field": "stream", "kind": "any"}, {"column": "who", "field": "who", "kind": "any"}],
    "columns": [
      {"column": "n", "kind": "integer", "op": "count", "cleared_by": [], "initial": 0,
       "from": [["Sold", null, {"filter": ["gt", "twice", 900]}], ["Bought", null]]},
      {"column": "last", "kind": "text", "op": "latest", "cleared_by": [], "from": [["Sold", "who"]]},
      {"column": "sum", "kind": "integer", "op": "sum", "cleared_by": [], "initial": 0, "from": [["Bought", "twice"]]}],
    "delete_on": [], "handlers": [], "events": {)j" +
                           [] {
                             const std::string fields = R"j({"item": {"kind": "integer", "keys": ["item"]},
      "by": {"kind": "text", "keys": ["by"]}, "twice": {"value": ["*", "item", ["value", 2]]},
      "who": {"value": ["coalesce", "by", ["stream"]]}, "stream": {"value": ["stream"]}})j";
                             return "\"Sold\": " + fields + ", \"Bought\": " + fields + "}}";
                           }();
  return {std::make_shared<const eventfold::ProjectionSpec>(eventfold::ProjectionSpec::from_json(json)), nullptr};
}

inline std::string rows_of(const eventfold::Fold& fold) {
  std::vector<std::string> rows;
  for (std::size_t row = 0; row < fold.slots(); ++row) {
    if (!fold.alive(row)) continue;
    std::string& text = rows.emplace_back();
    for (std::size_t part = 0; part < fold.spec().key.size(); ++part) {
      const eventfold::CellView key = fold.key(row, part);
      text += (key.type == eventfold::CellType::integer ? std::to_string(key.integer) : std::string(key.view())) + ":";
    }
    text += std::to_string(fold.column(row, 0).integer) + ":" + std::string(fold.column(row, 1).view());
    if (fold.spec().columns.size() > 2) text += ":" + std::to_string(fold.column(row, 2).integer);
  }
  std::sort(rows.begin(), rows.end());
  std::string text;
  for (const std::string& row : rows) text += row + "\n";
  return text;
}

struct MixedLog : TemporaryLog {
  std::vector<eventfold::Projection> projections{
      counting("Sold", "item", {"Sold"}),
      counting("Both", "item", {"Bought", "Sold"}),
      counting("People", "by", {"Sold", "Bought"}),
      counting("Bought", "shop", {"Bought"}),
      counting("Never", "item", {"Unheard"}),
      counting("All", "item", {"Rare", "Sold", "Bought"}),
      calculating(),
  };
  explicit MixedLog(std::size_t count, std::size_t bytes = 0) {
    execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
    std::mt19937 random(11);
    std::vector<std::string> data;
    std::vector<eventfold::NewEvent> events;
    for (std::size_t index = 0; index < count; ++index) {
      data.push_back("{\"item\":" + std::to_string(random() % 900) + ",\"by\":\"p" + std::to_string(random() % 50) +
                     "\",\"shop\":" + std::to_string(random() % 5) + ",\"more\":\"" + std::string(bytes, 'x') + "\"}");
    }
    constexpr std::string_view kTypes[] = {"Sold", "Bought", "Other", "Sold"};
    constexpr std::string_view kStreams[] = {"shop-1", "shop-23", "store-a-rather-long-name"};
    for (std::size_t index = 0; index < count; ++index) {
      events.push_back({.type = index % 5000 == 4999 ? "Rare" : kTypes[random() % 4], .data = data[index]});
      events.back().stream = kStreams[random() % 3];
    }
    if (!events.empty()) log.append(events, {.trusted = true});
  }
};
