INSERT INTO eventfold_request (key, position, events, digest) VALUES (?, ?, ?, ?)
