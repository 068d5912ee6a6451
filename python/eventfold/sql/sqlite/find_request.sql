SELECT position, events, digest FROM eventfold_request WHERE key = ?
