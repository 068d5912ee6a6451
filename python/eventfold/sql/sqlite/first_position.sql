SELECT min(position) FROM eventfold_event WHERE position > ?
