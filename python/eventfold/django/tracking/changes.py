"""`history()`: the events of a tracked row, or of a whole model, as a query set.

Its model is made for the tracked one, outside the app registry, as its event types are. It has no table: where Django
would name one, the query selects from the log, one part for each event type, so that each is read in the order of an
index, and a condition on `key` is a seek.
"""

import json
from functools import cache
from typing import Any, NoReturn

from django.apps.registry import Apps
from django.conf import settings
from django.db import connections, models, router
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable

from eventfold.django.constants import VIEW_FEATURE
from eventfold.django.declared import table_model
from eventfold.django.kinds import json_value, kind_of
from eventfold.django.specification import column_kind, stored, target_of
from eventfold.django.tracking import registry
from eventfold.django.tracking.event_types import (
    MASKED,
    TrackedEvents,
    events_of,
    key_field,
    key_parts,
    key_slot,
)
from eventfold.django.tracking.recorded_fields import recorded_as
from eventfold.django.tracking.registry import Tracking
from eventfold.django.type_fields import TypeFields
from eventfold.django.view_sql import created_expression, quote_text
from eventfold.errors import ImmutableEvent

_NO_TABLE = "eventfold_change"


class _OfTheLog(BaseTable):
    """The events of a model, where a query would have its table."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        alias = compiler.quote_name_unless_alias(self.table_alias)
        return f"({_events_sql(compiler.query.model)}) {alias}", []


class _ChangeQuery(Query):
    base_table_class = _OfTheLog


class Changes(models.QuerySet[Any]):
    """Reads as any query set does; nothing in it can be changed."""

    def __init__(self, model: Any = None, query: Any = None, using: Any = None, hints: Any = None) -> None:
        super().__init__(model, query or _ChangeQuery(model), using, hints)

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ImmutableEvent("A history is what happened: nothing can be added to it, changed or deleted. Save the row")

    create = bulk_create = bulk_update = get_or_create = update_or_create = _refuse
    update = delete = _update = _raw_delete = _insert = _refuse


class Change(models.Model):
    """One event of a tracked row."""

    position = models.BigIntegerField(primary_key=True)
    created = models.DateTimeField()
    action = models.CharField(max_length=7)
    """created, changed, deleted; existed: the row was there before tracking began."""
    label = models.CharField(max_length=200)
    """The model whose table it is: the row's own, or a parent of it."""
    data = models.JSONField()
    metadata = models.JSONField()

    objects = Changes.as_manager()

    tracked: Any
    """The tracked model."""
    whole: bool
    """Whether it is of a whole model, not of one row."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.position} {self.action} {self.label} {self.key}"  # type: ignore[attr-defined]

    def part(self, prefix: str) -> dict[str, Any]:
        """Return the values before ("old") or after ("new"), as JSON, by the present names of the fields."""
        former = _former_names(self._tracked_model(), self.action, self._state.db)
        return parts_of(self.data, former)[prefix]

    @property
    def old(self) -> dict[str, Any]:
        """The values before, by field name; what is masked is a text of asterisks."""
        return self._python_values("old")

    @property
    def new(self) -> dict[str, Any]:
        """The values after, by field name; what is masked is a text of asterisks."""
        return self._python_values("new")

    def save_base(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise ImmutableEvent."""
        raise ImmutableEvent("A recorded event cannot be changed. Save the row")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise ImmutableEvent."""
        raise ImmutableEvent("A recorded event cannot be deleted")

    def __reduce__(self) -> Any:
        # the class has no name that pickle could find
        return _empty_change, (self.tracked._meta.label, self.whole), super().__reduce__()[2]

    def _tracked_model(self) -> Any:
        return next(model for model in tables_of(self.tracked) if model._meta.label == self.label)

    def _python_values(self, prefix: str) -> dict[str, Any]:
        model, using = self._tracked_model(), self._state.db or "default"
        fields = {field.name: field for field in model._meta.local_concrete_fields}
        return {
            name: as_python(fields[name], value, using) if name in fields else value
            for name, value in self.part(prefix).items()
        }


def history(of: Any, using: str | None = None) -> Changes:
    """Return the events of a row, or of all rows of a model, as a query set, newest first.

    Those of the parents of multi-table inheritance are among them. Raises LookupError for a model that is not tracked.
    """
    whole = isinstance(of, type)
    model: Any = of if whole else type(of)
    model = model._meta.concrete_model
    events_of(model)  # raises LookupError
    tracking = registry.tracking_of(model)
    using = using or (None if whole else of._state.db) or router.db_for_read(model)
    found: Changes = change_model(model, tracking, whole).objects.using(using)
    return found if whole else found.filter(key=event_key(model, of.pk, using))


@cache
def change_model(model: Any, tracking: Tracking | None, whole: bool) -> Any:
    """Make the class of the changes of a tracked model."""
    meta = type(
        "Meta",
        (),
        {
            "app_label": model._meta.app_label,
            "apps": Apps(),
            "managed": False,
            "db_table": _NO_TABLE,
            "base_manager_name": "objects",
            "ordering": ("-position",),
            "default_permissions": (),
            "required_db_features": [VIEW_FEATURE],  # as event types: nobody takes it for a table of the project
            "verbose_name": f"change of {model._meta.verbose_name}",
            "verbose_name_plural": f"changes of {model._meta.verbose_name_plural}",
        },
    )
    attributes = {"__module__": __name__, "Meta": meta, "key": key_field(model), "tracked": model, "whole": whole}
    metaclass: Any = type(Change)
    return metaclass(f"{model._meta.object_name}Change", (Change,), attributes)


def _empty_change(label: str, whole: bool) -> Any:
    model = table_model(label)
    events_of(model)  # raises LookupError
    change = change_model(model, registry.tracking_of(model), whole)
    return change.__new__(change)


def tables_of(model: Any) -> list[Any]:
    """Return the tracked models whose tables have the row of a model under its key: itself, and its first parents."""
    found = [model]
    while (link := found[-1]._meta.pk) is not None and link.is_relation and link.remote_field.parent_link:
        found.append(link.remote_field.model._meta.concrete_model)
    return found


def event_key(model: Any, key: Any, using: str) -> Any:
    """Return a primary key as the `key` field of the model's events takes it."""
    parts = key_parts(model)
    if len(parts) == 1 and kind_of(events_of(model).created._meta.get_field("key")) == column_kind(parts[0]):
        return key
    return stored_key(model, key, using)


