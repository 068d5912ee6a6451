"""A column of another read model as a key or a value: `Lookup(Member, "member", "city")`, as of each event.

The read model that looks up keeps a copy of its own of the rows that it may need: their keys and this one column,
folded from the same events. So it does not matter how far the other read model is.
"""

import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from django.db import router
from django.db.models import F
from django.db.models.lookups import IsNull

from eventfold.django.declared import declared_model
from eventfold.expressions import Compiled, Expression, _fields, is_source
from eventfold.projection import KeyOf, Operation, condition_of, is_pattern
from eventfold.where import Filtered, Where, unfiltered

_OPERATIONS = ("count", "sum", "min", "max", "first", "latest")
_NAME = " of "


@dataclass(frozen=True, init=False)
class Lookup(Expression):
    """A column of a row of another read model, as it was just before the event; null where there is no such row.

    `Lookup(Member, "member", "city")` is the `city` in the row of Member whose key is the event's field `member`. The
    read model is a class or its label; where its key has several parts, they are a tuple. As a key it leaves out the
    events for which it is null. Raises TypeError for anything else.
    """

    model: Any
    keys: tuple[Any, ...]
    column: str

    def __init__(self, model: Any, key: Any, column: str) -> None:
        keys = tuple(key) if isinstance(key, (tuple, list)) else (key,)
        if not (isinstance(model, (str, type)) and all(map(is_source, keys)) and isinstance(column, str) and column):
            raise TypeError(
                "Lookup() takes a read model, the field of the event that is its key, and one of its columns, as in "
                f'Lookup(Member, "member", "city"), not {(model, key, column)!r}'
            )
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "column", column)

    def read_model(self) -> Any:
        """Return the class of the read model. Raises TypeError where there is none."""
        from eventfold.django.read_models import ReadModel

        model = self.model
        if isinstance(model, str):
            try:
                model = declared_model(model)
            except (LookupError, ValueError) as error:
                raise TypeError(f"Lookup() of {self.model!r}, which is no model") from error
        if not issubclass(model, ReadModel) or model.projection is None:
            raise TypeError(f"Lookup() of {model._meta.label}, which is no read model with a Projection")
        return model


def compile_lookup(compiler: Any, event: Any, lookup: Lookup) -> Compiled:
    """Compile a lookup on events of one class. Raises TypeError for what cannot be looked up."""
    from eventfold.django.specification import column_kind

    model = lookup.read_model()
    label, declaration = model._meta.label, model.projection
    operation = declaration.operations.get(lookup.column)
    said = f"{lookup.column!r} of {label} cannot be looked up"
    if operation is None or operation.op not in _OPERATIONS:
        raise TypeError(f"{said}: only a column made by Latest, First, Count, Sum, Min or Max can be")
    if next(lookups_of(declaration), None) is not None:
        raise TypeError(f"{said}, since {label} looks rows up itself")
    if declaration.handlers and not declaration.batched:
        raise TypeError(f"{said}, since the @on methods of {label} might set it")
    if router.db_for_write(model) != router.db_for_write(event):
        raise TypeError(f"{said}: it is kept in another database than {event._meta.label}")
    parts = [compiler.compile(key) for key in lookup.keys] or [compiler.value(1)]
    if len(parts) != len(declaration.key):
        raise TypeError(f"{said} by {len(parts)} parts: its key is {', '.join(declaration.key)}")
    for name, part in zip(declaration.key, parts, strict=True):
        kind, wanted = compiler.kind_of(part)[0], column_kind(model._meta.get_field(name))
        if kind not in (wanted, "any"):
            raise TypeError(f"{said} by {part.text!r} of {event._meta.label}: it is of the kind {kind}, not {wanted}")
    field = model._meta.get_field(lookup.column)
    kind = column_kind(field)
    places = getattr(field, "decimal_places", 0) if kind == "decimal" else None
    by = ", ".join(part.text for part in parts)
    name = f"{lookup.column}{_NAME}{label}"
    return Compiled(["lookup", name, kind, places, *(part.json for part in parts)], f"{name} by {by}", 0)


def lookups_of(declaration: Any) -> Iterator[Lookup]:
    """Yield the lookups that a declaration mentions, wherever they stand."""
    yield from _within(declaration.key_sources)
    yield from _within(declaration.operations)
    yield from _within(declaration.delete_on)


def _within(value: Any) -> Iterator[Lookup]:
    if isinstance(value, Lookup):
        yield value
    if isinstance(value, (type, str)):
        return
    if is_dataclass(value):
        inner: Any = [getattr(value, each.name) for each in fields(value)]
    elif isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, (tuple, list)):
        inner = value
    elif hasattr(value, "get_source_expressions"):
        inner = value.get_source_expressions()
    else:
        inner = getattr(value, "children", ())  # of a Q
    for each in inner:
        yield from _within(each)


def models_looked_at(declaration: Any) -> Iterator[Any]:
    """Yield the read models whose rows are looked up; none for what is no read model, of which the checks tell."""
    for lookup in lookups_of(declaration):
        with suppress(TypeError):
            yield lookup.read_model()


def labels_looked_at(declaration: Any) -> set[str]:
    """Return the labels of the event types that the looked-up rows are made of."""
    return {label for model in models_looked_at(declaration) for label in model.projection.labels()}


