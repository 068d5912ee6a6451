INSERT INTO eventfold_type (name) VALUES (?) RETURNING id
