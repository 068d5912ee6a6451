"""Rows that follow from the events: writing them by hand is refused; deleting them makes a replay due."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connections, models, transaction

from eventfold.errors import ProjectionError

_Row = TypeVar("_Row", bound=models.Model, covariant=True)


class ReadModelQuerySet(models.QuerySet[_Row]):
    """Of a read model with a Projection it only reads, and deletes; of another it is Django's own."""

    def bulk_create(self, objs: Iterable[_Row], *args: Any, **kwargs: Any) -> list[_Row]:
        refuse_by_hand(self.model, "bulk_create()")
        return super().bulk_create(objs, *args, **kwargs)

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def update(self, **kwargs: Any) -> int:
        refuse_by_hand(self.model, "update()")
        return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        refuse_by_hand(self.model, "bulk_update()")  # update() would refuse within a transaction, and break that
        return super().bulk_update(*args, **kwargs)

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows; the next replay brings them back."""
        refuse_if_live(self.model)
        self._for_write = True
        with transaction.atomic(using=self.db):
            deleted = super().delete()
            make_due(self.model, self.db)
        return deleted

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


if TYPE_CHECKING:
    from django.db.models import Manager as _Manager
else:
    _Manager = models.Manager.from_queryset(ReadModelQuerySet)


class ReadModelManager(_Manager[_Row]):
    """The manager of read models. Derive from it for your own."""


def refuse_by_hand(model: Any, method: str) -> None:
    """Raise ProjectionError if a Projection makes the rows of the model."""
    if model.projection is None:
        return
    raise ProjectionError(
        f"{model._meta.label}: {method} is refused, since its rows follow from the events. Append an event; if a row "
        f"is wrong, run `manage.py events replay {model._meta.label}`."
    )


def refuse_if_live(model: Any) -> None:
    """Raise ProjectionError if rows of the model are nowhere to be deleted."""
    if model.projection is not None and model.projection.lifecycle == "live":
        raise ProjectionError(
            f"{model._meta.label}: delete() is refused, since its rows are folded when they are asked for, and stored "
            "nowhere. Append an event."
        )


def make_due(model: Any, using: str) -> None:
    """Remember that rows which follow from the events are gone."""
    if model.projection is None:
        return
    with connections[using].cursor() as cursor:
        label = model._meta.concrete_model._meta.label
        cursor.execute("UPDATE eventfold_read_model SET due = 1 WHERE name = %s AND due = 0", [label])
