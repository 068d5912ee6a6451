DELETE FROM eventfold_replay WHERE name = ?
