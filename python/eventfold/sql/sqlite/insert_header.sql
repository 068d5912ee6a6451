INSERT INTO eventfold_header (id, log_id, epoch, schema_version, head, last_created, stamp)
VALUES (1, ?, 1, ?, 0, 0, 0) ON CONFLICT DO NOTHING
