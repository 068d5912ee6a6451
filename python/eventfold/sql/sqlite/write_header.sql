UPDATE eventfold_header SET head = ?, last_created = ?, stamp = ? WHERE id = 1
