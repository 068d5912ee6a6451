#include "base/table_pages.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/big_endian.hpp"

namespace eventfold {
namespace {

constexpr unsigned char kInnerPage = 0x05;
constexpr unsigned char kLeafPage = 0x0d;
constexpr std::size_t kMostDepth = 20;

// Steps over a varint; false if it does not end in time.
bool take_varint(const unsigned char*& at, const unsigned char* end, std::uint64_t& number) {
  number = 0;
  for (int byte = 0; byte < 9 && at < end; ++byte) {
    const unsigned char next = *at++;
    if (byte == 8) {
      number = number << 8 | next;
      return true;
    }
    number = number << 7 | (next & 0x7f);
    if (!(next & 0x80)) return true;
  }
  return false;
}

// Bytes of a value by its serial type; those of a text or blob are in the type itself.
std::uint64_t size_of(std::uint64_t type) {
  constexpr std::uint8_t kSizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
  return type < 12 ? kSizes[type] : (type - 12) / 2;
}

std::int64_t integer_of(const unsigned char* at, std::uint64_t size) {
  auto number = static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<signed char>(*at)));
  for (std::uint64_t byte = 1; byte < size; ++byte) number = number << 8 | at[byte];
  return static_cast<std::int64_t>(number);
}

Value value_of(const unsigned char* at, std::uint64_t type) {
  switch (type) {
    case 0:
    case 10:
    case 11:
      return {};
    case 7: {
      std::uint64_t bits = 0;
      for (int byte = 0; byte < 8; ++byte) bits = bits << 8 | at[byte];
      return Value(std::bit_cast<double>(bits));
    }
    case 8:
      return Value(std::int64_t{0});
    case 9:
      return Value(std::int64_t{1});
    default:
      break;
  }
  if (type < 7) return Value(integer_of(at, size_of(type)));
  const std::string_view bytes(reinterpret_cast<const char*>(at), size_of(type));
  return type % 2 ? Value(bytes) : Value::blob(bytes);
}

}  // namespace

TablePages::TablePages(PageFile& file, std::uint32_t root, std::span<const int> columns)
    : file_(file), root_(root), columns_(columns.begin(), columns.end()), row_(columns.size()) {
  for (const int column : columns) last_column_ = std::max(last_column_, column);
  offsets_.resize(static_cast<std::size_t>(last_column_ + 1));
  types_.resize(offsets_.size());
}

std::int64_t TablePages::visit(std::int64_t after, std::int64_t until, RowVisitor& visitor) {
  after_ = after;
  until_ = until;
  visitor_ = &visitor;
  pages_ = 0;
  try {
    walk(root_, 0);
    return until;
  } catch (const Damaged&) {
    return after_;
  }
}

TablePages::Goes TablePages::walk(std::uint32_t number, std::size_t depth) {
  const bool goes_round = depth == kMostDepth || ++pages_ > file_.pages();
  const unsigned char* const read = goes_round ? nullptr : file_.read(number);
  if (read == nullptr) throw Damaged();
  const std::uint32_t header = number == 1 ? 100 : 0;
  if (read[header] == kLeafPage) {
    // a record that goes on elsewhere makes other pages be read
    leaf_.assign(read, read + file_.page_size());
    return walk_leaf(leaf_.data(), header);
  }
  if (read[header] != kInnerPage) throw Damaged();
  if (inner_.size() <= depth) inner_.resize(depth + 1);
  inner_[depth].assign(read, read + file_.page_size());
  const std::uint32_t size = file_.page_size();
  const std::uint32_t cells = big_endian_16(read + header + 3);
  if (header + 12 + 2 * cells > size) throw Damaged();
  for (std::uint32_t cell = 0; cell < cells; ++cell) {
    const unsigned char* const page = inner_[depth].data();
    const std::uint32_t offset = big_endian_16(page + header + 12 + 2 * cell);
    if (offset + 4 >= size) throw Damaged();
    const unsigned char* at = page + offset + 4;
    std::uint64_t key = 0;  // the greatest rowid of the child
    if (!take_varint(at, page + size, key)) throw Damaged();
    if (static_cast<std::int64_t>(key) <= after_) continue;
    if (walk(big_endian_32(page + offset), depth + 1) == Goes::enough) return Goes::enough;
    if (static_cast<std::int64_t>(key) >= until_) return Goes::enough;
  }
  return walk(big_endian_32(inner_[depth].data() + header + 8), depth + 1);
}

