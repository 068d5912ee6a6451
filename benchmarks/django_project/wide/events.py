"""Fifty event types with an indexed field each: what do the other types pay for them?"""

from django.db import models

from eventfold.django import Event

TYPES = 50

for _number in range(TYPES):
    _attributes = {"__module__": __name__, "code": models.IntegerField(db_index=True)}
    globals()[f"Wide{_number}"] = type(f"Wide{_number}", (Event,), _attributes)
