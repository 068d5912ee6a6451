-- For test runners: every event goes, types and head stay, and the epoch tells all who remember the old log.
INSERT INTO eventfold_unlocked VALUES ('empty');
UPDATE eventfold_header SET head = (SELECT head FROM eventfold_head);
DELETE FROM eventfold_segment;
DELETE FROM eventfold_replay;
DELETE FROM eventfold_replay_part;
DELETE FROM eventfold_event;
DELETE FROM eventfold_metadata;
DELETE FROM eventfold_stream;
DELETE FROM eventfold_request;
DELETE FROM eventfold_unlocked;
UPDATE eventfold_header SET epoch = epoch + 1, stamp = random(), folded = head;
DELETE FROM eventfold_dead_letter;
DELETE FROM eventfold_pace;
DELETE FROM eventfold_distinct;
DELETE FROM eventfold_lookup;
-- The read models are emptied together with it, and so they are what follows from it.
UPDATE eventfold_follower SET worker = NULL, expires = NULL, failures = 0, retry_at = 0, error = NULL;
UPDATE eventfold_read_model SET (epoch, position) = (SELECT epoch, head FROM eventfold_header), due = 0;
