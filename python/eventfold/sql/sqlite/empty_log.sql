-- For test runners: every event goes, types and head stay, and the epoch tells all who remember the old log.
INSERT INTO eventfold_unlocked VALUES ('empty');
DELETE FROM eventfold_event;
DELETE FROM eventfold_stream;
DELETE FROM eventfold_request;
DELETE FROM eventfold_read_model;
DELETE FROM eventfold_unlocked;
UPDATE eventfold_header SET epoch = epoch + 1, stamp = random();
