-- The head too, so that what triggers recorded is guarded against REPLACE from now on.
UPDATE eventfold_header SET folded = max(folded, ?1), head = max(head, ?1) WHERE id = 1
