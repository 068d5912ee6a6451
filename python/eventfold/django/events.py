"""Event: the base of every event class."""

from collections.abc import Collection, Iterable
from typing import Any, ClassVar, NoReturn

from django.core.checks import CheckMessage
from django.db import models, router
from django.db.models.base import ModelState
from django.db.models.signals import post_init, pre_init

from eventfold.django import save
from eventfold.django.checks import check_event_class
from eventfold.django.event_base import EventBase
from eventfold.django.managers import EventManager
from eventfold.django.plan import plan_of
from eventfold.django.recorded import Recorded, as_recorded, read_recorded
from eventfold.errors import ImmutableEvent


class Event(models.Model, metaclass=EventBase):
    """A fact that is recorded once and never changes.

    A class that derives from it is an event type: its fields are what an event of it says. `save()`, `create()` and
    `bulk_create()` validate and append; reading goes through a view, with the whole of Django's query language.

        class BookBorrowed(Event):
            book = models.BigIntegerField()
            borrowed_by = models.CharField()

            class Stream:  # optional: events of one book are numbered
                name = "book-{book}"
    """

    _plan: ClassVar[Any]

    position = models.BigAutoField(primary_key=True)
    created = models.DateTimeField(auto_now_add=True)

    objects = EventManager()

    class Meta:
        abstract = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cls = type(self)
        if (
            args
            or cls._meta.abstract
            or ((pre_init.receivers or post_init.receivers) and _has_init_receivers(cls))
            or not (plan := cls._plan or plan_of(cls)).plain_init
        ):
            super().__init__(*args, **kwargs)
            return
        # What Model.__init__ does, without a look at each field.
        own = self.__dict__
        own.update(plan.defaults)
        own.update(kwargs)
        for name, default in plan.call_defaults:
            if name not in own:
                own[name] = default()
        if len(own) == plan.size:
            own["_state"] = ModelState()
        else:  # a name that is no field: `recorded`, `pk`, or a mistake
            own.clear()
            super().__init__(**kwargs)

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any]) -> Any:
        plan = plan_of(cls)
        if (
            len(values) != plan.size
            or not plan.plain_init
            or ((pre_init.receivers or post_init.receivers) and _has_init_receivers(cls))
        ):
            return super().from_db(db, field_names, values)
        event = cls.__new__(cls)
        own = event.__dict__
        own["_state"] = state = ModelState()
        state.adding = False
        state.db = db
        own.update(zip(plan.attnames, values, strict=True))
        return event

    @property
    def recorded(self) -> Recorded:
        """What the log knows beside the fields: event_id, stream, version, metadata. One query when first asked.

        Before the event is saved, an id of your own and metadata can be set on it.
        """
        own = self.__dict__
        if own["position"] is None:
            found: Recorded = own.setdefault("_given", Recorded())
            return found
        if "_recorded" not in own:
            using = own["_state"].db or router.db_for_read(type(self), instance=self)
            own["_recorded"] = read_recorded(using, own["position"]) or own.get("_given") or Recorded()
        found = own["_recorded"]
        return found

    @recorded.setter
    def recorded(self, value: Recorded | dict[str, Any]) -> None:
        if self.__dict__.get("position") is not None:
            raise ImmutableEvent(f"{self._meta.label}: what the log knows of a recorded event cannot be changed")
        self.__dict__["_given"] = as_recorded(value)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Append the event. Raises ImmutableEvent if it is recorded; otherwise as `objects.create()`."""
        if args or kwargs.keys() - {"force_insert", "using"}:
            super().save(*args, **kwargs)  # sorts out what is asked for, and calls save_base()
        else:
            self.save_base(using=kwargs.get("using"))

    save.alters_data = True  # type: ignore[attr-defined]

    def save_base(
        self,
        raw: bool = False,
        force_insert: bool | tuple[Any, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        if raw:
            super().save_base(raw=True, using=using)
            return
        if force_update or update_fields is not None:
            self._refuse("updated")
        cls = type(self)
        save.append(cls, [self], using or router.db_for_write(cls, instance=self))

    save_base.alters_data = True  # type: ignore[attr-defined]

    def _save_table(
        self,
        raw: bool = False,
        cls: Any = None,
        force_insert: bool = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> bool:
        # Reached by those who call Model.save_base() itself, as loaddata does.
        using = using or router.db_for_write(type(self), instance=self)
        if raw:
            save.append_raw(self, using)
        elif force_update or update_fields or not self._state.adding:
            self._refuse("updated")
        else:
            save.append_without_receivers(self, using)
        return False

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise ImmutableEvent."""
        self._refuse("deleted")

    delete.alters_data = True  # type: ignore[attr-defined]

    @classmethod
    def check(cls, **kwargs: Any) -> list[CheckMessage]:
        return [*super().check(**kwargs), *check_event_class(cls)]

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_appended", None)
        return state

    def _refuse(self, what: str) -> NoReturn:
        raise ImmutableEvent(
            f"{self._meta.label}: a recorded event cannot be {what}. Append an event that says what is true now."
        )


def _has_init_receivers(cls: type) -> bool:
    return pre_init.has_listeners(cls) or post_init.has_listeners(cls)
