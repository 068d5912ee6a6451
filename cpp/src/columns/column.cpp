#include "columns/column.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "eventfold/error.hpp"

namespace eventfold {

namespace {

static_assert(std::endian::native == std::endian::little, "columns are little-endian");

template <class Number>
Number load(const char* at, std::size_t index) {
  Number number;
  std::memcpy(&number, at + index * sizeof(Number), sizeof number);
  return number;
}

std::uint64_t load(const char* at, std::size_t index, int width) {
  switch (width) {
    case 1:
      return load<std::uint8_t>(at, index);
    case 2:
      return load<std::uint16_t>(at, index);
    case 4:
      return load<std::uint32_t>(at, index);
    default:
      return load<std::uint64_t>(at, index);
  }
}

std::uint8_t width_of(std::uint64_t most) {
  if (most <= std::numeric_limits<std::uint8_t>::max()) return 1;
  if (most <= std::numeric_limits<std::uint16_t>::max()) return 2;
  return most <= std::numeric_limits<std::uint32_t>::max() ? 4 : 8;
}

void append(std::string& content, std::uint64_t number, int width) {
  content.append(reinterpret_cast<const char*>(&number), static_cast<std::size_t>(width));
}

bool is_number(CellType type) {
  return type == CellType::integer || type == CellType::real || type == CellType::boolean;
}
bool is_bytes(CellType type) {
  return type == CellType::text || type == CellType::blob || type == CellType::number || type == CellType::json;
}

// A difference of two integers, which may be larger than any of them.
std::uint64_t above(std::int64_t number, std::int64_t base) {
  return static_cast<std::uint64_t>(number) - static_cast<std::uint64_t>(base);
}
std::int64_t added(std::int64_t base, std::uint64_t number) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(base) + number);
}

[[noreturn]] void refuse(const char* what) {
  throw CorruptLog(std::string("a column of a sealed segment ") + what +
                   ": throw them away, `events seal --drop` or unseal(), and seal the log again");
}

}  // namespace

void ColumnWriter::pad(std::size_t events) {
  types_.resize(events, CellType::absent);
  numbers_.resize(events);
  sizes_.resize(events);
}

void ColumnWriter::add(std::size_t event, CellView cell) {
  // of one event the last value counts, as where a key stands twice in its data
  if (event < types_.size()) bytes_.resize(bytes_.size() - sizes_.back());
  pad(event);
  types_.push_back(cell.type);
  numbers_.push_back(is_number(cell.type) ? cell.integer : 0);
  sizes_.push_back(is_bytes(cell.type) ? cell.size : 0);
  if (is_bytes(cell.type)) bytes_.append(cell.view());
}

std::string ColumnWriter::finish(std::size_t events) {
  pad(events);
  ColumnHeader header;
  header.events = static_cast<std::uint32_t>(events);
  header.type = types_.empty() ? CellType::absent : types_.front();
  header.mixed = std::any_of(types_.begin(), types_.end(), [&](CellType type) { return type != header.type; });
  const auto any = [&](auto what) { return std::any_of(types_.begin(), types_.end(), what); };
  if (any([](CellType type) { return type == CellType::real; })) {
    header.number_width = 8;
  } else if (any(is_number)) {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    std::int64_t most = std::numeric_limits<std::int64_t>::min();
    for (std::size_t event = 0; event < events; ++event) {
      if (!is_number(types_[event])) continue;
      least = std::min(least, numbers_[event]);
      most = std::max(most, numbers_[event]);
    }
    header.base = least;
    header.number_width = width_of(above(most, least));
  }
  if (any(is_bytes)) {
    header.size_width = width_of(*std::max_element(sizes_.begin(), sizes_.end()));
    header.bytes = bytes_.size();
  }

  std::string content(reinterpret_cast<const char*>(&header), sizeof header);
  content.reserve(sizeof header + events * std::size_t{1} + events * header.number_width + events * header.size_width +
                  bytes_.size());
  if (header.mixed) content.append(reinterpret_cast<const char*>(types_.data()), events);
  for (std::size_t event = 0; header.number_width != 0 && event < events; ++event) {
    append(content, is_number(types_[event]) ? above(numbers_[event], header.base) : 0, header.number_width);
  }
  for (std::size_t event = 0; header.size_width != 0 && event < events; ++event) {
    append(content, sizes_[event], header.size_width);
  }
  return content.append(bytes_);
}

