"""A read model in words: what the core was told to do, and what it leaves to Python."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connections

from eventfold import _core
from eventfold.django.event_views import table_names
from eventfold.django.projectors import kept_together, projectors_of
from eventfold.django.read_model_state import hash_for, state_of
from eventfold.django.read_models import label_of
from eventfold.django.registry import known_fields
from eventfold.django.replay import is_projected
from eventfold.django.specification import as_text, specification

_OPERATIONS = {
    "count": "number of",
    "sum": "sum of",
    "min": "least",
    "max": "greatest",
    "first": "first",
    "latest": "latest",
    "list": "last {limit} of",
    "set": "different values, the least {limit}, of",
    "histogram": "count of each",
    "distinct": "number of different values of",
    "top": "greatest {limit} of",
}
_SAID = {"column", "kind", "places", "op", "from", "cleared_by", "initial", "limit", "trunc"}
_TESTS = {"exact": "=", "in": "in", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_LIFECYCLES = {
    "inline": "Kept inline: right when the append of an event returns, in the same transaction.",
    "async": "Kept by `manage.py events follow`: right soon after the append.",
    "live": "Stored nowhere: folded by each connection when a statement asks for it.",
}


def explain(model: Any, alias: str) -> Iterator[str]:
    """Yield lines on how the rows of a read model are made on a database."""
    yield f"{model._meta.label}, the table {model._meta.db_table}"
    yield from _projection(model, alias) if is_projected(model) else _projectors(model)
    yield f"Hash: {hash_for(model, alias)}"
    yield _standing(model, alias)


def _projection(model: Any, alias: str) -> Iterator[str]:
    spec = specification(model, connections[alias], known_fields(alias))
    names = {field.column: field.name for field in model._meta.concrete_fields}
    yield f"  {_LIFECYCLES[model.projection.lifecycle]}"
    yield _keys(spec, names)
    yield "Columns:"
    width = max((len(names[column["column"]]) for column in spec["columns"]), default=0)
    for column in spec["columns"]:
        yield f"  {names[column['column']]:{width}}  {column_in_words(column, bool(spec['handlers']))}"
    if counting := [names[column["column"]] for column in spec["columns"] if column["op"] == "distinct"]:
        where = "a temporary table" if spec.get("temporary") else "the table eventfold_distinct"
        yield f"Kept beside the rows, in {where}: the values that {_and(counting)} count{'s' * (len(counting) == 1)}"
    for lookup in spec.get("lookups", ()):
        (made, *_) = lookup["projection"]["columns"]
        where = "a temporary table" if spec.get("temporary") else "the table eventfold_lookup"
        yield f"Looked up as of each event: {lookup['name']}, {column_in_words(made, False)}"
        yield f"  a copy for this read model is kept in {where}"
    if spec["delete_on"]:
        yield f"Row deleted by: {_or(_selections(spec['delete_on']))}"
    yield "Events:"
    for label, fields in spec["events"].items():
        own = [_field(name, described) for name, described in fields.items() if "value" not in described]
        yield f"  {label}: {', '.join(own) or 'no field'}"
    yield from _python(model, spec)
    yield from _threads(spec, names)


def _keys(spec: dict[str, Any], names: dict[str, str]) -> str:
    made = [
        described[part["field"]]["value"]
        for part in spec["key"]
        for described in spec["events"].values()
        if "value" in described.get(part["field"], {})
    ]
    keys = _and([_key(names[part["column"]], part) for part in spec["key"]])
    if len(spec["key"]) == 1 and made and made[0][0] == "value":
        return f"Key: always {spec['key'][0]['field']}, in {names[spec['key'][0]['column']]}: one row of all"
    of_what = "element of a list of each event" if any(map(_has_elements, made)) else "event"
    return f"Key: {keys}, of each {of_what} that is read"


def _key(name: str, part: dict[str, Any]) -> str:
    source = f"{part['trunc']} of {part['field']}" if "trunc" in part else part["field"]
    return name if source == name else f"{name} ({source})"


def _has_elements(compiled: Any) -> bool:
    return isinstance(compiled, list) and (compiled[0] == "each" or any(map(_has_elements, compiled[1:])))


def column_in_words(column: dict[str, Any], has_handlers: bool) -> str:
    """Say what a column of a specification is."""
    initial = column["initial"]
    if column["kind"] != "json" or initial is None:
        initial = _json(initial)
    begins = f"begins as {initial}"
    if column["op"] == "handler":
        words = f"set in Python; {begins}" if has_handlers else f"nothing sets it: always {initial}"
    else:
        operation = _OPERATIONS.get(column["op"], f"{column['op']} of").format(limit=column.get("limit"))
        words = f"{operation} {_sources(column['from'], column.get('trunc'))}; {begins}"
    if column["cleared_by"]:
        words += f", and again with each {_or(_selections(column['cleared_by']))}"
    for name in sorted(column.keys() - _SAID):
        words += f"; {name} {_json(column[name])}"
    return words


def _sources(sources: list[list[Any]], trunc: str | None = None) -> str:
    """Of [type, field], or [type, field, {"filter": condition, "sign": -1, "constant": 1, "label": "title"}]."""
    by_field: dict[str | None, list[tuple[str, Any]]] = {}
    for label, name, *more in sources:
        options = more[0] if more else {}
        if name is None and "constant" in options:
            name = f"{options['constant']} for each"
        elif name is not None:
            name = f"{'less ' if options.get('sign') == -1 else ''}{f'{trunc} of ' if trunc else ''}{name} of"
        by_field.setdefault(name, []).append((label, options.get("filter")))
    said = {name: _or(_together(selections)) for name, selections in by_field.items()}
    words = _or([labels if name is None else f"{name} {labels}" for name, labels in said.items()])
    labels = {options["label"] for _, _, *more in sources for options in more if "label" in options}
    return words + "".join(f", each with its {label}" for label in labels)


def _together(selections: list[tuple[str, Any]]) -> Iterator[str]:
    """Types and their conditions, one said once for all that have it, as those of a pattern do."""
    by_condition: dict[str, tuple[Any, list[str]]] = {}
    for label, condition in selections:
        by_condition.setdefault(_json(condition), (condition, []))[1].append(label)
    for condition, labels in by_condition.values():
        if condition is None or len(labels) < 3:
            yield from (_selection(label, condition) for label in labels)
        else:
            yield f"{_and(labels)}, each where {_condition(condition)}"


def _selections(selections: list[Any]) -> list[str]:
    """Of types, or [type, condition]."""
    return [_selection(each) if isinstance(each, str) else _selection(*each) for each in selections]


def _selection(label: str, condition: Any = None) -> str:
    return label if condition is None else f"{label} where {_condition(condition)}"


def _condition(condition: list[Any]) -> str:
    test, *parts = condition
    if test in ("and", "or"):
        return f" {test} ".join(
            f"({_condition(part)})" if part[0] in ("and", "or") else _condition(part) for part in parts
        )
    if test == "not":
        return f"not ({_condition(parts[0])})"
    name, value = parts
    if test == "isnull":
        return f"{name} is {'' if value else 'not '}null"
    return f"{name} {_TESTS.get(test, test)} {_json(value)}"


def _field(name: str, described: dict[str, Any]) -> str:
    notes = [f"formerly {_and(described['keys'][1:])}"] if len(described["keys"]) > 1 else []
    if "default" in described:
        notes.append(f"{_json(described['default'])} where it is missing")
    elif described.get("sparse"):
        notes.append("if it changed")
    if described.get("mixed"):
        notes.append(f"null where it was recorded as no {described['kind']}")
    return f"{name} ({'; '.join(notes)})" if notes else name


def _python(model: Any, spec: dict[str, Any]) -> Iterator[str]:
    if not spec["handlers"]:
        yield "Run natively: all of it"
        return
    native = [column for column in spec["columns"] if column["op"] != "handler"]
    yield f"Run natively: {'the operations, before Python' if native else 'reading the log and finding the row'}"
    if spec.get("batched"):
        yield "Run in Python, with many events at once, where it may set the columns that no operation fills:"
    else:
        yield "Run in Python, where it may set any column:"
    for handler in model.projection.handlers:
        yield f"  {handler.method.__name__}, for each {_or([label_of(event) for event in handler.events])}"


def _threads(spec: dict[str, Any], names: dict[str, str]) -> Iterator[str]:
    """What may be folded apart is the core's to say: it is asked about each column alone."""
    reasons = []
    if spec["handlers"]:
        reasons.append("Python is called in the order of the log")
    if "lookups" in spec:
        reasons.append("rows are looked up as they were before each event")
    for column in spec["columns"] if "lookups" not in spec else ():
        if not _core.mergeable(as_text({**spec, "columns": [column], "handlers": []})):
            floats = column["op"] == "sum" and column["kind"] == "real"
            why = "is a sum of floats, whose last bit" if floats else "is of a kind that"
            reasons.append(f"{names[column['column']]} {why} depends on the order of the events")
    if reasons:
        yield "Replayed in one piece, on one thread:"
        for reason in reasons:
            yield f"  {reason}"
    else:
        yield "Replayed on several threads: ranges of the log are folded apart, and joined"
        sums = [names[column["column"]] for column in spec["columns"] if column["op"] == "sum"]
        if sums:
            yield f"  in one piece all the same, where {_or(sums)} meets a float or comes near the largest number"


