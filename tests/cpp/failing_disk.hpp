// A file system for SQLite that fails when it is told to: the disk under every file that is opened while it is there.
#pragma once

#include <sqlite3.h>

#include <cstring>
#include <string_view>

// While it exists it is SQLite's default. One at a time, and one thread.
class FailingDisk {
 public:
  FailingDisk() {
    FailingDisk*& current = the();
    current = this;
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;
    vfs_.zName = "failing";
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.xOpen = &FailingDisk::open;
    sqlite3_vfs_register(&vfs_, 1);
  }
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;
  ~FailingDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
    the() = nullptr;
  }

  // From the write with this number on (0: the next one) every write fails so; SQLITE_OK: none does.
  void fail_writes(int code, int after = 0) {
    code_ = code;
    left_ = after;
    failed_ = false;
  }
  void fail_reads(int after) { reads_left_ = after; }
  void work() {
    code_ = SQLITE_OK;
    reads_left_ = -1;
  }
  bool failed() const { return failed_; }

 private:
  struct File {
    sqlite3_file base;
    sqlite3_io_methods methods;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };
  static FailingDisk*& the() {
    static FailingDisk* disk = nullptr;
    return disk;
  }
  static sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real(); }

  int may_write() {
    if (code_ == SQLITE_OK || left_-- > 0) return SQLITE_OK;
    left_ = 0;
    failed_ = true;
    return code_;
  }
  bool may_read() {
    if (reads_left_ < 0 || reads_left_-- > 0) return true;
    reads_left_ = 0;
    failed_ = true;
    return false;
  }

  static int open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* opened, int flags, int* out) {
    File& file = *reinterpret_cast<File*>(opened);
    const int result = the()->real_->xOpen(the()->real_, name, file.real(), flags, out);
    file.base.pMethods = nullptr;
    if (file.real()->pMethods == nullptr) return result;
    sqlite3_io_methods& methods = file.methods;
    methods = *file.real()->pMethods;
    methods.iVersion = 2;  // nothing is mapped past xRead
    methods.xClose = [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); };
    methods.xRead = [](sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
      return the()->may_read() ? real(f)->pMethods->xRead(real(f), to, size, at) : SQLITE_IOERR_READ;
    };
    methods.xWrite = [](sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
      const int code = the()->may_write();
      return code == SQLITE_OK ? real(f)->pMethods->xWrite(real(f), from, size, at) : code;
    };
    methods.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) { return real(f)->pMethods->xTruncate(real(f), size); };
    methods.xSync = [](sqlite3_file* f, int how) {
      // what does not fit was refused before
      if (the()->code_ != SQLITE_FULL && the()->may_write() != SQLITE_OK) return SQLITE_IOERR_FSYNC;
      return real(f)->pMethods->xSync(real(f), how);
    };
    methods.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
      return real(f)->pMethods->xFileSize(real(f), size);
    };
    methods.xLock = [](sqlite3_file* f, int how) { return real(f)->pMethods->xLock(real(f), how); };
    methods.xUnlock = [](sqlite3_file* f, int how) { return real(f)->pMethods->xUnlock(real(f), how); };
    methods.xCheckReservedLock = [](sqlite3_file* f, int* is) {
      return real(f)->pMethods->xCheckReservedLock(real(f), is);
    };
    methods.xFileControl = [](sqlite3_file* f, int what, void* with) {
      return real(f)->pMethods->xFileControl(real(f), what, with);
    };
    methods.xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); };
    methods.xDeviceCharacteristics = [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); };
    methods.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** to) {
      return real(f)->pMethods->xShmMap(real(f), page, size, extend, to);
    };
    methods.xShmLock = [](sqlite3_file* f, int offset, int count, int how) {
      return real(f)->pMethods->xShmLock(real(f), offset, count, how);
    };
    methods.xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); };
    methods.xShmUnmap = [](sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); };
    file.base.pMethods = &methods;
    return result;
  }

  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
  int code_ = SQLITE_OK;
  int left_ = 0;
  int reads_left_ = -1;
  bool failed_ = false;
};
