SELECT id FROM eventfold_type WHERE name = ?