def _projectors(model: Any) -> Iterator[str]:
    labels, _ = kept_together(model._meta.label)
    others = [label for label in labels if label != model._meta.label]
    yield f"  {_LIFECYCLES['inline']}"
    if others:
        yield f"Kept together with: {_and(others)}"
    yield "Run in Python, by the ORM, for each event, in the order of the log:"
    for each in projectors_of(model):
        yield f"  {each.function.__module__}.{each.function.__qualname__}, for each {_or(list(each.events))}"
    yield "Replayed in one piece, on one thread: what they do is not known to the core"


def _standing(model: Any, alias: str) -> str:
    if model._meta.db_table not in table_names(connections[alias]):
        return f"Rows: it has no table yet: run `manage.py migrate --database {alias}`"
    if is_projected(model) and model.projection.lifecycle == "live":
        return "Rows: as the log has them"
    state = state_of(model, alias)
    if state.problem:
        return f"Rows: a replay is due, since {state.problem}"
    return f"Rows: made by this definition, up to position {state.position:,}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _and(words: list[str]) -> str:
    return _listed(words, "and")


def _or(words: Iterable[str]) -> str:
    return _listed(list(words), "or")


def _listed(words: list[str], last: str) -> str:
    return " ".join([", ".join(words[:-1]), last, words[-1]]) if len(words) > 1 else "".join(words)
