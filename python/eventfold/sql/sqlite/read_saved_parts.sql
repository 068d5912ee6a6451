SELECT bytes FROM eventfold_replay_part WHERE run = ? ORDER BY number
