-- The appender repeats the last line to write many rows by one statement.
INSERT INTO eventfold_event
    (position, type_id, created, stream_id, version, slot1, slot2, slot3, slot4, data, event_id, metadata)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
