SELECT count(*) FROM eventfold_stream
