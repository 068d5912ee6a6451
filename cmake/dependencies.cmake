# Debian's packages first; else, for those who have a network, the pinned release by FetchContent.
include(FetchContent)
option(EVENTFOLD_FETCH "Fetch missing dependencies from the network" OFF)
find_package(Threads REQUIRED)

find_package(simdjson QUIET)
if(NOT simdjson_FOUND)
  if(EVENTFOLD_FETCH)
    FetchContent_Declare(simdjson
      GIT_REPOSITORY https://github.com/simdjson/simdjson
      GIT_TAG 0c0ce1bd48baa0677dc7c0945ea7cd1e8b52b297)  # v3.13.0
    FetchContent_MakeAvailable(simdjson)
  else()
    message(FATAL_ERROR "simdjson is missing: install libsimdjson-dev (Debian) or pass -DEVENTFOLD_FETCH=ON")
  endif()
endif()

function(eventfold_require_sqlite)
  eventfold_require_sqlite_header()
  find_library(EVENTFOLD_SQLITE_LIBRARY sqlite3)
  if(NOT EVENTFOLD_SQLITE_LIBRARY)
    message(FATAL_ERROR "SQLite is missing: install libsqlite3-dev")
  endif()
endfunction()

function(eventfold_require_sqlite_header)
  find_path(EVENTFOLD_SQLITE_INCLUDE sqlite3ext.h)
  if(NOT EVENTFOLD_SQLITE_INCLUDE)
    message(FATAL_ERROR "sqlite3ext.h is missing: install libsqlite3-dev")
  endif()
endfunction()

function(eventfold_require_catch2)
  find_package(Catch2 QUIET)
  if(NOT Catch2_FOUND)
    if(EVENTFOLD_FETCH)
      FetchContent_Declare(Catch2
          GIT_REPOSITORY https://github.com/catchorg/Catch2
        GIT_TAG 182c910b4b63ff587a3440e08f84f70497e49a81)  # v2.13.10
      FetchContent_MakeAvailable(Catch2)
    else()
      message(FATAL_ERROR "Catch2 is missing: install catch2 (Debian) or pass -DEVENTFOLD_FETCH=ON")
    endif()
  endif()
endfunction()
