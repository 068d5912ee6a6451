-- The event log. Run by C++ and by Django's migration alike; every statement may be run again.

-- One row: which log this is, and how far it has come.
CREATE TABLE IF NOT EXISTS eventfold_header (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    log_id TEXT NOT NULL,              -- UUID; a checkpoint names it
    epoch INTEGER NOT NULL,            -- grows each time the log is emptied
    schema_version INTEGER NOT NULL,
    head INTEGER NOT NULL,             -- the last position that an append gave out; it never goes down
    last_created INTEGER NOT NULL,     -- created of that event, so that it never decreases
    stamp INTEGER NOT NULL,            -- random for each append: whoever sees another one drops its caches
    folded INTEGER NOT NULL DEFAULT 0  -- up to which position the inline read models have seen every event
);

CREATE TABLE IF NOT EXISTS eventfold_type (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    fields TEXT NOT NULL DEFAULT '{}', -- JSON: what migrations know of its fields, former names included
    view TEXT,                         -- the view that shows it, if any
    view_hash TEXT,
    slots TEXT NOT NULL DEFAULT '',    -- names of the indexed fields in slot order, with commas between
    fill_slots TEXT                    -- the statement that fills them from data, for events above position ?1
);

CREATE TABLE IF NOT EXISTS eventfold_stream (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
);

-- The log itself: narrow columns that scans need first, wide ones last.
CREATE TABLE IF NOT EXISTS eventfold_event (
    position INTEGER PRIMARY KEY,
    type_id INTEGER NOT NULL,
    created INTEGER NOT NULL,          -- microseconds since 1970-01-01 UTC
    stream_id INTEGER,
    version INTEGER,                   -- number within the stream
    slot1 NUMERIC, slot2 NUMERIC,      -- values of indexed fields, shared by all types: two numbers and two texts,
    slot3 TEXT, slot4 TEXT,            -- with the affinity of the columns that they are joined with
    data TEXT NOT NULL,
    event_id BLOB,                     -- UUIDv7; no index: a random key would slow the log. NULL: derived, see uuid.hpp
    metadata TEXT,
    occurred_at INTEGER
);

-- The header as it is read: triggers of tracked tables append without a write to it.
CREATE VIEW IF NOT EXISTS eventfold_head AS
SELECT log_id, epoch, schema_version,
    max(head, ifnull((SELECT max(position) FROM eventfold_event), 0)) AS head,
    max(last_created, ifnull((SELECT created FROM eventfold_event ORDER BY position DESC LIMIT 1), 0)) AS last_created,
    stamp, folded
FROM eventfold_header WHERE id = 1;

-- Metadata of events that triggers recorded: who and why, which only the connection that wrote knows.
CREATE TABLE IF NOT EXISTS eventfold_metadata (
    position INTEGER PRIMARY KEY,
    metadata TEXT NOT NULL
);

-- The rowid is each index's last column, so these serve "newest of a type" too.
CREATE INDEX IF NOT EXISTS eventfold_event_type ON eventfold_event (type_id);
CREATE UNIQUE INDEX IF NOT EXISTS eventfold_event_stream ON eventfold_event (stream_id, version) WHERE stream_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS eventfold_event_slot1 ON eventfold_event (type_id, slot1) WHERE slot1 IS NOT NULL;
CREATE INDEX IF NOT EXISTS eventfold_event_slot2 ON eventfold_event (type_id, slot2) WHERE slot2 IS NOT NULL;
CREATE INDEX IF NOT EXISTS eventfold_event_slot3 ON eventfold_event (type_id, slot3) WHERE slot3 IS NOT NULL;
CREATE INDEX IF NOT EXISTS eventfold_event_slot4 ON eventfold_event (type_id, slot4) WHERE slot4 IS NOT NULL;

-- Ids and request keys that callers supplied: the only ones checked for repetition.
CREATE TABLE IF NOT EXISTS eventfold_request (
    key BLOB PRIMARY KEY,              -- an event id (BLOB of 16 bytes) or a request key (TEXT)
    position INTEGER NOT NULL,         -- of its first event
    events INTEGER NOT NULL,
    digest BLOB NOT NULL               -- FNV-1a 128 of what was submitted
) WITHOUT ROWID;

