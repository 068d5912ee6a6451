"""Events and read models have modules of their own; Django passes over an app without this one, e.g. in dumpdata."""