Column::Column(std::string_view content, std::size_t events) {
  if (content.size() < sizeof header_) refuse("is cut off");
  std::memcpy(&header_, content.data(), sizeof header_);
  const auto may_be = [](int width) { return width == 0 || width == 1 || width == 2 || width == 4; };
  const bool widths = (may_be(header_.number_width) || header_.number_width == 8) && may_be(header_.size_width);
  if (header_.events != events || header_.mixed > 1 || !widths) refuse("has a wrong header");
  const char* at = content.data() + sizeof header_;
  const auto left = [&] { return static_cast<std::uint64_t>(content.data() + content.size() - at); };
  const auto part = [&](std::uint64_t size) {
    if (left() < size) refuse("is cut off");
    return std::exchange(at, at + size);
  };
  bool numbers = is_number(header_.type) && !header_.mixed;
  bool sizes = is_bytes(header_.type) && !header_.mixed;
  if (!header_.mixed && header_.type > CellType::absent) refuse("has cells of an unknown type");
  if (header_.mixed) {
    types_ = reinterpret_cast<const CellType*>(part(events));
    for (std::size_t event = 0; event < events; ++event) {
      if (types_[event] > CellType::absent) refuse("has cells of an unknown type");
      numbers = numbers || is_number(types_[event]);
      sizes = sizes || is_bytes(types_[event]);
    }
  }
  if ((numbers && header_.number_width == 0) || (sizes && header_.size_width == 0)) refuse("has a wrong header");
  numbers_ = part(std::uint64_t{events} * header_.number_width);
  sizes_ = part(std::uint64_t{events} * header_.size_width);
  bytes_ = at;
  if (left() != header_.bytes) refuse("is cut off");
  std::uint64_t sum = 0;
  for (std::size_t event = 0; header_.size_width != 0 && event < events; ++event) {
    sum += eventfold::load(sizes_, event, header_.size_width);
  }
  if (sum != header_.bytes) refuse("has other bytes than it says");
}

std::int64_t Column::integer(std::size_t event) const {
  return added(header_.base, eventfold::load(numbers_, event, header_.number_width));
}

ColumnCursor::ColumnCursor(const Column& column, std::size_t event) : column_(&column), event_(event) {
  const int width = column.header_.size_width;
  for (std::size_t before = 0; width != 0 && before < event; ++before) offset_ += load(column.sizes_, before, width);
}

template <class Width>
void ColumnCursor::take_numbers(std::size_t count, CellView* cells, std::size_t stride) {
  const Column& column = *column_;
  for (std::size_t index = 0; index < count; ++index) {
    CellView& cell = cells[index * stride];
    cell.type = column.header_.type;
    cell.integer = added(column.header_.base, load<Width>(column.numbers_, event_ + index));
  }
}

template <class Width>
void ColumnCursor::take_bytes(std::size_t count, CellView* cells, std::size_t stride) {
  const Column& column = *column_;
  const char* at = column.bytes_ + offset_;
  for (std::size_t index = 0; index < count; ++index) {
    CellView& cell = cells[index * stride];
    cell.type = column.header_.type;
    cell.size = load<Width>(column.sizes_, event_ + index);
    cell.data = at;
    at += cell.size;
  }
  offset_ = static_cast<std::size_t>(at - column.bytes_);
}

void ColumnCursor::take_mixed(std::size_t count, CellView* cells, std::size_t stride) {
  const Column& column = *column_;
  const ColumnHeader& header = column.header_;
  for (std::size_t index = 0; index < count; ++index) {
    CellView& cell = cells[index * stride];
    cell = CellView();
    cell.type = header.mixed ? column.types_[event_ + index] : header.type;
    if (is_number(cell.type)) {
      cell.integer = added(header.base, load(column.numbers_, event_ + index, header.number_width));
    } else if (is_bytes(cell.type)) {
      cell.size = static_cast<std::uint32_t>(load(column.sizes_, event_ + index, header.size_width));
      cell.data = column.bytes_ + offset_;
      offset_ += cell.size;
    }
  }
}

void ColumnCursor::take(std::size_t count, CellView* cells, std::size_t stride) {
  const ColumnHeader& header = column_->header_;
  if (!header.mixed && is_number(header.type)) {
    switch (header.number_width) {
      case 1:
        take_numbers<std::uint8_t>(count, cells, stride);
        break;
      case 2:
        take_numbers<std::uint16_t>(count, cells, stride);
        break;
      case 4:
        take_numbers<std::uint32_t>(count, cells, stride);
        break;
      default:
        take_numbers<std::uint64_t>(count, cells, stride);
    }
  } else if (!header.mixed && is_bytes(header.type)) {
    switch (header.size_width) {
      case 1:
        take_bytes<std::uint8_t>(count, cells, stride);
        break;
      case 2:
        take_bytes<std::uint16_t>(count, cells, stride);
        break;
      default:
        take_bytes<std::uint32_t>(count, cells, stride);
    }
  } else {
    take_mixed(count, cells, stride);
  }
  event_ += count;
}

}  // namespace eventfold
