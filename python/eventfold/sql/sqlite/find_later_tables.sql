SELECT count(*) = 9 FROM sqlite_master WHERE type = 'table' AND name IN (
    'eventfold_follower', 'eventfold_dead_letter', 'eventfold_pace', 'eventfold_segment', 'eventfold_segment_column',
    'eventfold_replay', 'eventfold_replay_part', 'eventfold_distinct', 'eventfold_lookup'
)
