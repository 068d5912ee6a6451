SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('eventfold_header', 'eventfold_event')
