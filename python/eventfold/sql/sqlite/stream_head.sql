SELECT version FROM eventfold_event WHERE stream_id = ? ORDER BY version DESC LIMIT 1
