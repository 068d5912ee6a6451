-- CROSS JOIN: the few events first, each with its type by id.
SELECT t.name FROM eventfold_event AS e CROSS JOIN eventfold_type AS t ON t.id = e.type_id
WHERE e.position > ? AND e.position <= ?
