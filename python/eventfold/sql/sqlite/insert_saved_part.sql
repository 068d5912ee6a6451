INSERT INTO eventfold_replay_part (run, number, name, bytes) VALUES (?, ?, ?, ?)