def leaving_out(declaration: Any) -> Any:
    """Return a declaration that leaves out events whose key is looked up and not found. Raises TypeError."""
    looked_up = [source for source, _ in declaration.key_sources.values() if next(_within(source), None)]
    if not looked_up:
        return declaration
    if declaration.handlers:
        raise TypeError("a key that is looked up may be null, and an @on method is called for every event")
    changed = copy.copy(declaration)
    operations = {name: _operation(operation, looked_up) for name, operation in declaration.operations.items()}
    object.__setattr__(changed, "operations", operations)
    object.__setattr__(changed, "delete_on", tuple(_source(each, looked_up) for each in declaration.delete_on))
    return changed


def _operation(operation: Operation, looked_up: list[Any]) -> Operation:
    changed = copy.copy(operation)
    object.__setattr__(
        changed, "sources", tuple((_source(source, looked_up), value) for source, value in operation.sources)
    )
    object.__setattr__(changed, "cleared_by", tuple(_source(each, looked_up) for each in operation.cleared_by))
    return changed


def _source(source: Any, looked_up: list[Any]) -> Any:
    from eventfold.django.read_models import label_of

    if is_pattern(source):
        return source  # an event of a pattern without a key is left out anyway
    condition = condition_of(source)
    where = Where() if condition is None else Where(condition)
    for key in looked_up:
        value = key.of(label_of(source), label_of) if isinstance(key, KeyOf) else key
        where.children.append(IsNull(F(value) if isinstance(value, str) else value, False))
    return Filtered(unfiltered(source), where)


def compiled_lookups(spec: dict[str, Any], connection: Any, known: Any) -> list[dict[str, Any]]:
    """Return what a specification has to say of the lookups in its expressions."""
    values = [
        field["value"] for described in spec["events"].values() for field in described.values() if "value" in field
    ]
    return [_lookup(name, spec["name"], connection, known) for name in sorted(set(_names(values)))]


def _names(compiled: Any) -> Iterator[str]:
    if not isinstance(compiled, list):
        return
    if compiled[:1] == ["lookup"]:
        yield compiled[1]
    for part in compiled:
        yield from _names(part)


def _lookup(name: str, owner: str, connection: Any, known: Any) -> dict[str, Any]:
    from eventfold.django.specification import specification

    column_name, _, label = name.partition(_NAME)
    model: Any = declared_model(label)
    column_name = model._meta.get_field(column_name).column
    spec = specification(model, connection, known)
    (column,) = [each for each in spec["columns"] if each["column"] == column_name]
    others = [each for each in spec["columns"] if each is not column]
    rows = _rows(column, others, spec["handlers"])
    made = {**spec, "name": f"{owner} ({name})", "columns": [column, *rows], "handlers": []}
    made.pop("batched", None)
    made["events"] = {
        event: _needed(made, event, described) for event, described in spec["events"].items() if _reads(made, event)
    }
    return {"name": name, "column": column_name, "projection": made}


def _rows(column: dict[str, Any], others: list[dict[str, Any]], handled: list[str]) -> list[dict[str, Any]]:
    """A column for what only makes rows, in which the looked-up column then stands as it begins."""
    if column["initial"] is None:
        return []  # as good as no row
    made: list[list[Any]] = [[label, None] for label in handled]
    for each in others:
        for label, _, *options in each["from"]:
            condition = options[0].get("filter") if options else None
            made.append([label, None] if condition is None else [label, None, {"filter": condition}])
    unique = [each for number, each in enumerate(made) if each not in made[:number]]
    if not unique:
        return []
    counted = {"column": "eventfold_rows", "kind": "integer", "op": "count", "from": unique}
    return [{**counted, "cleared_by": [], "initial": 0}]


def _selected(spec: dict[str, Any], event: str) -> Iterator[tuple[list[str], Any]]:
    """What a specification takes of an event type: fields, and a condition or None."""
    for column in spec["columns"]:
        for label, name, *options in column["from"]:
            if label == event:
                yield [name] if name else [], options[0].get("filter") if options else None
        for each in column["cleared_by"]:
            if (each if isinstance(each, str) else each[0]) == event:
                yield [], None if isinstance(each, str) else each[1]
    for each in spec["delete_on"]:
        if (each if isinstance(each, str) else each[0]) == event:
            yield [], None if isinstance(each, str) else each[1]


def _reads(spec: dict[str, Any], event: str) -> bool:
    return next(_selected(spec, event), None) is not None


def _needed(spec: dict[str, Any], event: str, described: dict[str, Any]) -> dict[str, Any]:
    """The fields of an event that are left to be read, in the order in which they were."""
    wanted = {part["field"] for part in spec["key"]}
    for names, condition in _selected(spec, event):
        wanted |= {*names, *_compared(condition)}
    for name in list(wanted):
        if "value" in described.get(name, {}):
            wanted |= set(_fields(described[name]["value"]))
    return {name: field for name, field in described.items() if name in wanted}


def _compared(condition: Any) -> Iterator[str]:
    if condition is None:
        return
    test, *parts = condition
    if test in ("and", "or", "not"):
        for part in parts:
            yield from _compared(part)
    else:
        yield parts[0]
