// The statements of python/eventfold/sql/sqlite, one file each, compiled in.
#pragma once

namespace eventfold::sql {
extern const char* const count_by_type;
extern const char* const count_streams;
extern const char* const database_bytes;
extern const char* const delete_saved_part;
extern const char* const drop_saved_replay;
extern const char* const drop_segments;
extern const char* const empty_log;
extern const char* const find_later_tables;
extern const char* const find_log;
extern const char* const find_request;
extern const char* const find_saved_replay;
extern const char* const find_segments;
extern const char* const find_stream;
extern const char* const find_type;
extern const char* const first_position;
extern const char* const insert_event;
extern const char* const insert_header;
extern const char* const insert_request;
extern const char* const insert_saved_part;
extern const char* const insert_segment;
extern const char* const insert_segment_column;
extern const char* const insert_stream;
extern const char* const insert_type;
extern const char* const list_followed;
extern const char* const list_types;
extern const char* const list_unused_parts;
extern const char* const next_segment;
extern const char* const probe_header;
extern const char* const read_header;
extern const char* const read_recorded;
extern const char* const read_saved_parts;
extern const char* const rename_type;
extern const char* const schema;
extern const char* const segment_stats;
extern const char* const stream_head;
extern const char* const write_folded;
extern const char* const write_saved_replay;
extern const char* const write_header;
extern const char* const write_checkpoint;
}  // namespace eventfold::sql
