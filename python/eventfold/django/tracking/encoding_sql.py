"""SQL that turns a stored value into the JSON that the log holds: what `kinds.py` does in Python, for triggers.

A trigger may be fired by any program, and a save must never fail for what its table holds. So each expression takes
whatever SQLite may have stored in the column: what is not of the field's kind becomes the JSON of what it is.

| kind | JSON |
|---|---|
| text | `json_quote`; a NUL character becomes `\\u0000` |
| real | a number of 17 digits, 20 where it is very large or small; 9e999 for infinity |
| decimal | a string with the field's places |
| date, time, datetime, uuid | the string that `kinds.py` describes, where the text has the form that Django stores |
| json | the value itself; a text that is no JSON is a string |
| binary, and a BLOB in any column | a string of hexadecimal digits |
"""

from collections.abc import Callable

from django.conf import settings

from eventfold.django.kinds import AnyField
from eventfold.django.tracking.recorded_fields import recorded_kind

_REAL = (
    "CASE {0} WHEN 9e999 THEN '9e999' WHEN -9e999 THEN '-9e999' ELSE "
    # SQLite's own arithmetic makes 17 digits exact only where the power of ten is not large
    "printf(CASE WHEN abs({0}) BETWEEN 1e-30 AND 1e30 THEN '%!.17g' ELSE '%!.20g' END, {0}) END"
)
_BLOB = "'\"' || lower(hex({0})) || '\"'"


def json_of(field: AnyField, value: str) -> str:
    """Return the SQL expression of a field's JSON; `value` is the SQL of what its column holds."""
    kind = recorded_kind(field)
    if kind == "decimal":
        return _decimal(value, getattr(field, "decimal_places", None) or 0)
    return _ENCODERS[kind](value)


def native_way(field: AnyField) -> str | None:
    """Return how eventfold_row_json (row_json.hpp) writes a field's value; None: only the SQL above can."""
    kind = recorded_kind(field)
    if kind == "decimal":
        return f"d{getattr(field, 'decimal_places', None) or 0}"
    if kind == "datetime":
        return "z" if settings.USE_TZ else "t"
    return {"real": "r", "boolean": "b", "uuid": "u", "json": None}.get(kind, "=")


def _otherwise(value: str, *cases: tuple[str, str]) -> str:
    """An expression for the storage classes that are expected, then those that are not."""
    wanted = dict(cases)
    rest = {
        "null": "'null'",
        "text": f"json_quote({value})",
        "integer": value,
        "real": _REAL.format(value),
        "blob": _BLOB.format(value),
    }
    order = [*wanted, *(name for name in rest if name not in wanted)]
    branches = " ".join(f"WHEN '{name}' THEN {wanted.get(name, rest[name])}" for name in order)
    return f"CASE typeof({value}) {branches} END"


def _plain(first: str) -> Callable[[str], str]:
    """For kinds whose JSON is what any value of that storage class has."""

    def encode(value: str) -> str:
        return _otherwise(value, (first, value if first == "integer" else f"json_quote({value})"))

    return encode


def _real(value: str) -> str:
    # as a float, also where the column holds a whole number
    return _otherwise(value, ("real", _REAL.format(value)), ("integer", f"{value} || '.0'"))


def _boolean(value: str) -> str:
    return _otherwise(value, ("integer", f"CASE {value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE {value} END"))


def _decimal(value: str, places: int) -> str:
    fixed = f"printf('\"%.{places}f\"', {value})"
    return _otherwise(
        value,
        ("integer", fixed),
        ("real", f"CASE WHEN abs({value}) < 1e15 THEN {fixed} ELSE {_REAL.format(value)} END"),
    )


def _datetime(value: str) -> str:
    zone = " || 'Z'" if settings.USE_TZ else ""
    return _otherwise(value, ("text", f"json_quote(replace({value}, ' ', 'T'){zone})"))


def _uuid(value: str) -> str:
    dashed = " || '-' || ".join(
        f"substr({value}, {start}, {size})" for start, size in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    )
    return _otherwise(
        value, ("text", f"CASE length({value}) WHEN 32 THEN json_quote({dashed}) ELSE json_quote({value}) END")
    )


def _json(value: str) -> str:
    return _otherwise(value, ("text", f"CASE WHEN json_valid({value}) THEN json({value}) ELSE json_quote({value}) END"))


_ENCODERS: dict[str, Callable[[str], str]] = {
    "text": _plain("text"),
    "integer": _plain("integer"),
    "real": _real,
    "boolean": _boolean,
    "date": _plain("text"),
    "time": _plain("text"),
    "datetime": _datetime,
    "duration": _plain("integer"),
    "uuid": _uuid,
    "json": _json,
    "binary": _plain("text"),
}
