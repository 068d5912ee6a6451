/* What EventLog.append costs at least: the same statements on the same schema, from strings that are made beforehand.
 *
 *     append_peer DATABASE SQL_FOLDER EVENTS ROWS
 *
 * EVENTS is a file with a line "stream<TAB>data" for each event (no stream: an empty one). ROWS is how many rows one
 * INSERT writes. Prints the nanoseconds from BEGIN to the end of COMMIT. Everything an append must do is done: the head
 * is read and written, ids are made, streams are interned and numbered. Nothing is checked but SQLite's result codes.
 */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char* const kType = "Lent";
enum { kColumns = 12, kMaximumRows = 64 };

typedef struct {
  const char* text;
  int size;
} Text;

typedef struct {
  Text stream;
  Text data;
} Event;

typedef struct {
  Text name;
  int64_t id;
  int64_t head;
} Stream;

static sqlite3* database;
static const char* sql_folder;
static Stream* streams; /* an open-addressed hash table */
static size_t stream_slots;

static void die(const char* what) {
  fprintf(stderr, "append_peer: %s: %s\n", what, database ? sqlite3_errmsg(database) : "");
  exit(1);
}

static char* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  if (!file) die(path);
  fseek(file, 0, SEEK_END);
  const long length = ftell(file);
  rewind(file);
  char* content = malloc((size_t)length + 1);
  if (fread(content, 1, (size_t)length, file) != (size_t)length) die(path);
  content[length] = '\0';
  fclose(file);
  if (size) *size = (size_t)length;
  return content;
}

static char* sql_of(const char* name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.sql", sql_folder, name);
  return read_file(path, NULL);
}

static sqlite3_stmt* prepare(const char* sql) {
  sqlite3_stmt* statement = NULL;
  if (sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) die(sql);
  return statement;
}

/* main() binds by number. */
static const char* const kColumnList =
    "(position, type_id, created, stream_id, version, slot1, slot2, slot3, slot4, data, event_id, metadata)";

/* INSERT ... VALUES (...), (...): the last line of insert_event.sql repeated, as the appender does. */
static sqlite3_stmt* prepare_rows(int rows) {
  char* one = sql_of("insert_event");
  if (!strstr(one, kColumnList)) die("insert_event.sql has other columns than this program knows");
  one[strcspn(one, ";")] = '\0';
  size_t length = strlen(one);
  while (length > 0 && (one[length - 1] == '\n' || one[length - 1] == ' ')) one[--length] = '\0';
  const char* row = strrchr(one, '(');
  char* many = malloc(length + (size_t)rows * (strlen(row) + 3));
  strcpy(many, one);
  for (int index = 1; index < rows; ++index) strcat(strcat(many, ", "), row);
  return prepare(many);
}

static void done(sqlite3_stmt* statement) {
  if (sqlite3_step(statement) != SQLITE_DONE) die(sqlite3_sql(statement));
  sqlite3_reset(statement);
}

static int64_t id_of_name(sqlite3_stmt* find, sqlite3_stmt* insert, Text name, int* is_new) {
  sqlite3_bind_text(find, 1, name.text, name.size, SQLITE_STATIC);
  *is_new = sqlite3_step(find) != SQLITE_ROW;
  if (!*is_new) {
    const int64_t found = sqlite3_column_int64(find, 0);
    sqlite3_reset(find);
    return found;
  }
  sqlite3_reset(find);
  sqlite3_bind_text(insert, 1, name.text, name.size, SQLITE_STATIC);
  if (sqlite3_step(insert) != SQLITE_ROW) die("insert a name");
  const int64_t made = sqlite3_column_int64(insert, 0);
  done(insert);
  return made;
}

static Stream* stream_of(Text name, sqlite3_stmt* find, sqlite3_stmt* insert, sqlite3_stmt* head) {
  uint64_t hash = 14695981039346656037u;
  for (int index = 0; index < name.size; ++index) hash = (hash ^ (unsigned char)name.text[index]) * 1099511628211u;
  size_t at = hash & (stream_slots - 1);
  while (streams[at].name.text) {
    if (streams[at].name.size == name.size && memcmp(streams[at].name.text, name.text, (size_t)name.size) == 0) {
      return &streams[at];
    }
    at = (at + 1) & (stream_slots - 1);
  }
  int is_new = 0;
  streams[at].name = name;
  streams[at].id = id_of_name(find, insert, name, &is_new);
  if (!is_new) {
    sqlite3_bind_int64(head, 1, streams[at].id);
    if (sqlite3_step(head) == SQLITE_ROW) streams[at].head = sqlite3_column_int64(head, 0);
    sqlite3_reset(head);
  }
  return &streams[at];
}

