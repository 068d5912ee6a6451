// A log in a file of its own, removed at the end of the test.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

#include "eventfold/event_log.hpp"

struct TemporaryFile {
  std::string path;
  TemporaryFile() {
    char name[] = "/tmp/eventfold-test-XXXXXX";
    ::close(::mkstemp(name));
    path = name;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) std::filesystem::remove(path + suffix);
  }
};

struct TemporaryLog {
  TemporaryFile file;
  eventfold::EventLog log = eventfold::EventLog::open(file.path);

  eventfold::Appended append(std::string_view type, std::string_view data, std::string_view stream = {}) {
    const eventfold::NewEvent event{.type = type, .data = data, .stream = stream};
    return log.append({&event, 1});
  }
  void execute(const std::string& sql) { log.connection().execute_script(sql); }
};
