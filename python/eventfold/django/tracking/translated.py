"""The translations of one database, ready to be called: which event types they read, and since when."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models import Model
from django.db.models.base import ModelState
from django.db.models.signals import post_init, pre_init

from eventfold.django.event_reader import plain_type, value_reader
from eventfold.django.kinds import AnyField
from eventfold.django.tracking.event_types import TrackedEvents, events_of, key_parts, key_slot
from eventfold.django.tracking.recorded_fields import recorded_as
from eventfold.django.tracking.translate import Translation, Translator, translations
from eventfold.django.type_fields import TypeFields

Make = Callable[[Any], Any]


@dataclass
class TranslatedField:
    """One translation on one database."""

    label: str
    """The field's full name."""
    function: Translator
    function_name: str
    names: list[tuple[str, str]]
    """Its members in the data of events, before and after; with those of its former names."""
    read: Make
    """Makes the value that the function is given out of its JSON."""

    def change_in(self, data: dict[str, Any], action: str) -> tuple[Any, Any] | None:
        """Return the JSON of (old, new) if an event says something of the field; None if there is nothing to say."""
        for old, new in self.names:
            if new in data:
                if action == "changed":
                    return data.get(old), data[new]
                return None if data[new] is None else (None, data[new])
        return None


@dataclass
class TranslatedModel:
    """The translations of one model on one database."""

    model: Any
    alias: str
    fields: list[TranslatedField]
    actions: dict[int, str]
    """What each of its event types says, by the type's number: created, changed, deleted, existed."""
    changed: int
    """The number of the type that says "changed"."""
    slot: str
    """The column of the log that has the row's key."""
    row: Make
    """Makes an instance of which only the key is loaded, out of its JSON."""

    def members_of(self, type_id: int) -> list[str] | None:
        """Return which members the data of an event of a type must have to be of interest; [] for all events."""
        if self.actions[type_id] == "deleted":
            return None
        if self.actions[type_id] != "changed":
            return []
        return [new for field in self.fields for _, new in field.names]

    def past_row(self, key: Any, position: int) -> Any:
        """Return a row that is gone, as it was at a position."""
        from eventfold.django.tracking.history import as_of

        return as_of(self.row(key), position, self.alias)


def compiled_for(alias: str) -> dict[int, TranslatedModel]:
    """Return the translated models of a database by the numbers of their event types.

    Raises ImproperlyConfigured for a translation that cannot be.
    """
    rows = connections[alias].connection.execute("SELECT name, id, fields FROM eventfold_type").fetchall()
    types = {name: (type_id, TypeFields.load(fields)) for name, type_id, fields in rows}
    found: dict[int, TranslatedModel] = {}
    by_model: dict[Any, list[Translation]] = {}
    for translation in translations():
        by_model.setdefault(translation.model, []).append(translation)
    for model, declared in by_model.items():
        events = events_of(model)
        if any(event._meta.label not in types for event in events):
            continue  # no triggers here: another alias has the table, or migrate is still to come
        known = types[events.changed._meta.label][1]
        ids = [types[event._meta.label][0] for event in events]
        made = TranslatedModel(
            model=model,
            alias=alias,
            fields=[_field(translation, alias, known) for translation in declared],
            actions=dict(zip(ids, TrackedEvents._fields, strict=True)),
            changed=types[events.changed._meta.label][0],
            slot=f"slot{key_slot(events.created) + 1}",
            row=_row_maker(model, alias),
        )
        found.update(dict.fromkeys(ids, made))
    return found


def translated_models() -> set[Any]:
    """Return the models of which some field is translated, on whatever database."""
    return {translation.model for translation in translations()}


def beginnings(connection: Any) -> dict[str, int]:
    """Return for each translated field the position after which its changes are translated.

    For a field that is new to this database that is the head of now, and is remembered: what was recorded before its
    translation was there is not translated.
    """
    if connection.alias in _begun:
        return _begun[connection.alias]
    labels = [each.label for each in translations()]
    found = _read_beginnings(connection, labels)
    missing = [label for label in labels if label not in found]
    if missing:
        _write_beginnings(connection, missing)
        return _read_beginnings(connection, labels)
    if _is_committed(connection):
        _begun[connection.alias] = found
    return found


