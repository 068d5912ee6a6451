SELECT id FROM eventfold_stream WHERE name = ?
