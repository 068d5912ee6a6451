SELECT t.name, c.events FROM (SELECT type_id, count(*) AS events FROM eventfold_event GROUP BY type_id) AS c
JOIN eventfold_type AS t ON t.id = c.type_id
