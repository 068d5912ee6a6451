#include "read_model/saved_rows.hpp"

#include <cmath>
#include <cstring>

#include "eventfold/error.hpp"

namespace eventfold {

namespace {

constexpr std::size_t kPartBytes = 256 * 1024;

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
  char kind() { return take(1)[0]; }
  [[noreturn]] static void fail() { throw CorruptLog("these are no rows that a replay has saved"); }

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

  std::uint64_t number() {
    std::uint64_t number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      number |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return number;
    }
    fail();
  }

 private:
  std::string_view take(std::uint64_t size) {
    if (size > left_.size()) fail();
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }

  std::string_view left_;
};

// Each record begins with one of these.
constexpr char kRow = 'r';  // key and columns; of a column of different values, how many it counts beside the members
constexpr char kMember = 'm';  // one of the values that a column of the row before counts: its number, and the value
constexpr char kLookup = 'l';  // a number: what comes is of the fold of this lookup

bool counts_different(const ColumnSpec& column) { return column.operation == Operation::distinct; }

}  // namespace

void RowsToSave::add_row(std::string& part, std::size_t row) {
  const ProjectionSpec& spec = fold_->spec();
  part += kRow;
  for (std::size_t index = 0; index < spec.key.size(); ++index) add_cell(part, fold_->key(row, index));
  for (std::size_t column = 0; column < spec.columns.size(); ++column) {
    const CellView cell = fold_->column(row, column);
    const std::size_t members = counts_different(spec.columns[column]) ? fold_->members(row, column) : 0;
    if (members == 0) {
      add_cell(part, cell);
      continue;
    }
    const std::int64_t number = cell.type == CellType::real ? std::llround(cell.real) : cell.integer;
    add_cell(part, CellView(number - static_cast<std::int64_t>(members)));
    fold_->visit_members(row, column, [&](const CellView& value) {
      std::string& member = members_.emplace_back(1, kMember);
      add_number(member, column);
      add_cell(member, value);
    });
  }
}

bool RowsToSave::next(std::string& part) {
  part.clear();
  while (part.size() < kPartBytes) {
    if (!members_.empty()) {
      part += members_.front();
      members_.pop_front();
    } else if (row_ < fold_->slots()) {
      if (fold_->alive(row_)) add_row(part, row_);
      ++row_;
    } else if (lookup_ < all_.spec().lookups.size()) {
      part += kLookup;
      add_number(part, lookup_);
      fold_ = &all_.lookup(lookup_++);
      row_ = 0;
    } else {
      break;
    }
  }
  return !part.empty();
}

void SavedRows::take(std::string_view part) {
  Reader reader(part);
  while (!reader.ended()) {
    switch (reader.kind()) {
      case kRow:
        key_.resize(fold_->spec().key.size());
        columns_.resize(fold_->spec().columns.size());
        for (CellView& cell : key_) cell = reader.cell();
        for (CellView& cell : columns_) cell = reader.cell();
        fold_->restore(key_, columns_);
        has_row_ = true;
        break;
      case kMember: {
        const std::uint64_t column = reader.number();
        if (!has_row_ || column >= columns_.size() || !counts_different(fold_->spec().columns[column])) Reader::fail();
        fold_->restore_member(column, reader.cell());
        break;
      }
      case kLookup: {
        const std::uint64_t lookup = reader.number();
        if (lookup >= all_.spec().lookups.size()) Reader::fail();
        fold_ = &all_.lookup(lookup);
        has_row_ = false;
        break;
      }
      default:
        Reader::fail();
    }
  }
}

}  // namespace eventfold
