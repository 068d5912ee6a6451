SELECT event_id, coalesce(version, 0), created FROM eventfold_event
WHERE position BETWEEN ? AND ? ORDER BY position