def has_begun(alias: str) -> bool:
    """Whether all translations are known to have begun on a database."""
    return alias in _begun


def forget() -> None:
    """Look again: classes have changed."""
    _begun.clear()


_begun: dict[str, dict[str, int]] = {}
"""By alias; only what is committed."""
_BEGAN_IN = "_eventfold_translation_began_in"  # on a connection: the outermost atomic block that wrote them last
_PREFIX = "translation of "  # in the table of what is made from the log


def _read_beginnings(connection: Any, labels: list[str]) -> dict[str, int]:
    names = [_PREFIX + label for label in labels]
    sql = f"SELECT name, position FROM eventfold_read_model WHERE name IN ({', '.join('?' * len(names))})"
    rows = connection.connection.execute(sql, names)
    return {name[len(_PREFIX) :]: position for name, position in rows}


def _write_beginnings(connection: Any, labels: list[str]) -> None:
    connection.connection.executemany(
        "INSERT INTO eventfold_read_model (name, spec_hash, log_id, epoch, position, due) "
        "SELECT ?, '', log_id, epoch, head, 0 FROM eventfold_head WHERE true ON CONFLICT (name) DO NOTHING",
        [(_PREFIX + label,) for label in labels],
    )
    connection.__dict__[_BEGAN_IN] = _outermost_block(connection)


def _is_committed(connection: Any) -> bool:
    """Whether what is read of beginnings was there before the transaction; on_commit() would be seen by tests."""
    block = _outermost_block(connection)
    return block is not None and block is not connection.__dict__.get(_BEGAN_IN)


def _outermost_block(connection: Any) -> Any:
    """The atomic block that commits; None in a transaction that the app began by other means."""
    return connection.atomic_blocks[0] if connection.in_atomic_block and connection.commit_on_exit else None


def _field(translation: Translation, alias: str, known: TypeFields) -> TranslatedField:
    field = translation.field
    former = [key.removeprefix("new_") for key in known.former_keys.get(f"new_{field.name}", ())]
    return TranslatedField(
        label=translation.label,
        function=translation.function,
        function_name=translation.function_name,
        names=[(f"old_{name}", f"new_{name}") for name in (field.name, *former)],
        read=_value_maker(field, alias),
    )


def _value_maker(field: AnyField, alias: str) -> Make:
    read = value_reader(recorded_as(field), alias)
    plain = plain_type(recorded_as(field))
    if not field.is_relation:
        return lambda value: value if value is None or type(value) is plain else read(value)
    target: Any = field.target_field  # type: ignore[attr-defined]
    related = target.model
    if not target.primary_key:
        others = related._base_manager.using(alias)
        return lambda value: None if value is None else others.get(**{target.attname: read(value)})
    unloaded = _unloaded_one(related, target.attname, alias)
    return lambda value: None if value is None else unloaded(value if type(value) is plain else read(value))


def _row_maker(model: Any, alias: str) -> Make:
    """What makes an instance out of the JSON of its key, see event_types.key_field()."""
    parts = key_parts(model)
    readers = [value_reader(recorded_as(part), alias) for part in parts]
    if len(parts) == 1:
        (read,), plain = readers, plain_type(recorded_as(parts[0]))
        unloaded = _unloaded_one(model, parts[0].attname, alias)
        return lambda key: unloaded(key if type(key) is plain else read(key))
    attnames = [part.attname for part in parts]
    return lambda key: model.from_db(
        alias, attnames, [read(value) for read, value in zip(readers, json.loads(key), strict=True)]
    )


def _unloaded_one(model: Any, attname: str, alias: str) -> Make:
    """What makes instances that have their key only, of one column; the rest is loaded when asked for."""

    def make(value: Any) -> Any:
        return model.from_db(alias, [attname], [value])

    def make_plainly(value: Any) -> Any:
        row = model.__new__(model)  # what __init__ does, without a look at each field
        state = ModelState()
        state.adding = False
        state.db = alias
        row.__dict__ = {"_state": state, attname: value}
        return row

    plain = model.__init__ is Model.__init__ and model.from_db.__func__ is Model.from_db.__func__  # type: ignore[attr-defined]
    if plain and not pre_init.has_listeners(model) and not post_init.has_listeners(model):
        return make_plainly
    return make
