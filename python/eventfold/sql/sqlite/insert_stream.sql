INSERT INTO eventfold_stream (name) VALUES (?) RETURNING id
