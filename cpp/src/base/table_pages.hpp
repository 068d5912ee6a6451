// Walks through a table by its pages: rows in the order of their rowids, decoded from the bytes of the file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/page_file.hpp"
#include "eventfold/connection.hpp"

namespace eventfold {

class TablePages {
 public:
  // `root`: the page that the schema names. `columns`: which of the table's, by number, a visitor gets; kRowid for the
  // rowid, which the column that is declared to be it holds no value of.
  TablePages(PageFile& file, std::uint32_t root, std::span<const int> columns);

  // Hands over the rows after `after`, up to `until`. Returns up to which rowid it did: less than `until` where it
  // comes upon something that it does not understand. What the visitor throws goes through.
  std::int64_t visit(std::int64_t after, std::int64_t until, RowVisitor& visitor);

 private:
  struct Damaged {};  // or not understood
  enum class Goes : bool { on, enough };

  Goes walk(std::uint32_t page, std::size_t depth);
  Goes walk_leaf(const unsigned char* page, std::uint32_t header);
  void take_row(const unsigned char* at, const unsigned char* end, std::uint64_t size, std::int64_t rowid);
  std::string_view payload(const unsigned char* at, const unsigned char* end, std::uint64_t size);
  void decode(std::string_view record, std::int64_t rowid);

  PageFile& file_;
  std::uint32_t root_;
  std::vector<int> columns_;
  int last_column_ = -1;
  std::int64_t after_ = 0;
  std::int64_t until_ = 0;
  std::uint64_t pages_ = 0;  // that were read on the way
  RowVisitor* visitor_ = nullptr;
  std::vector<std::vector<unsigned char>> inner_;  // the pages on the way down
  std::vector<unsigned char> leaf_;
  std::string overflowing_;  // a record that does not fit into its page
  std::vector<Value> row_;
  std::vector<std::uint32_t> offsets_;
  std::vector<std::uint64_t> types_;
};

inline constexpr int kRowid = -1;

}  // namespace eventfold