def stored_key(model: Any, key: Any, using: str) -> Any:
    """Return a primary key as the log's slot column holds it: what `install.key_value` makes of the table's."""
    parts = key_parts(model)
    if len(parts) > 1:
        listed = [json_value(target_of(part), value) for part, value in zip(parts, key, strict=True)]
        return json.dumps(listed, separators=(",", ":"), ensure_ascii=False)
    if kind_of(events_of(model).created._meta.get_field("key")) == column_kind(parts[0]):
        return parts[0].get_db_prep_value(key, connections[using])
    return _as_text(stored(parts[0], key, connections[using]))


def _as_text(value: Any) -> str:
    """What CAST(value AS TEXT) makes of a value, and lower(hex()) of bytes."""
    if isinstance(value, bytes):
        return value.hex()
    if not isinstance(value, float):
        return str(value)
    digits, exponent, power = f"{value:.15g}".partition("e")
    return (digits if "." in digits else f"{digits}.0") + exponent + power


def parts_of(data: dict[str, Any], former: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return what an event says of the fields before ("old") and after ("new"), by their present names."""
    found: dict[str, dict[str, Any]] = {"old": {}, "new": {}}
    for name, value in data.items():
        if name != "key":
            name = former.get(name, name)
            found[name[:3]][name[4:]] = value
    return found


def present_names(known: TypeFields) -> dict[str, str]:
    """Return the present names of an event type's fields by those that they had before."""
    return {former: name for name, keys in known.former_keys.items() for former in keys}


def as_python(field: Any, value: Any, using: str) -> Any:
    """Return the value of a tracked model's field that an event has as JSON."""
    from eventfold.django.event_reader import value_reader

    if value is None or value == MASKED:
        return value
    return value_reader(recorded_as(field), using)(value)


def _former_names(model: Any, action: str, using: str | None) -> dict[str, str]:
    label = getattr(events_of(model), action)._meta.label
    connection: Any = connections[using or "default"]
    connection.ensure_connection()
    row = connection.connection.execute("SELECT fields FROM eventfold_type WHERE name = ?", [label]).fetchone()
    return present_names(TypeFields.load(row[0])) if row else {}


def _events_sql(change: Any) -> str:
    """The SELECT of everything that a class of changes has."""
    created = created_expression(settings.USE_TZ, "ifnull(e.occurred_at, e.created)")  # of what was imported
    parts = []
    for model in tables_of(change.tracked):
        if registry.tracking_of(model) is None:
            continue
        events = events_of(model)
        for action, event in zip(TrackedEvents._fields, events, strict=True):
            slot = f"slot{key_slot(event) + 1}"
            is_ours = f"e.type_id = {_type_id(event)} AND e.{slot} IS NOT NULL"
            if change.whole and model is not change.tracked:
                # only the parts of the model's own rows
                own = ", ".join(map(_type_id, events_of(change.tracked)))
                is_ours += f" AND EXISTS (SELECT 1 FROM eventfold_event AS o WHERE o.type_id IN ({own}) "
                is_ours += f"AND o.{slot} = e.{slot})"
            parts.append(
                f"SELECT e.position AS position, {created} AS created, '{action}' AS action, "
                f"{quote_text(model._meta.label)} AS label, e.{slot} AS key, e.data AS data, coalesce(e.metadata, "
                "(SELECT m.metadata FROM eventfold_metadata AS m WHERE m.position = e.position), '{}') AS metadata "
                f"FROM eventfold_event AS e WHERE {is_ours}".replace("%", "%%")
            )
    return " UNION ALL ".join(parts)


def _type_id(event: Any) -> str:
    return f"(SELECT id FROM eventfold_type WHERE name = {quote_text(event._meta.label)})"
