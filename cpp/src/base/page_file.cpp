#include "base/page_file.hpp"

#include <atomic>
#include <cstring>
#include <string_view>

#include "base/big_endian.hpp"

namespace eventfold {
namespace {

// The system's own file, beneath no other layer that would change its bytes.
bool is_plain(sqlite3* handle) {
  sqlite3_vfs* vfs = nullptr;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
  return vfs != nullptr && std::string_view(vfs->zName) == "unix";
}

// WalIndexHdr of SQLite's wal.c, in the byte order of the machine.
struct WalIndexHeader {
  std::uint32_t version;
  std::uint32_t unused;
  std::uint32_t change;
  std::uint8_t is_initialized;
  std::uint8_t big_endian_checksum;
  std::uint16_t page_size;
  std::uint32_t last_frame;
  std::uint32_t pages;
  std::uint32_t checksums[2];
  std::uint32_t salts[2];
  std::uint32_t own_checksum[2];
};
static_assert(sizeof(WalIndexHeader) == 48);

constexpr std::uint32_t kWalVersion = 3'007'000;
constexpr std::size_t kFramesInFile = 96 / sizeof(std::uint32_t);  // WalCkptInfo.nBackfill
constexpr std::uint32_t kMostFrames = 1 << 16;  // of a WAL that nobody has brought into the file for long
constexpr int kRegion = 32'768;                 // bytes of the index that are mapped at once
constexpr std::uint32_t kNumbers = 4'096;       // page numbers in each, at its beginning
constexpr std::uint32_t kBeforeNumbers = 136 / sizeof(std::uint32_t);  // in the first one
constexpr std::int64_t kWalHeader = 32;
constexpr std::int64_t kFrameHeader = 24;

}  // namespace

std::unique_ptr<PageFile> PageFile::open(sqlite3* handle, bool has_wal) {
  sqlite3_file* file = nullptr;
  if (!is_plain(handle) || sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
      file == nullptr || file->pMethods == nullptr) {
    return nullptr;
  }
  std::unique_ptr<PageFile> opened(new PageFile(file));
  sqlite3_file* wal = nullptr;
  if (has_wal && (sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) != SQLITE_OK ||
                  wal == nullptr || wal->pMethods == nullptr || !opened->read_wal_index(wal))) {
    return nullptr;
  }
  if (!opened->read_header(has_wal)) return nullptr;
  return opened;
}

const unsigned char* PageFile::read(std::uint32_t number) {
  if (number == 0) return nullptr;
  if (const auto frame = frames_.find(number); frame != frames_.end()) {
    return read_at(wal_, kWalHeader + (std::int64_t{frame->second} - 1) * (kFrameHeader + page_size_) + kFrameHeader);
  }
  if (number >= ahead_from_ && number < ahead_from_ + ahead_count_) {
    return &ahead_[std::size_t{number - ahead_from_} * page_size_];
  }
  const std::int64_t offset = (std::int64_t{number} - 1) * page_size_;
  const bool goes_on = number == ahead_from_ + ahead_count_ || number == last_ + 1;
  last_ = number;
  if (!goes_on) return read_at(file_, offset);
  ahead_.resize(kAhead * page_size_);
  ahead_count_ = 0;
  if (file_->pMethods->xRead(file_, ahead_.data(), static_cast<int>(ahead_.size()), offset) != SQLITE_OK) {
    return read_at(file_, offset);  // the file ends before
  }
  ahead_from_ = number;
  ahead_count_ = kAhead;
  return ahead_.data();
}

// The first page may be in the WAL alone.
bool PageFile::read_header(bool has_wal) {
  constexpr std::string_view kMagic("SQLite format 3\0", 16);
  unsigned char in_file[100];
  const unsigned char* header = in_file;
  if (frames_.contains(1)) {
    page_.resize(page_size_);
    header = read(1);
    if (header == nullptr) return false;
  } else if (file_->pMethods->xRead(file_, in_file, sizeof in_file, 0) != SQLITE_OK) {
    return false;
  }
  if (std::string_view(reinterpret_cast<const char*>(header), kMagic.size()) != kMagic) return false;
  const std::uint32_t size = big_endian_16(header + 16) == 1 ? 65'536 : big_endian_16(header + 16);
  const unsigned char version = header[18];
  const bool utf8 = big_endian_32(header + 56) == 1;
  // bytes at the end of each page that are not SQLite's own: somebody encrypts, or adds sums
  const bool is_reserved = header[20] != 0;
  if (size < 512 || (size & (size - 1)) != 0 || is_reserved || !utf8) return false;
  if (header[19] != version || version != (has_wal ? 2 : 1)) return false;
  if (page_size_ != 0 && page_size_ != size) return false;  // as the WAL has it
  page_size_ = size;
  page_.resize(page_size_);
  sqlite3_int64 bytes = 0;
  if (file_->pMethods->xFileSize(file_, &bytes) != SQLITE_OK) return false;
  pages_ = static_cast<std::uint64_t>(bytes) / page_size_ + frames_.size();
  return true;
}

// What was committed when its header is read is one state, at or after that of the connection's transaction. Until this
// ends, no page is written to the file but those that frames of that state have too, and these frames stay: unless all
// of them are in the file already. Then the WAL may begin anew at any time, and is of no use.
bool PageFile::read_wal_index(sqlite3_file* wal) {
  if (file_->pMethods->iVersion < 2 || file_->pMethods->xShmMap == nullptr) return false;
  const auto region = [this](std::uint32_t number) {
    void volatile* mapped = nullptr;
    if (file_->pMethods->xShmMap(file_, static_cast<int>(number), kRegion, 0, &mapped) != SQLITE_OK) mapped = nullptr;
    return static_cast<std::uint32_t*>(const_cast<void*>(mapped));
  };
  std::uint32_t* const first = region(0);
  if (first == nullptr) return false;
  WalIndexHeader header{};
  std::uint32_t in_file = 0;
  for (int attempt = 0;; ++attempt) {
    std::memcpy(&header, first, sizeof header);
    file_->pMethods->xShmBarrier(file_);
    in_file = std::atomic_ref(first[kFramesInFile]).load(std::memory_order_acquire);
    file_->pMethods->xShmBarrier(file_);
    // a writer writes the second copy first; and one that begins the WAL anew writes both before the number
    const bool is_whole = std::memcmp(&header, first, sizeof header) == 0 &&
                          std::memcmp(&header, first + sizeof header / sizeof *first, sizeof header) == 0;
    if (is_whole) break;
    if (attempt == 100) return false;
  }
  if (header.version != kWalVersion || header.is_initialized != 1 || header.last_frame > kMostFrames) return false;
  if (in_file >= header.last_frame) return true;
  page_size_ = header.page_size == 1 ? 65'536 : header.page_size;
  wal_ = wal;
  const std::uint32_t* numbers = first + kBeforeNumbers;
  std::uint32_t left = kNumbers - kBeforeNumbers;
  frames_.reserve(header.last_frame);
  for (std::uint32_t frame = 1, next = 1; frame <= header.last_frame; ++frame) {
    if (left == 0) {
      numbers = region(next++);
      if (numbers == nullptr) return false;
      left = kNumbers;
    }
    frames_[*numbers++] = frame;
    --left;
  }
  return true;
}

const unsigned char* PageFile::read_at(sqlite3_file* file, std::int64_t offset) {
  if (file->pMethods->xRead(file, page_.data(), static_cast<int>(page_size_), offset) != SQLITE_OK) return nullptr;
  return page_.data();
}

}  // namespace eventfold
