INSERT INTO eventfold_segment_column (until, type_id, name, events, content) VALUES (?, ?, ?, ?, ?)
