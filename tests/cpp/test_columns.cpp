// Columns: what was written comes out again, and what nobody wrote is refused.
#include <catch2/catch.hpp>
#include <deque>
#include <random>

#include "columns/event_columns.hpp"
#include "columns/interleaved.hpp"
#include "eventfold/error.hpp"

using namespace eventfold;

namespace {

// Cells of a few of the types, so that some columns are of one type and some of many.
std::vector<CellView> random_cells(std::mt19937& random, std::size_t count, std::deque<std::string>& bytes) {
  std::vector<CellType> types;
  for (int kinds = 1 + static_cast<int>(random() % 4); kinds > 0; --kinds) {
    types.push_back(static_cast<CellType>(random() % 9));
  }
  const int shift = static_cast<int>(random() % 64);
  const std::size_t longest = std::size_t{1} << (random() % 17);
  std::vector<CellView> cells;
  for (std::size_t index = 0; index < count; ++index) {
    CellView cell;
    cell.type = types[random() % types.size()];
    if (cell.type == CellType::real) {
      cell = CellView(static_cast<double>(random()) / 7);
    } else if (cell.type == CellType::integer) {
      cell = CellView(static_cast<std::int64_t>((std::uint64_t{random()} << 32 | random()) >> shift));
      if (random() % 2) cell.integer = ~cell.integer;
    } else if (cell.type == CellType::boolean) {
      cell.integer = random() % 2;
    } else if (cell.has_bytes() && cell.type != CellType::absent) {
      bytes.emplace_back(random() % longest, static_cast<char>(random()));
      cell = CellView(cell.type, bytes.back());
    }
    cells.push_back(cell);
  }
  return cells;
}

std::string written(const std::vector<CellView>& cells) {
  ColumnWriter writer;
  for (std::size_t event = 0; event < cells.size(); ++event) {
    if (cells[event].type != CellType::absent) writer.add(event, cells[event]);
  }
  return writer.finish(cells.size());
}

bool same(const CellView& left, const CellView& right) {
  if (left.type != right.type || left.type == CellType::absent) return left.type == right.type;
  if (left.has_bytes()) return left.view() == right.view();
  return left.type == CellType::null || left.integer == right.integer;
}

}  // namespace

TEST_CASE("the cells of a column come out as they went in, from any event on", "[columns]") {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    std::deque<std::string> bytes;
    const std::vector<CellView> cells = random_cells(random, 1 + random() % 200, bytes);
    const std::string content = written(cells);
    const Column column(content, cells.size());
    const std::size_t first = random() % cells.size();
    ColumnCursor cursor(column, first);
    std::vector<CellView> found((cells.size() - first) * 3);
    for (std::size_t at = first; at < cells.size();) {
      const std::size_t count = 1 + random() % (cells.size() - at);
      cursor.take(count, &found[(at - first) * 3], 3);
      at += count;
    }
    for (std::size_t event = first; event < cells.size(); ++event) {
      REQUIRE(same(found[(event - first) * 3], cells[event]));
    }
  }
}

TEST_CASE("a column that was damaged is refused, or gives cells within it", "[columns]") {
  std::mt19937 random(7);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::deque<std::string> bytes;
    const std::vector<CellView> cells = random_cells(random, 1 + random() % 20, bytes);
    std::string content = written(cells);
    if (random() % 3 == 0) content.resize(random() % content.size());
    for (int bit = static_cast<int>(random() % 4); bit > 0 && !content.empty(); --bit) {
      content[random() % content.size()] ^= static_cast<char>(1 << random() % 8);
    }
    const std::string own(content);  // whose end a sanitizer knows
    try {
      const Column column(own, cells.size());
      std::vector<CellView> found(cells.size());
      ColumnCursor(column).take(cells.size(), found.data(), 1);
      for (const CellView& cell : found) {
        if (cell.type == CellType::absent || !cell.has_bytes()) continue;
        REQUIRE(cell.data >= own.data());
        REQUIRE(cell.data + cell.size <= own.data() + own.size());
      }
    } catch (const CorruptLog&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("of a key that stands twice in an event the last value is kept", "[columns]") {
  EventColumnsWriter writer;
  writer.add(5, 70, R"({"a":"first","b":1,"a":"second"})");
  writer.add(6, 71, R"( { "b" : 2.5, "c": [1, 2] } )");
  writer.add(9, 72, "{}");
  EventColumns columns;
  columns.begin(writer.events());
  const auto contents = writer.finish();
  for (const auto& [name, content] : contents) columns.add(name, content);
  const auto cells = [&](const char* key) {
    std::vector<CellView> found(3);
    ColumnCursor(*columns.find(data_column(key))).take(3, found.data(), 1);
    return found;
  };
  CHECK(cells("a")[0].view() == "second");
  CHECK(cells("a")[1].type == CellType::absent);
  CHECK(cells("b")[0].integer == 1);
  CHECK(cells("b")[1].real == 2.5);
  CHECK(cells("c")[1].type == CellType::json);
  CHECK(cells("c")[1].view() == "[1,2]");
  CHECK(columns.find(data_column("d")) == nullptr);
  CHECK(columns.position(2) == 9);
  CHECK(columns.created(0) == 70);
  CHECK(columns.up_to(4) == 0);
  CHECK(columns.up_to(8) == 2);
  CHECK(columns.up_to(9) == 3);
}

TEST_CASE("events that are no JSON objects, or have too many keys, make no columns", "[columns]") {
  for (const char* data :
       {"", "[]", "{\"a\":}", "{\"a\":1", "{\"a\":\"\\ud800\"}", "{\"a\":\"\xff\"}", "{\"\xff\":1}"}) {
    EventColumnsWriter writer;
    CHECK_THROWS_AS(writer.add(7, 0, data), CorruptLog);
  }
  EventColumnsWriter writer;
  for (int key = 0; key < 300; ++key) writer.add(key + 1, 0, "{\"k" + std::to_string(key) + "\":1}");
  CHECK(writer.finish().empty());
}

TEST_CASE("events of several types come in the order of their positions", "[columns]") {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    std::vector<EventColumnsWriter> writers(1 + random() % 4);
    std::vector<std::size_t> type_of{0};  // by position
    for (Position position = 1; position <= 200; ++position) {
      if (random() % 3 == 0)
        type_of.push_back(random() % writers.size());
      else
        type_of.push_back(type_of.back());
      writers[type_of.back()].add(position, 0, "{}");
    }
    std::vector<EventColumns> types(writers.size());
    for (std::size_t type = 0; type < types.size(); ++type) {
      types[type].begin(writers[type].events());
      if (writers[type].events() == 0) continue;
      const auto contents = writers[type].finish();
      for (const auto& [name, content] : contents) types[type].add(name, content);
    }
    const Position after = random() % 100;
    const Position until = 100 + random() % 120;
    const std::size_t most = round % 2 ? SIZE_MAX : 3;
    Interleaved events(types, after, until);
    Position expected = after + 1;
    while (const auto piece = events.next(most)) {
      REQUIRE(piece->last - piece->first <= most);
      for (std::size_t event = piece->first; event < piece->last; ++event, ++expected) {
        REQUIRE(types[piece->type].position(event) == expected);
        REQUIRE(type_of[static_cast<std::size_t>(expected)] == piece->type);
      }
    }
    REQUIRE(expected == std::min<Position>(until, 200) + 1);
  }
}
