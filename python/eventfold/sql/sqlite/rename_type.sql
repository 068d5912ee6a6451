UPDATE eventfold_type SET name = ?2 WHERE name = ?1
