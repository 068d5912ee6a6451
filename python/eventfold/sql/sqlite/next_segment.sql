SELECT after, until, format FROM eventfold_segment WHERE until > ? ORDER BY until LIMIT 1
