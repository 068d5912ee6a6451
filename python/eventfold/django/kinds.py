"""What a field of an event holds: its kind, its JSON in the log's `data`, its storage in a column.

| kind | JSON | storage, in views, slots and read models |
|---|---|---|
| text | string | TEXT |
| integer | number | INTEGER |
| real | number with a point or an exponent | REAL |
| boolean | true, false | INTEGER 1, 0 |
| decimal | string, "12.50" | INTEGER where whole, else REAL |
| date | "YYYY-MM-DD" | the same TEXT |
| time | "HH:MM:SS[.ffffff]" | the same TEXT |
| datetime | "YYYY-MM-DDTHH:MM:SS[.ffffff]Z", in UTC; without Z where it is naive | "YYYY-MM-DD HH:MM:SS[.ffffff]" |
| duration | number of microseconds | INTEGER |
| uuid | "8-4-4-4-12", lower case | 32 hexadecimal digits, TEXT |
| json | the value itself | its JSON text, without white space |
| binary | string of hexadecimal digits | BLOB |

None is null everywhere; a JSON null in a JSONField is the same as None.
"""

import datetime
import json
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import format_number
from django.db.models import Field

from eventfold import _core
from eventfold.django.constants import SLOT_KINDS
from eventfold.errors import InvalidEvent

if TYPE_CHECKING:
    AnyField = Field[Any, Any]
else:
    AnyField = Field

_KINDS = {
    "CharField": "text",
    "TextField": "text",
    "SlugField": "text",
    "FilePathField": "text",
    "GenericIPAddressField": "text",
    "IPAddressField": "text",
    "AutoField": "integer",
    "BigAutoField": "integer",
    "SmallAutoField": "integer",
    "IntegerField": "integer",
    "BigIntegerField": "integer",
    "SmallIntegerField": "integer",
    "PositiveIntegerField": "integer",
    "PositiveBigIntegerField": "integer",
    "PositiveSmallIntegerField": "integer",
    "FloatField": "real",
    "BooleanField": "boolean",
    "DecimalField": "decimal",
    "DateField": "date",
    "TimeField": "time",
    "DateTimeField": "datetime",
    "DurationField": "duration",
    "UUIDField": "uuid",
    "JSONField": "json",
    "BinaryField": "binary",
}
_NUMBERS = ("integer", "boolean", "duration")
_TEXTS = ("text", "date", "time", "datetime", "uuid")


def kind_of(field: AnyField) -> str:
    """Return the kind of a model field: by its internal type, a custom field's by its database type.

    Raises InvalidEvent for a field that an event cannot have; the message says what to use instead.
    """
    if field.is_relation:
        raise InvalidEvent(
            f"{_name(field)}: an event keeps the values that were true then, so it cannot refer to a row that may "
            "change or go; keep its key, in a BigIntegerField or a UUIDField"
        )
    if getattr(field, "generated", False):
        raise InvalidEvent(f"{_name(field)}: the database computes no column of an event; compute it in the query")
    internal_type = field.get_internal_type()
    if internal_type == "FileField":
        raise InvalidEvent(f"{_name(field)}: a file can change or go; keep its name or digest in a CharField")
    kind = _KINDS.get(internal_type) or _kind_of_column(field.db_type(connections[DEFAULT_DB_ALIAS]))
    if kind is None:
        raise InvalidEvent(f"{_name(field)}: an event cannot hold a {type(field).__name__}")
    return kind


def json_key(field: AnyField) -> str:
    """Return the key of a field in the log's `data`."""
    return field.name


def event_fields(model: Any) -> list[AnyField]:
    """Return the fields of an event model that `data` holds: all but `position` and `created`, in declared order."""
    return [field for field in model._meta.concrete_fields if field.name not in ("position", "created")]


def slots_of(model: Any) -> dict[str, int]:
    """Return the slot column, 0 to 3, of each indexed field (`db_index=True`) by the field's name.

    It depends on nothing but the names and kinds of the indexed fields, so that the class, its migrations and every
    database agree. A field of another kind, or one too many, gets none: lookups on it are right, only slower.
    """
    slots: dict[str, int] = {}
    free = list(range(len(SLOT_KINDS)))
    for field in sorted(event_fields(model), key=lambda field: field.name):
        if not getattr(field, "db_index", False):
            continue
        kind = kind_of(field)
        wanted = "number" if kind in _NUMBERS else "text" if kind in _TEXTS else None
        slot = next((slot for slot in free if SLOT_KINDS[slot] == wanted), None)
        if slot is not None:
            free.remove(slot)
            slots[field.name] = slot
    return slots


