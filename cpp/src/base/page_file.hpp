// The pages of a database file, read past SQLite's cache: what they hold is documented (sqlite.org/fileformat2.html,
// which also says how a WAL and its index are laid out), and SQLite takes several times as long for a row as its bytes
// do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/sqlite_api.hpp"

namespace eventfold {

// One state of the file, as of when this was made. Through SQLite's own file handles, so that no lock is touched; a
// read transaction of the connection that has read something, and written nothing, must be open for as long.
class PageFile {
 public:
  // Null where pages cannot be read so: not a plain file of this system, encrypted, of UTF-16, locked by one process
  // alone.
  static std::unique_ptr<PageFile> open(sqlite3* handle, bool has_wal);

  std::uint32_t page_size() const { return page_size_; }
  // At most so many pages there are.
  std::uint64_t pages() const { return pages_; }
  // Its bytes, which live until the next read of another page; null if it cannot be read.
  const unsigned char* read(std::uint32_t number);

 private:
  static constexpr std::size_t kAhead = 16;  // pages that are read at once

  explicit PageFile(sqlite3_file* file) : file_(file) {}
  bool read_header(bool has_wal);
  bool read_wal_index(sqlite3_file* wal);
  const unsigned char* read_at(sqlite3_file* file, std::int64_t offset);

  sqlite3_file* file_;
  sqlite3_file* wal_ = nullptr;
  std::uint32_t page_size_ = 0;
  std::uint64_t pages_ = 0;
  std::unordered_map<std::uint32_t, std::uint32_t> frames_;  // the last frame of each page that the WAL has
  std::vector<unsigned char> page_;
  std::vector<unsigned char> ahead_;
  std::uint32_t ahead_from_ = 0;  // the number of the first page that was read ahead
  std::uint32_t ahead_count_ = 0;
  std::uint32_t last_ = 0;  // page that was read past that
};

}  // namespace eventfold