TablePages::Goes TablePages::walk_leaf(const unsigned char* page, std::uint32_t header) {
  const unsigned char* const end = page + file_.page_size();
  const std::uint32_t cells = big_endian_16(page + header + 3);
  if (header + 8 + 2 * cells > file_.page_size()) throw Damaged();
  for (std::uint32_t cell = 0; cell < cells; ++cell) {
    const unsigned char* at = page + big_endian_16(page + header + 8 + 2 * cell);
    std::uint64_t size = 0;
    std::uint64_t key = 0;
    if (at >= end || !take_varint(at, end, size) || !take_varint(at, end, key)) throw Damaged();
    const auto rowid = static_cast<std::int64_t>(key);
    if (rowid <= after_) continue;
    if (rowid > until_) return Goes::enough;
    take_row(at, end, size, rowid);
    after_ = rowid;
  }
  return Goes::on;
}

void TablePages::take_row(const unsigned char* at, const unsigned char* end, std::uint64_t size, std::int64_t rowid) {
  decode(payload(at, end, size), rowid);
  visitor_->row(row_);
}

// What is in the page, or put together where it goes on in others.
std::string_view TablePages::payload(const unsigned char* at, const unsigned char* end, std::uint64_t size) {
  const std::uint64_t usable = file_.page_size();
  const std::uint64_t most = usable - 35;
  if (size <= most) {
    if (size > static_cast<std::uint64_t>(end - at)) throw Damaged();
    return {reinterpret_cast<const char*>(at), size};
  }
  const std::uint64_t least = (usable - 12) * 32 / 255 - 23;
  const std::uint64_t fitting = least + (size - least) % (usable - 4);
  const std::uint64_t local = fitting <= most ? fitting : least;
  if (size > file_.pages() * usable || local + 4 > static_cast<std::uint64_t>(end - at)) throw Damaged();
  overflowing_.assign(reinterpret_cast<const char*>(at), local);
  std::uint32_t next = big_endian_32(at + local);
  while (overflowing_.size() < size) {
    const unsigned char* const page = file_.read(next);
    if (page == nullptr) throw Damaged();
    overflowing_.append(reinterpret_cast<const char*>(page) + 4, std::min(size - overflowing_.size(), usable - 4));
    next = big_endian_32(page);
  }
  return overflowing_;
}

void TablePages::decode(std::string_view record, std::int64_t rowid) {
  const auto* const begin = reinterpret_cast<const unsigned char*>(record.data());
  const unsigned char* at = begin;
  std::uint64_t header = 0;
  if (!take_varint(at, begin + record.size(), header) || header > record.size()) throw Damaged();
  const unsigned char* const end = begin + header;
  std::uint64_t offset = header;
  for (std::size_t column = 0; column < types_.size(); ++column) {
    std::uint64_t type = 0;
    if (at < end && *at < 0x80) {
      type = *at++;
    } else if (!take_varint(at, end, type)) {
      throw Damaged();  // a row that is older than the column, too
    }
    types_[column] = type;
    offsets_[column] = static_cast<std::uint32_t>(offset);
    offset += size_of(type);
    if (offset > record.size()) throw Damaged();
  }
  for (std::size_t index = 0; index < columns_.size(); ++index) {
    const int column = columns_[index];
    row_[index] = column < 0 ? Value(rowid)
                             : value_of(begin + offsets_[static_cast<std::size_t>(column)],
                                        types_[static_cast<std::size_t>(column)]);
  }
}

}  // namespace eventfold