-- Where each read model stands since it was last built from the log.
CREATE TABLE IF NOT EXISTS eventfold_read_model (
    name TEXT PRIMARY KEY,
    spec_hash TEXT NOT NULL,
    log_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    position INTEGER NOT NULL,
    due INTEGER NOT NULL DEFAULT 0     -- 1: the rows no longer follow from the log (loaddata, import)
) WITHOUT ROWID;

-- The values that a column of different values (Count(..., distinct=True)) has counted, beside the rows of its read model.
CREATE TABLE IF NOT EXISTS eventfold_distinct (
    name TEXT NOT NULL,                -- as in eventfold_read_model
    key NOT NULL,                      -- of the row; of several parts, as a text
    column_name TEXT NOT NULL,
    value NOT NULL,
    PRIMARY KEY (name, key, column_name, value)
) WITHOUT ROWID;

-- What a read model looks up in another one: a copy of its own of these rows, so that it is right as of each event.
CREATE TABLE IF NOT EXISTS eventfold_lookup (
    name TEXT NOT NULL,                -- as in eventfold_read_model: whose copy it is
    source TEXT NOT NULL,              -- of what, "city of books.Member"
    key NOT NULL,                      -- of the row; of several parts, as a text
    value,
    PRIMARY KEY (name, source, key)
) WITHOUT ROWID;

-- Read models that `events follow` keeps: appends leave them out. Their checkpoints are in eventfold_read_model.
CREATE TABLE IF NOT EXISTS eventfold_follower (
    name TEXT PRIMARY KEY,
    worker TEXT,                       -- who is busy with more than one batch
    expires INTEGER,                   -- until when the others leave it to him; milliseconds since 1970-01-01 UTC
    failures INTEGER NOT NULL DEFAULT 0, -- how many times the event after the checkpoint could not be folded
    retry_at INTEGER DEFAULT 0,        -- when it is tried again; NULL: no more, the read model stopped there
    error TEXT                         -- what the last of them said
) WITHOUT ROWID;

-- Events that a read model or a reactor which `events follow` keeps could not take, put aside until somebody decides.
CREATE TABLE IF NOT EXISTS eventfold_dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,                -- as in eventfold_follower
    position INTEGER NOT NULL,
    keys TEXT NOT NULL,                -- JSON: the keys of the rows that the event concerns; their later events wait
    failures INTEGER NOT NULL,         -- 0: it did not fail, it waits for an earlier one of its keys
    error TEXT,                        -- what the last failure said
    put_at INTEGER NOT NULL,           -- milliseconds since 1970-01-01 UTC
    tried_at INTEGER,
    UNIQUE (name, position)
);

-- A replay folds every event anew, in the transaction that writes this; a checkpoint that only moves leaves spec_hash out.
CREATE TRIGGER IF NOT EXISTS eventfold_read_model_replayed
AFTER UPDATE OF spec_hash ON eventfold_read_model
BEGIN DELETE FROM eventfold_dead_letter WHERE name = new.name; END;

-- How fast followers were when there was something to do. Apart, since it is written once a second at most.
CREATE TABLE IF NOT EXISTS eventfold_pace (
    name TEXT PRIMARY KEY,
    measured_at INTEGER NOT NULL,      -- milliseconds since 1970-01-01 UTC
    rate REAL NOT NULL                 -- positions a second
) WITHOUT ROWID;

-- Sealed segments: the log's events once more, as columns, for folds. They follow from the log, and can be thrown away.
CREATE TABLE IF NOT EXISTS eventfold_segment (
    until INTEGER PRIMARY KEY,         -- it has every event of the positions (after, until]
    after INTEGER NOT NULL,
    format INTEGER NOT NULL            -- of its columns
);

CREATE TABLE IF NOT EXISTS eventfold_segment_column (
    id INTEGER PRIMARY KEY,
    until INTEGER NOT NULL,            -- of its segment
    type_id INTEGER NOT NULL,
    name TEXT NOT NULL,                -- position, created, data.KEY; '': the events of this type are too odd for columns
    events INTEGER NOT NULL,
    content BLOB NOT NULL,
    UNIQUE (until, type_id, name)
);

CREATE TRIGGER IF NOT EXISTS eventfold_segment_dropped
AFTER DELETE ON eventfold_segment
BEGIN DELETE FROM eventfold_segment_column WHERE until = old.until; END;

