"""A Projection as the native core takes it: plain data, whose hash is stored with the read model."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField

from eventfold.aggregates import Collected
from eventfold.django.conditions import compile_conditions, sources_of_conditions
from eventfold.django.declared import declared_model
from eventfold.django.expressions import PSEUDO_FIELDS, compile_source
from eventfold.django.kinds import AnyField, json_key, kind_of
from eventfold.django.lookup import compiled_lookups
from eventfold.django.read_models import Declaration, label_of
from eventfold.django.type_fields import TypeFields
from eventfold.errors import ProjectionError
from eventfold.expressions import Compiled, describe
from eventfold.projection import CountDistinct, Operation, condition_of


def column_kind(field: AnyField) -> str:
    """Return the kind of a read model's field; a reference is kept as what it refers to."""
    return kind_of(target_of(field))


def target_of(field: AnyField) -> AnyField:
    """Return the field that a reference leads to at last; any other field is its own."""
    while field.is_relation:
        field = field.target_field  # type: ignore[attr-defined]
    return field


def stored(field: AnyField, value: Any, connection: BaseDatabaseWrapper) -> Any:
    """Return a Python value of a field as its column stores it: None, bool, int, float, str or bytes."""
    kind = column_kind(field)
    if kind == "boolean" and value is not None:
        return bool(value)
    value = field.get_db_prep_save(value, connection)
    if value is None:
        return None
    if kind == "decimal":
        number = Decimal(value)
        return int(number) if number == number.to_integral_value() else float(number)
    if isinstance(value, memoryview):
        return bytes(value)
    return value


def own_columns(model: Any) -> list[AnyField]:
    """Return the fields that a fold writes: all but the key and what the database makes itself."""
    return [
        field
        for field in model._meta.concrete_fields
        if field.name not in model.projection.key
        and not (field.primary_key and isinstance(field, AutoField))
        and not getattr(field, "generated", False)
    ]


def specification(model: Any, connection: BaseDatabaseWrapper, known: Mapping[str, TypeFields]) -> dict[str, Any]:
    """Return the specification of a read model on a database; `known` is what its log knows of fields, by label."""
    declaration: Declaration = model.projection
    spec = {
        "name": model._meta.label,
        "table": model._meta.db_table,
        "key": [_key(model, name) for name in declaration.key],
        "columns": [_column(field, declaration.operations.get(field.name), connection) for field in own_columns(model)],
        "delete_on": sorted((_selection(source, connection) for source in declaration.delete_on), key=str),
        "handlers": sorted(declaration.handled_labels()),
        "events": {
            label: _event(label, model, known.get(label, TypeFields())) for label in sorted(declaration.labels())
        },
    }
    if declaration.batched:
        spec["batched"] = True
    if not settings.USE_TZ:
        spec["local_time"] = True  # "created" is what a naive DateTimeField holds
    lookups = compiled_lookups(spec, connection, known)
    if lookups:
        spec["lookups"] = lookups
    if declaration.lifecycle == "live" and (lookups or declaration.counts_values):
        spec["temporary"] = True
    return spec


def as_text(spec: dict[str, Any]) -> str:
    """Return the specification's text, which the core reads and whose hash is stored."""
    return json.dumps(spec, ensure_ascii=False, separators=(",", ":"), sort_keys=False)


def hash_of(spec: dict[str, Any]) -> str:
    """Return a hash of what a projection means. Former names and defaults of fields are not part of it."""
    meaning = _meaning(spec)
    if "lookups" in spec:
        meaning["lookups"] = [{**each, "projection": _meaning(each["projection"])} for each in spec["lookups"]]
    return sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


def _meaning(spec: dict[str, Any]) -> dict[str, Any]:
    return {**spec, "events": {label: sorted(fields) for label, fields in spec["events"].items()}}


def _key(model: Any, name: str) -> dict[str, Any]:
    field = model._meta.get_field(name)
    _, unit = model.projection.key_source(name)
    text, *others = sorted(key_names(model, name)) or [name]
    if others:
        raise ProjectionError(f"the key {name!r} of {model._meta.label} is not the same for all events")
    return {"column": field.column, "field": text, "kind": column_kind(field)} | ({"trunc": unit} if unit else {})


def key_names(model: Any, name: str) -> set[str]:
    """Return what a key is called on the events that a read model reads: one name, if it is the same everywhere."""
    source, _ = model.projection.key_source(name)
    field = model._meta.get_field(name)
    return {compile_source(declared_model(label), source, field).text for label in model.projection.labels()}


