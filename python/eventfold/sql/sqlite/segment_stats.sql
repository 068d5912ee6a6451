SELECT count(*), coalesce(sum(until - after), 0),
    (SELECT coalesce(sum(length(content)), 0) FROM eventfold_segment_column)
FROM eventfold_segment
