"""A replay of some rows of a read model: those of given keys, or those that given events concern.

The rows are folded anew from the first event on, with a condition on the key; the others are left as they are.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from eventfold import _core
from eventfold.django.drift import Verified, differences_of, reached
from eventfold.django.gate import native
from eventfold.django.handlers import RowHandler, stating_the_event
from eventfold.django.kinds import AnyField
from eventfold.django.lookup import lookups_of
from eventfold.django.registry import compile_model
from eventfold.django.replay import Progress, Replayed, is_projected, require_table
from eventfold.django.specification import as_text, specification, stored, target_of
from eventfold.django.transactions import DeferredAtomic, ImmediateAtomic
from eventfold.errors import InvalidEvent, ProjectionError

Key = tuple[Any, ...]

MOST_KEYS = 100_000
"""Rows that are worth being folded apart from the others."""
_MOST_IN_A_CONDITION = 1000
_COMPARED = {"integer", "text", "date", "datetime", "time", "uuid", "boolean"}
"""Kinds of which a condition says just what the key of a row says."""


class NotInPart(ProjectionError):
    """The rows of this read model cannot be told apart by what events say: only the whole can be replayed."""


@dataclass(frozen=True)
class Rows:
    """Keys of rows, as the columns store them, and of how many rows there are."""

    keys: list[Key]
    of: int

    @property
    def are_few(self) -> bool:
        """Whether it is less work to fold these apart."""
        return len(self.keys) <= MOST_KEYS and len(self.keys) * 2 <= self.of


def keys_from_text(model: Any, using: str, texts: Iterable[str]) -> list[Key]:
    """Return keys as somebody wrote them, the parts of one with a comma between them.

    Raises NotInPart for a read model without a Projection, ValueError for a text that is no key of it.
    """
    _require_projection(model)
    fields = [model._meta.get_field(name) for name in model.projection.key]
    keys = []
    for text in texts:
        parts = [text] if len(fields) == 1 else text.split(",")
        if len(parts) != len(fields):
            names = ",".join(field.name for field in fields)
            raise ValueError(f"{text!r} is no key of {model._meta.label}, which is {names}")
        keys.append(tuple(_stored(field, part, connections[using]) for field, part in zip(fields, parts, strict=True)))
    return keys


def rows_concerned(
    model: Any, using: str, *, after: int = 0, types: Iterable[str] | None = None, progress: Progress | None = None
) -> Rows:
    """Return the rows that events after a position, of some types or all, have anything to do with.

    Raises NotInPart, ProjectionError, CorruptLog.
    """
    _require_projection(model)
    connection = connections[using]
    require_table(model, connection)
    spec = _plain_spec(model, connection)
    wanted = sorted(spec["events"]) if types is None else sorted(set(types) & set(spec["events"]))
    found: list[Any] = []
    if wanted:
        counted = {"column": "n", "kind": "integer", "op": "count", "cleared_by": [], "initial": 0}
        names = {part["field"] for part in spec["key"]}
        events = {label: _needed_for(names, spec["events"][label]) for label in wanted}
        probe = {
            **spec,
            "columns": [{**counted, "from": [[label, None] for label in wanted]}],
            "delete_on": [],
            "handlers": [],
            "events": events,
        }

        def fold(log: _core.Log) -> Any:
            return _core.fold(log, as_text(probe), threads=2, after=after, progress=progress)

        found = native(connection, f"eventfold: rows of {model._meta.label}", fold).keys()
    single = len(spec["key"]) == 1
    keys = [(key,) if single else tuple(key) for key in found]
    return Rows(keys, max(model._base_manager.using(using).count(), len(keys)))


def replay_rows(
    model: Any,
    using: str,
    keys: list[Key],
    *,
    threads: int = 2,
    batch: int | None = None,
    progress: Progress | None = None,
) -> Replayed:
    """Fold the rows of these keys anew and write those that differ, in one short transaction.

    Raises what verify() raises, also where a replay of the whole is due: the other rows would stay wrong.
    """
    connection = connections[using]
    replaying = _scanned(model, connection, keys, threads, batch, progress)
    with ImmediateAtomic(using):
        (until,) = reached([model], connection)
        written = native(
            connection, f"eventfold: replay rows of {model._meta.label}", replaying.write_rows(keys, until)
        )
    return Replayed(model, **written)


def preview_rows(
    model: Any,
    using: str,
    keys: list[Key],
    *,
    threads: int = 2,
    batch: int | None = None,
    limit: int = 10,
    progress: Progress | None = None,
) -> Verified:
    """Say what replay_rows() would write."""
    connection = connections[using]
    replaying = _scanned(model, connection, keys, threads, batch, progress)
    with DeferredAtomic(using):
        (until,) = reached([model], connection)
        compared = native(
            connection, f"eventfold: verify rows of {model._meta.label}", replaying.compare(keys, limit, until)
        )
    return differences_of(model, compared)


def _scanned(
    model: Any,
    connection: BaseDatabaseWrapper,
    keys: list[Key],
    threads: int,
    batch: int | None,
    progress: Progress | None,
) -> "_RowsReplay":
    _require_projection(model)
    (until,) = reached([model], connection)
    replaying = _RowsReplay(model, connection, keys)
    native(
        connection,
        f"eventfold: replay rows of {model._meta.label}",
        replaying.scan,
        threads=threads,
        batch=batch,
        progress=progress,
        until=until,
    )
    return replaying


class _RowsReplay:
    """A native replay that leaves out what it can of other rows."""

    def __init__(self, model: Any, connection: BaseDatabaseWrapper, keys: list[Key]) -> None:
        self._model = model
        self._spec = _of_keys(_plain_spec(model, connection), keys)
        handler = compile_model(model, connection.alias).handler
        only = _OnlyFor(handler, self._spec, keys) if isinstance(handler, RowHandler) else handler
        self._handler = only and stating_the_event(only, model)
        self._replay: _core.Replay | None = None

    def scan(self, log: _core.Log, *, threads: int, batch: int | None, progress: Progress | None, until: int) -> None:
        self._replay = _core.Replay(log, as_text(self._spec), self._handler, threads)
        if batch is not None:
            self._replay.read_at_a_time(batch)
        self._replay.scan(progress, until)

    def write_rows(self, keys: list[Key], until: int) -> Callable[[_core.Log], dict[str, Any]]:
        assert self._replay is not None
        replay = self._replay
        return lambda log: replay.write_rows(keys, until)

    def compare(self, keys: list[Key], limit: int, until: int) -> Callable[[_core.Log], dict[str, Any]]:
        assert self._replay is not None
        replay = self._replay
        return lambda log: replay.compare(limit, until, keys)


class _OnlyFor:
    """A handler that is spared the events of other rows."""

    def __init__(self, handler: RowHandler, spec: dict[str, Any], keys: list[Key]) -> None:
        self._handler = handler
        self._columns = [part["column"] for part in spec["key"]]
        self._keys = set(keys)

    def __call__(self, row: dict[str, Any], event: tuple[str, int, int, str]) -> None:
        if tuple(row[column] for column in self._columns) in self._keys:
            self._handler(row, event)


def _of_keys(spec: dict[str, Any], keys: list[Key]) -> dict[str, Any]:
    """Let a specification count events of these keys alone, where a condition can say so.

    It may still make rows of other keys, which are not written.
    """
    compared = [number for number, part in enumerate(spec["key"]) if part["kind"] in _COMPARED and "trunc" not in part]
    if not compared or len(keys) > _MOST_IN_A_CONDITION:
        return spec
    # of a key of several parts, the parts each for itself: that is enough to leave out most
    parts = [
        ["in", spec["key"][number]["field"], list(dict.fromkeys(key[number] for key in keys))] for number in compared
    ]
    condition = parts[0] if len(parts) == 1 else ["and", *parts]

    def narrowed(selection: Any) -> list[Any]:
        label, old = (selection, None) if isinstance(selection, str) else selection
        return [label, condition if old is None else ["and", old, condition]]

    def source(term: list[Any]) -> list[Any]:
        label, name, *rest = term
        options = dict(rest[0]) if rest else {}
        old = options.get("filter")
        options["filter"] = condition if old is None else ["and", old, condition]
        return [label, name, options]

    columns = [
        {
            **column,
            "from": [source(term) for term in column["from"]],
            "cleared_by": [narrowed(each) for each in column["cleared_by"]],
        }
        for column in spec["columns"]
    ]
    return {**spec, "columns": columns, "delete_on": [narrowed(each) for each in spec["delete_on"]]}


def _needed_for(names: set[str], fields: dict[str, Any]) -> dict[str, Any]:
    """Return these fields of an event; all, where one of them is made of others."""
    found = {name: field for name, field in fields.items() if name in names}
    return fields if any("value" in field for field in found.values()) else found


def _plain_spec(model: Any, connection: BaseDatabaseWrapper) -> dict[str, Any]:
    from eventfold.django.registry import known_fields

    spec = specification(model, connection, known_fields(connection.alias))
    for part in spec["key"]:
        if not isinstance(part.get("field"), str) or set(part) - {"column", "field", "kind", "trunc"}:
            raise NotInPart(
                f"{model._meta.label}: its key is more than a field of the events, so that its rows can only be "
                "replayed all together"
            )
    return spec


def _require_projection(model: Any) -> None:
    if not is_projected(model):
        raise NotInPart(
            f"{model._meta.label} is kept by a @projector, which can only be called for all events: replay the whole"
        )
    if next(lookups_of(model.projection), None):
        raise NotInPart(
            f"{model._meta.label} looks rows up, of which nobody knows what they have led to: replay the whole"
        )


def _stored(field: AnyField, text: str, connection: BaseDatabaseWrapper) -> Any:
    target = target_of(field)
    try:
        return stored(field, target.to_python(text), connection)
    except (ValidationError, InvalidEvent, ValueError, TypeError, ArithmeticError) as error:
        said = "; ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        raise ValueError(f"{text!r} is no {field.name} of {field.model._meta.label}: {said}") from error