def _column(field: AnyField, operation: Operation | None, connection: BaseDatabaseWrapper) -> dict[str, Any]:
    column = {
        "column": field.column,
        "kind": column_kind(field),
        "op": operation.op if operation else "handler",
        **(operation.options if operation else {}),
        "from": [_source(field, operation, *term, connection) for term in operation.terms()] if operation else [],
        "cleared_by": [_selection(source, connection) for source in operation.cleared_by] if operation else [],
        "initial": initial_value(field, operation, connection),
    }
    if column["kind"] == "decimal":
        column["places"] = getattr(field, "decimal_places", 0)
    return column


def _source(
    field: AnyField,
    operation: Operation,
    source: Any,
    value: Any,
    options: dict[str, Any],
    connection: BaseDatabaseWrapper,
) -> list[Any]:
    label = label_of(source)
    event = declared_model(label)
    condition = compile_conditions(event, connection, *operation.conditions_of(source))
    if condition is not None:
        options = {**options, "filter": condition}
    name = None if value is None else compile_source(event, value, _target(field, operation)).text
    return [label, name, options] if options else [label, name]


def _target(field: AnyField, operation: Operation) -> AnyField | None:
    """The field that takes a value as it is; what is gathered or told apart keeps its own kind."""
    return None if isinstance(operation, (Collected, CountDistinct)) else field


def _selection(source: Any, connection: BaseDatabaseWrapper) -> Any:
    """A type, or a type and a condition."""
    label = label_of(source)
    condition = compile_conditions(declared_model(label), connection, condition_of(source))
    return label if condition is None else [label, condition]


def initial_value(field: AnyField, operation: Operation | None, connection: BaseDatabaseWrapper) -> Any:
    """Return what a column of a new row stores: the field's default, else 0, [] or {} by its operation, else empty."""
    if operation is not None and operation.has_initial:
        return stored(field, operation.initial, connection)
    if field.has_default():
        return stored(field, field.get_default(), connection)
    if operation is not None and operation.op in ("count", "sum", "distinct"):
        return stored(field, 0, connection)
    if isinstance(operation, Collected):
        return "{}" if operation.op == "histogram" else "[]"
    value = stored(field, field.get_default(), connection)
    return None if isinstance(value, bytes) else value


def _says_only_what_changed(event: Any) -> bool:
    from eventfold.django.tracking.event_types import TrackedEvent

    return issubclass(event, TrackedEvent)


def _event(label: str, model: Any, known: TypeFields) -> dict[str, Any]:
    event = declared_model(label)
    used = list(_used(label, event, model))
    names = {name for compiled in used for name in compiled.fields()} - set(PSEUDO_FIELDS)
    described = {field.name: event_field(field, known) for field in event._meta.concrete_fields if field.name in names}
    if _says_only_what_changed(event):
        for name in described.keys() - {"key"}:
            # a table may hold what is not of its field's kind, and no save may fail for it: such a value is null
            described[name] |= {"sparse": True, "mixed": True}
    for compiled in sorted(used, key=lambda each: each.text):
        describe(compiled, described, lambda name: None)  # its fields are there
    return described


def _used(label: str, event: Any, model: Any) -> Iterator[Compiled]:
    """The fields and expressions of one event type that a projection reads."""
    declaration: Declaration = model.projection
    for name in declaration.key:
        yield compile_source(event, declaration.key_source(name)[0], model._meta.get_field(name))
    for name, operation in declaration.operations.items():
        target = _target(model._meta.get_field(name), operation)
        for source, value in operation.fields():
            if label_of(source) == label:
                yield compile_source(event, value, target)
    for about, conditions in declaration.conditions():
        if about == label:
            yield from sources_of_conditions(event, *conditions)


def event_field(field: AnyField, known: TypeFields) -> dict[str, Any]:
    """Return how a fold reads a field of an event; `known` is what the log knows of the event type's fields."""
    name = json_key(field)
    described: dict[str, Any] = {"kind": kind_of(field), "keys": known.keys(name)}
    if described["kind"] == "decimal":
        described["places"] = getattr(field, "decimal_places", 0)
    if name in known.defaults:
        described["default"] = known.defaults[name]
    if len(known.kinds.get(name, ())) > 1:
        described["mixed"] = True
    return described
