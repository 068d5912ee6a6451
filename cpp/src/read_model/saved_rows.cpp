#include "read_model/saved_rows.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "eventfold/error.hpp"

namespace eventfold {

namespace {

constexpr std::size_t kPartBytes = 256 * 1024;
constexpr char kEndOfRow = '\n';  // a row without key and columns is not nothing

void add_number(std::string& bytes, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>(number | 0x80);
  bytes += static_cast<char>(number);
}

void add_cell(std::string& bytes, const CellView& cell) {
  bytes += static_cast<char>(cell.type);
  switch (cell.type) {
    case CellType::null:
    case CellType::absent:
      return;
    case CellType::integer:
    case CellType::boolean: {
      const auto number = static_cast<std::uint64_t>(cell.integer);
      return add_number(bytes, number << 1 ^ (cell.integer < 0 ? ~std::uint64_t{0} : 0));
    }
    case CellType::real:
      bytes.append(reinterpret_cast<const char*>(&cell.real), sizeof cell.real);
      return;
    default:
      add_number(bytes, cell.size);
      bytes += cell.view();
  }
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  bool ended() const { return left_.empty(); }
  void end_row() {
    if (take(1)[0] != kEndOfRow) fail();
  }

  // Its bytes are those of the part.
  CellView cell() {
    CellView cell;
    const auto type = static_cast<std::uint8_t>(take(1)[0]);
    if (type > static_cast<std::uint8_t>(CellType::absent)) fail();
    cell.type = static_cast<CellType>(type);
    switch (cell.type) {
      case CellType::null:
      case CellType::absent:
        return cell;
      case CellType::integer:
      case CellType::boolean: {
        const std::uint64_t bits = number();
        cell.integer = static_cast<std::int64_t>(bits >> 1 ^ (bits & 1 ? ~std::uint64_t{0} : 0));
        return cell;
      }
      case CellType::real:
        std::memcpy(&cell.real, take(sizeof cell.real).data(), sizeof cell.real);
        return cell;
      default:
        return CellView(cell.type, take(number()));
    }
  }

 private:
  [[noreturn]] static void fail() { throw CorruptLog("these are no rows that a replay has saved"); }
  std::string_view take(std::uint64_t size) {
    if (size > left_.size()) fail();
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  std::uint64_t number() {
    std::uint64_t number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      number |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return number;
    }
    fail();
  }

  std::string_view left_;
};

}  // namespace

bool rows_are_all(const ProjectionSpec& spec) {
  if (!spec.lookups.empty()) return false;
  return std::ranges::all_of(spec.columns, [](const ColumnSpec& column) {
    switch (column.operation) {  // no default: whoever adds an operation is asked
      case Operation::count:
      case Operation::sum:
      case Operation::min:
      case Operation::max:
      case Operation::first:
      case Operation::latest:
      case Operation::handler:
      case Operation::list:
      case Operation::set:
      case Operation::histogram:
      case Operation::top:
        return true;
      case Operation::distinct:
        return false;
    }
    return false;
  });
}

bool RowsToSave::next(std::string& part) {
  part.clear();
  const ProjectionSpec& spec = fold_.spec();
  for (; row_ < fold_.slots() && part.size() < kPartBytes; ++row_) {
    if (!fold_.alive(row_)) continue;
    for (std::size_t index = 0; index < spec.key.size(); ++index) add_cell(part, fold_.key(row_, index));
    for (std::size_t column = 0; column < spec.columns.size(); ++column) add_cell(part, fold_.column(row_, column));
    part += kEndOfRow;
  }
  return !part.empty();
}

void take_saved_rows(std::string_view part, Fold& fold) {
  std::vector<CellView> key(fold.spec().key.size());
  std::vector<CellView> columns(fold.spec().columns.size());
  Reader reader(part);
  while (!reader.ended()) {
    for (CellView& cell : key) cell = reader.cell();
    for (CellView& cell : columns) cell = reader.cell();
    reader.end_row();
    fold.restore(key, columns);
  }
}

}  // namespace eventfold
