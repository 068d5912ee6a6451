"""Where `events import` reads: the tables of packages that record the history of models."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from heapq import merge
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model

from eventfold.django.specification import target_of
from eventfold.django.tracking.imports import CannotImport, Record


class Source(NamedTuple):
    """A package whose records can be imported."""

    package: str
    app: str
    has: Callable[[Any, str], bool]
    """Whether it records a model, or has records of it, in a database."""
    records: Callable[[Any, str], Iterator[Record]]


class Snapshot(NamedTuple):
    """All of a row after a change ("+", "~"), or before its end ("-")."""

    key: Any
    kind: str
    values: Mapping[str, Any]
    when: datetime
    user: str | None


def source_named(name: str) -> Source:
    """Return a source. Raises CannotImport if its package is not installed in this project."""
    source = SOURCES[name]
    if not apps.is_installed(source.app):
        raise CannotImport(
            f"{source.package} is not in INSTALLED_APPS ({source.app!r}): its tables can be read only while it is; "
            "remove it after the import"
        )
    return source


def changes_between(snapshots: Iterable[Snapshot]) -> Iterator[Record]:
    """Turn the snapshots of each row, one row after the other and each in order, into what changed."""
    key: Any = object()
    before: Mapping[str, Any] | None = None
    for snapshot in snapshots:
        if snapshot.key != key:
            key, before = snapshot.key, None
        common = (snapshot.when, snapshot.user)
        if snapshot.kind == "-":
            yield Record(key, "deleted", snapshot.values, {}, *common)
            before = None
        elif before is None:
            yield Record(key, "created" if snapshot.kind == "+" else "existed", {}, snapshot.values, *common)
            before = snapshot.values
        else:
            new = {name: value for name, value in snapshot.values.items() if before.get(name) != value}
            if new:
                yield Record(key, "changed", {name: before.get(name) for name in new}, new, *common)
            before = snapshot.values


def _has_history(model: Any, using: str) -> bool:
    return hasattr(model._meta, "simple_history_manager_attribute")


def _history(model: Any, using: str) -> Iterator[Record]:
    """django-simple-history: a table of snapshots for each model."""
    manager = getattr(model, model._meta.simple_history_manager_attribute)
    names = {field.name for field in manager.model._meta.concrete_fields}
    fields = [field for field in model._meta.local_concrete_fields if field.name in names]
    rows = manager.model._base_manager.using(using).order_by(model._meta.pk.attname, "history_date", "history_id")
    if "history_user" in names:
        rows = rows.select_related("history_user")

    def snapshots() -> Iterator[Snapshot]:
        for row in rows.iterator():
            values = {field.name: getattr(row, field.attname) for field in fields}
            key = getattr(row, model._meta.pk.attname)
            yield Snapshot(key, row.history_type, values, row.history_date, _username(row.history_user))

    return changes_between(snapshots())


def _log_entries(model: Any, using: str) -> Any:
    from auditlog import get_logentry_model  # type: ignore[import-untyped, unused-ignore]
    from django.contrib.contenttypes.models import ContentType

    content_type = ContentType.objects.db_manager(using).get_for_model(model)
    return get_logentry_model()._base_manager.using(using).filter(content_type_id=content_type.pk)


def _has_log_entries(model: Any, using: str) -> bool:
    return bool(_log_entries(model, using).exists())


def _log(model: Any, using: str) -> Iterator[Record]:
    """django-auditlog: one table for all models, with the changed values as texts."""
    from auditlog import get_logentry_model
    from auditlog.registry import auditlog  # type: ignore[import-untyped, unused-ignore]

    options = auditlog.get_model_fields(model) if auditlog.contains(model) else {}
    fields = {
        field.name: field
        for field in model._meta.local_concrete_fields
        if (not options.get("include_fields") or field.name in options["include_fields"])
        and field.name not in [*options.get("exclude_fields", ()), *options.get("mask_fields", ())]
    }
    action = get_logentry_model().Action
    pk = target_of(model._meta.pk)
    entries = _log_entries(model, using).exclude(action=action.ACCESS).select_related("actor")
    for entry in entries.order_by("timestamp", "pk").iterator():
        pairs = {
            name: pair for name, pair in (entry.changes or {}).items() if name in fields and isinstance(pair, list)
        }
        old = {name: _from_text(fields[name], pair[0]) for name, pair in pairs.items()}
        new = {name: _from_text(fields[name], pair[1]) for name, pair in pairs.items()}
        # what is None is not mentioned, nor what reads as it does
        absent = {name: _from_text(fields[name], "None") for name in fields.keys() - pairs.keys()}
        common = (entry.timestamp, _username(entry.actor))
        if entry.action == action.CREATE:
            yield Record(pk.to_python(entry.object_pk), "created", {}, absent | new, *common)
        elif entry.action == action.DELETE:
            yield Record(pk.to_python(entry.object_pk), "deleted", absent | old, {}, *common)
        elif pairs:
            yield Record(pk.to_python(entry.object_pk), "changed", old, new, *common)


def _from_text(field: Any, value: Any) -> Any:
    """What str() was called on, as well as that can be known."""
    kind = target_of(field).get_internal_type()
    if value is None or (value == "None" and (field.null or kind not in ("CharField", "TextField"))):
        return None
    if kind == "JSONField" and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    if kind == "DateTimeField" and isinstance(value, str) and settings.USE_TZ:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)  # auditlog takes the zone away
    return value


def _versions_of(model: Any, using: str) -> Any:
    from django.contrib.contenttypes.models import ContentType
    from reversion.models import Version  # type: ignore[import-untyped, unused-ignore]

    content_type = ContentType.objects.db_manager(using).get_for_model(model)
    return Version._base_manager.using(using).filter(content_type_id=content_type.pk)


def _has_versions(model: Any, using: str) -> bool:
    return bool(_versions_of(model, using).exists())


def _versions(model: Any, using: str) -> Iterator[Record]:
    """django-reversion: snapshots, serialized; it does not say whether the first one made the row."""
    from reversion.errors import RevertError  # type: ignore[import-untyped, unused-ignore]

    pk = target_of(model._meta.pk)
    fields = model._meta.local_concrete_fields
    rows = _versions_of(model, using).select_related("revision__user")

    def snapshots() -> Iterator[Snapshot]:
        for row in rows.order_by("object_id", "revision__date_created", "revision_id", "pk").iterator():
            try:
                found = row.field_dict
            except RevertError as error:
                raise CannotImport(f"django-reversion's version {row.pk} of {model._meta.label}: {error}") from error
            values = {field.name: found[field.attname] for field in fields if field.attname in found}
            revision = row.revision
            yield Snapshot(pk.to_python(row.object_id), "~", values, revision.date_created, _username(revision.user))

    return changes_between(snapshots())


def _has_events(model: Any, using: str) -> bool:
    return bool(getattr(model, "pgh_event_models", None))


def _events(model: Any, using: str) -> Iterator[Record]:
    """django-pghistory: a table of snapshots for each model, or several, that triggers of PostgreSQL fill."""
    kinds = _kinds_of_labels(model)
    pk = model._meta.pk
    users = _Users(using)

    def snapshots(event_model: Any) -> Iterator[tuple[Any, Snapshot]]:
        names = {field.name for field in event_model._meta.concrete_fields}
        fields = [field for field in model._meta.local_concrete_fields if field.name in names]
        key_name = pk.attname if pk.name in names else "pgh_obj_id"
        rows = event_model._base_manager.using(using).filter(pgh_label__in=kinds)
        context = next((field for field in event_model._meta.concrete_fields if field.name == "pgh_context"), None)
        if context is not None and context.is_relation:
            rows = rows.select_related("pgh_context")
        for row in rows.order_by(key_name, "pgh_created_at", "pgh_id").iterator():
            metadata = getattr(row, "pgh_context", None)
            metadata = getattr(metadata, "metadata", metadata) or {}
            values = {field.name: getattr(row, field.attname) for field in fields}
            key = getattr(row, key_name)
            user = users.name(metadata.get("user"))
            order = (key, row.pgh_created_at, row.pgh_id)
            yield order, Snapshot(key, kinds[row.pgh_label], values, row.pgh_created_at, user)

    found = [snapshots(event_model) for event_model in dict.fromkeys(model.pgh_event_models.values())]
    first = itemgetter(0)
    if target_of(pk).get_internal_type() in ("CharField", "TextField") and len(found) > 1:
        ordered: Iterable[Any] = sorted(chain(*found), key=first)  # the order of a collation is not Python's
    else:
        ordered = merge(*found, key=first)
    return changes_between(snapshot for _, snapshot in ordered)


def _kinds_of_labels(model: Any) -> dict[str, str]:
    """What the labels of a model's trackers mean; those of manual events mean no change."""
    import pgtrigger

    kinds = {}
    for event_model in dict.fromkeys(model.pgh_event_models.values()):
        for tracker in event_model.pgh_trackers or ():
            operation = getattr(tracker, "operation", None)
            if operation == pgtrigger.Update and tracker.row == "OLD":
                raise CannotImport(
                    f"{model._meta.label}: django-pghistory's tracker {tracker.label!r} keeps rows as they were before "
                    "an update, without what they became: only trackers that keep the new row can be imported"
                )
            if operation is not None:
                kinds[tracker.label] = {pgtrigger.Insert: "+", pgtrigger.Delete: "-"}.get(operation, "~")
    return kinds


class _Users:
    """Names of users by their primary keys."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._names: dict[Any, str | None] = {}

    def name(self, key: Any) -> str | None:
        if key is not None and key not in self._names:
            user = get_user_model()._base_manager.using(self._using).filter(pk=key).first()
            self._names[key] = _username(user)
        return self._names.get(key)


def _username(user: Any) -> str | None:
    return None if user is None else str(user.get_username())


SOURCES = {
    "simple_history": Source("django-simple-history", "simple_history", _has_history, _history),
    "auditlog": Source("django-auditlog", "auditlog", _has_log_entries, _log),
    "reversion": Source("django-reversion", "reversion", _has_versions, _versions),
    "pghistory": Source("django-pghistory", "pghistory", _has_events, _events),
}
