"""Read models that are kept after the commit, by `manage.py events follow`.

keepers.py says who keeps a read model, checkpoints.py how far it is, follower.py folds one in batches, worker.py
does so for all of a process and wakes when somebody commits, waiting.py waits for a row from the outside.
"""
