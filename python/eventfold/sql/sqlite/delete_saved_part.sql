DELETE FROM eventfold_replay_part WHERE run = ? AND number = ?
