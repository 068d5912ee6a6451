INSERT OR REPLACE INTO eventfold_replay (name, definition, log_id, epoch, position, run, parts)
SELECT ?, ?, ?, ?, ?, ?6, ?7
WHERE (SELECT count(*) FROM eventfold_replay_part WHERE run = ?6) = ?7
