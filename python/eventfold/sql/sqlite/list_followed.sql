SELECT name FROM eventfold_follower
