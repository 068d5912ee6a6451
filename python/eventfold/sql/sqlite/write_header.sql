UPDATE eventfold_header SET head = ?, last_created = ?, stamp = ?, folded = ? WHERE id = 1
