SELECT id, name FROM eventfold_type
