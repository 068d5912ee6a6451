SELECT definition, log_id, epoch, position, run, parts FROM eventfold_replay WHERE name = ?
