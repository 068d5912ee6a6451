INSERT INTO eventfold_segment (until, after, format) VALUES (?, ?, ?)
