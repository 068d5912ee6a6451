"""A small Django project to measure in: a library's events, their read models, and the same as plain models."""
