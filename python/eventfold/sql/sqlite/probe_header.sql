SELECT log_id, epoch, schema_version, head, last_created, stamp, folded FROM eventfold_header WHERE id = 1
