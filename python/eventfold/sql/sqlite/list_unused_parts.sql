SELECT run, number FROM eventfold_replay_part
WHERE (name = ? OR run < ?) AND run NOT IN (SELECT run FROM eventfold_replay)
