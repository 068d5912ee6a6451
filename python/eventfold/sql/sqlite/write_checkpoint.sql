INSERT INTO eventfold_read_model (name, spec_hash, log_id, epoch, position, due) VALUES (?, ?, ?, ?, ?, 0)
ON CONFLICT (name) DO UPDATE SET spec_hash = excluded.spec_hash, log_id = excluded.log_id, epoch = excluded.epoch,
    position = excluded.position, due = 0