def slot_names(slots: dict[str, int]) -> str:
    """Return the names of indexed fields in slot order, as `eventfold_type.slots` has them; a free slot has none."""
    names = {slot: name for name, slot in slots.items()}
    return ",".join(names.get(slot, "") for slot in range(max(names, default=-1) + 1))


def json_value(field: AnyField, value: Any) -> Any:
    """Return what `data` holds for a value of a field (a cleaned one, or a default): something that JSON can say.

    Raises InvalidEvent for a value that its kind cannot hold.
    """
    if value is None:
        return None
    kind = kind_of(field)
    if kind == "json":
        return _plain_json(value, getattr(field, "encoder", None))
    try:
        value = field.get_prep_value(field.to_python(value))
        if value is None:
            return None
        return _JSON_VALUES[kind](value, field)
    except (TypeError, ValueError, ArithmeticError, AttributeError, ValidationError) as error:
        raise InvalidEvent(f"{_name(field)}: {value!r} is no {kind}: {error}") from error


def canonical_json(value: Any, encoder: type[json.JSONEncoder] | None = None) -> str:
    """Return the text of a JSON value as the log holds it. Raises InvalidEvent for what JSON cannot say."""
    return _json_codec().encode_values([_plain_json(value, encoder)])[len('{"v":') : -1]


@cache
def _json_codec() -> _core.EventCodec:
    return _core.EventCodec("", [{"name": "v", "key": "v", "kind": "json", "null": True}], None)


def _plain_json(value: Any, encoder: type[json.JSONEncoder] | None) -> Any:
    try:
        return value if encoder is None else json.loads(json.dumps(value, cls=encoder))
    except (TypeError, ValueError) as error:
        raise InvalidEvent(f"{value!r} has no JSON: {error}") from error


def _kind_of_column(db_type: str | None) -> str | None:
    """The rules by which SQLite reads a column's type, and the names that Django uses for its own."""
    name = (db_type or "").lower()
    base = name.partition("(")[0].strip()
    if base in ("date", "time", "datetime"):
        return base
    for words, kind in (
        (("bool",), "boolean"),
        (("int",), "integer"),
        (("char", "clob", "text"), "text"),
        (("blob",), "binary"),
        (("real", "floa", "doub"), "real"),
        (("decimal", "numeric"), "decimal"),
    ):
        if any(word in base for word in words):
            return kind
    return None


def _text(value: Any, field: AnyField) -> str:
    return str(value)


def _integer(value: Any, field: AnyField) -> int:
    return int(value)


def _real(value: Any, field: AnyField) -> float:
    return float(value)


def _boolean(value: Any, field: AnyField) -> bool:
    if value not in (0, 1):
        raise ValueError("it is neither true nor false")
    return bool(value)


def _decimal(value: Any, field: AnyField) -> str:
    text = format_number(Decimal(value), getattr(field, "max_digits", None), getattr(field, "decimal_places", None))
    assert text is not None
    return text


def _date(value: Any, field: AnyField) -> str:
    if isinstance(value, datetime.datetime):
        raise TypeError("it is a datetime")
    return str(value.isoformat())


def _time(value: Any, field: AnyField) -> str:
    if value.tzinfo is not None:
        raise ValueError("a time must have no time zone")
    return str(value.isoformat())


def _datetime(value: Any, field: AnyField) -> str:
    if value.tzinfo is None:
        return str(value.isoformat())
    return str(value.astimezone(datetime.timezone.utc).replace(tzinfo=None).isoformat()) + "Z"


def _duration(value: Any, field: AnyField) -> int:
    return int(value // datetime.timedelta(microseconds=1))


def _uuid(value: Any, field: AnyField) -> str:
    return str(value if isinstance(value, UUID) else UUID(str(value)))


def _binary(value: Any, field: AnyField) -> str:
    return bytes(value).hex()


_JSON_VALUES = {
    "text": _text,
    "integer": _integer,
    "real": _real,
    "boolean": _boolean,
    "decimal": _decimal,
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "duration": _duration,
    "uuid": _uuid,
    "binary": _binary,
}


def _name(field: AnyField) -> str:
    model = getattr(field, "model", None)
    return f"{model._meta.label}.{field.name}" if model is not None else str(field.name)