static size_t read_events(char* content, Event** events) {
  size_t count = 0;
  for (const char* at = content; *at; ++at) count += *at == '\n';
  *events = malloc(count * sizeof **events);
  char* at = content;
  for (size_t index = 0; index < count; ++index) {
    char* tab = strchr(at, '\t');
    char* end = strchr(tab, '\n');
    (*events)[index] = (Event){{at, (int)(tab - at)}, {tab + 1, (int)(end - tab - 1)}};
    at = end + 1;
  }
  return count;
}

static int64_t microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void make_id(unsigned char* id, uint64_t high, uint64_t low) {
  for (int byte = 0; byte < 8; ++byte) {
    id[byte] = (unsigned char)(high >> (56 - 8 * byte));
    id[byte + 8] = (unsigned char)(low >> (56 - 8 * byte));
  }
}

int main(int count, char** arguments) {
  if (count != 5) {
    fprintf(stderr, "usage: append_peer DATABASE SQL_FOLDER EVENTS ROWS\n");
    return 2;
  }
  sql_folder = arguments[2];
  const int rows = atoi(arguments[4]);
  if (rows < 1 || rows > kMaximumRows) die("ROWS must be 1 to 64");
  Event* events = NULL;
  const size_t size = read_events(read_file(arguments[3], NULL), &events);
  for (stream_slots = 1024; stream_slots < 2 * size; stream_slots *= 2) {
  }
  streams = calloc(stream_slots, sizeof *streams);

  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(arguments[1], &database, flags, NULL) != SQLITE_OK) die("open");
  sqlite3_exec(database, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
  sqlite3_stmt* begin = prepare("BEGIN IMMEDIATE");
  sqlite3_stmt* commit = prepare("COMMIT");
  sqlite3_stmt* read_header = prepare(sql_of("read_header"));
  sqlite3_stmt* write_header = prepare(sql_of("write_header"));
  sqlite3_stmt* find_type = prepare(sql_of("find_type"));
  sqlite3_stmt* insert_type = prepare(sql_of("insert_type"));
  sqlite3_stmt* find_stream = prepare(sql_of("find_stream"));
  sqlite3_stmt* insert_stream = prepare(sql_of("insert_stream"));
  sqlite3_stmt* stream_head = prepare(sql_of("stream_head"));
  sqlite3_stmt* insert_rows = prepare_rows(rows);
  sqlite3_stmt* insert_one = prepare_rows(1);

  const int64_t started = monotonic_ns();
  done(begin);
  if (sqlite3_step(read_header) != SQLITE_ROW) die("no header");
  int64_t position = sqlite3_column_int64(read_header, 3);
  const int64_t last_created = sqlite3_column_int64(read_header, 4);
  const int64_t folded = sqlite3_column_int64(read_header, 6);
  sqlite3_reset(read_header);
  int is_new = 0;
  const int64_t type_id = id_of_name(find_type, insert_type, (Text){kType, (int)strlen(kType)}, &is_new);
  int64_t created = microseconds();
  if (created < last_created) created = last_created;
  const uint64_t high = ((uint64_t)(created / 1000) << 16) | 0x7000 | (uint64_t)(rand() & 0x0FFF);
  uint64_t low = 0x8000000000000000u | (uint64_t)rand();
  unsigned char ids[kMaximumRows][16];

  for (size_t index = 0; index < size;) {
    const int batch = size - index >= (size_t)rows ? rows : 1;
    sqlite3_stmt* insert = batch == rows ? insert_rows : insert_one;
    for (int row = 0; row < batch; ++row, ++index) {
      const Event* event = &events[index];
      const int at = row * kColumns;
      sqlite3_bind_int64(insert, at + 1, ++position);
      sqlite3_bind_int64(insert, at + 2, type_id);
      sqlite3_bind_int64(insert, at + 3, created);
      if (event->stream.size > 0) {
        Stream* stream = stream_of(event->stream, find_stream, insert_stream, stream_head);
        sqlite3_bind_int64(insert, at + 4, stream->id);
        sqlite3_bind_int64(insert, at + 5, ++stream->head);
      } else {
        sqlite3_bind_null(insert, at + 4);
        sqlite3_bind_null(insert, at + 5);
      }
      make_id(ids[row], high, low++);
      sqlite3_bind_text(insert, at + 10, event->data.text, event->data.size, SQLITE_STATIC);
      sqlite3_bind_blob(insert, at + 11, ids[row], 16, SQLITE_STATIC);
    }
    done(insert);
  }
  sqlite3_bind_int64(write_header, 1, position);
  sqlite3_bind_int64(write_header, 2, created);
  sqlite3_bind_int64(write_header, 3, ((int64_t)rand() << 31) ^ rand());
  sqlite3_bind_int64(write_header, 4, folded);
  done(write_header);
  done(commit);
  printf("%lld\n", (long long)(monotonic_ns() - started));
  return 0;
}
