"""No models of its own: the log is read through the event classes, or by EventLog. Django wants the module."""
