"""What follows from changes of a tracked model."""

from collections import Counter

from django.db import models
from django.db.models.signals import post_save

from eventfold.django import Count, Latest, ReadModel, translate


class UserLedger(ReadModel):
    key = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=200, null=True)
    changes = models.PositiveIntegerField(default=0)

    class Projection:
        key = "key"
        name = Latest(("auth.UserCreated", "new_username"), ("auth.UserChanged", "new_username"))
        changes = Count("auth.UserChanged")
        delete_on = "auth.UserDeleted"


called: Counter[str] = Counter()
"""How often what follows was called."""


@translate("auth.Permission", "name")
def name_permission(permission, old, new):
    """Yields no event: one more model would be one more content type, which Django's tests count."""
    called["translation"] += 1


def hear(sender, instance, **kwargs):
    assert instance.position
    called["receiver"] += 1


for label in ("auth.UserCreated", "auth.UserChanged", "auth.GroupCreated"):
    post_save.connect(hear, sender=label, dispatch_uid=f"ledger {label}")
