"""The same model with a history by django-simple-history, which wants it in the class."""
