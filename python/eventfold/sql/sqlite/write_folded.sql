UPDATE eventfold_header SET folded = ? WHERE id = 1