-- How far a long replay has come, for the next one if it is killed. What is there is right up to the position.
CREATE TABLE IF NOT EXISTS eventfold_replay (
    name TEXT PRIMARY KEY,             -- of the read model, or of those that a projector keeps
    definition TEXT NOT NULL,          -- hash of all that the rows depend on beside the log
    log_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    position INTEGER NOT NULL,
    run INTEGER NOT NULL,              -- which parts are its: milliseconds since 1970-01-01 UTC and 20 random bits
    parts INTEGER NOT NULL             -- how many
) WITHOUT ROWID;

-- The rows that it has folded. Written one by one, before the row above; without that they are of no use.
CREATE TABLE IF NOT EXISTS eventfold_replay_part (
    run INTEGER NOT NULL,
    number INTEGER NOT NULL,           -- from 0
    name TEXT NOT NULL,                -- as above
    bytes BLOB NOT NULL,
    PRIMARY KEY (run, number)
);

-- Whoever is let change an event (see eventfold_unlocked) must not have it live on in a segment, or in what a replay has saved.
CREATE TRIGGER IF NOT EXISTS eventfold_event_changed
AFTER UPDATE OF position, type_id, created, stream_id, data ON eventfold_event
BEGIN
    DELETE FROM eventfold_segment WHERE until = (SELECT min(until) FROM eventfold_segment WHERE until >= old.position);
    DELETE FROM eventfold_replay WHERE position >= old.position;
END;

CREATE TRIGGER IF NOT EXISTS eventfold_event_deleted
AFTER DELETE ON eventfold_event
BEGIN
    DELETE FROM eventfold_segment WHERE until = (SELECT min(until) FROM eventfold_segment WHERE until >= old.position);
    DELETE FROM eventfold_replay WHERE position >= old.position;
END;

-- Emptying the log (a test runner's flush) and erasing put a row here for the length of their transaction.
CREATE TABLE IF NOT EXISTS eventfold_unlocked (reason TEXT NOT NULL);

CREATE TRIGGER IF NOT EXISTS eventfold_event_no_update
BEFORE UPDATE OF position, type_id, created, stream_id, version, data, event_id, metadata, occurred_at ON eventfold_event
WHEN NOT EXISTS (SELECT 1 FROM eventfold_unlocked)
BEGIN SELECT RAISE(ABORT, 'eventfold: a recorded event cannot be changed'); END;

CREATE TRIGGER IF NOT EXISTS eventfold_event_no_delete
BEFORE DELETE ON eventfold_event
WHEN NOT EXISTS (SELECT 1 FROM eventfold_unlocked)
BEGIN SELECT RAISE(ABORT, 'eventfold: a recorded event cannot be deleted'); END;

CREATE TRIGGER IF NOT EXISTS eventfold_metadata_no_update
BEFORE UPDATE ON eventfold_metadata
WHEN NOT EXISTS (SELECT 1 FROM eventfold_unlocked)
BEGIN SELECT RAISE(ABORT, 'eventfold: metadata of a recorded event cannot be changed'); END;

-- REPLACE fires no delete trigger.
CREATE TRIGGER IF NOT EXISTS eventfold_metadata_no_replace
BEFORE INSERT ON eventfold_metadata
WHEN EXISTS (SELECT 1 FROM eventfold_metadata WHERE position = new.position)
BEGIN SELECT RAISE(ABORT, 'eventfold: metadata of a recorded event cannot be changed'); END;

CREATE TRIGGER IF NOT EXISTS eventfold_metadata_no_delete
BEFORE DELETE ON eventfold_metadata
WHEN NOT EXISTS (SELECT 1 FROM eventfold_unlocked)
BEGIN SELECT RAISE(ABORT, 'eventfold: metadata of a recorded event cannot be deleted'); END;

-- REPLACE fires no delete trigger, but it can only hit a position that was given out. After the insert, since a BEFORE
-- trigger makes SQLite build each row twice; ABORT takes the whole statement back either way.
CREATE TRIGGER IF NOT EXISTS eventfold_event_no_replace
AFTER INSERT ON eventfold_event
WHEN new.position <= (SELECT head FROM eventfold_header)
BEGIN SELECT RAISE(ABORT, 'eventfold: this position was given out before; append through eventfold'); END;
