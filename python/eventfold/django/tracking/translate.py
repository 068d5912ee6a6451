"""What `@translate` declares: domain events that follow from changes of a field."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured

from eventfold.django.declared import table_model
from eventfold.django.events import Event
from eventfold.django.tracking import registry
from eventfold.django.tracking.registry import tracked_fields
from eventfold.errors import EventfoldError

Translator = Callable[[Any, Any, Any], "Event | Iterable[Event] | None"]


class TranslationError(EventfoldError):
    """A @translate function failed; the write that it was called for is taken back."""


@dataclass(frozen=True)
class Translation:
    """One function, and the tracked field whose changes it is given."""

    model: Any
    field: Any
    function: Translator

    @property
    def label(self) -> str:
        """The field's full name, "books.Book.borrowed_by"."""
        return f"{self.model._meta.label}.{self.field.name}"

    @property
    def function_name(self) -> str:
        """For messages."""
        return _name_of(self.function)


_declared: dict[tuple[str, str], Translator] = {}


def translate(model: Any, field: str) -> Callable[[Translator], Translator]:
    """Make domain events out of changes of a tracked model's field: `@translate(Book, "borrowed_by")`.

    The function is called with (object, old, new) after each statement that changed the field, in the statement's
    transaction, once for each row and in order; after an insert with None and the value, unless that is None. It
    returns a new event, several, or None. `object` is an instance of the model of which only the primary key is
    loaded; of a foreign key, `old` and `new` are such instances too. An exception in the function takes the write
    back, and is raised as TranslationError.

    `model` may be a label, "books.Book". Raises ImproperlyConfigured if the field has another function already. That
    the model is tracked, and the field recorded, is looked at when all models are loaded.
    """
    if not isinstance(field, str):
        raise ImproperlyConfigured('translate() takes the name of a field: @translate(Book, "borrowed_by")')

    def declare(function: Translator) -> Translator:
        key = (registry.label_of(model), field)
        other = _declared.get(key)
        if other is not None and _name_of(other) != _name_of(function):
            raise ImproperlyConfigured(
                f"{key[0]}.{field} is translated by {_name_of(other)} already, so not by {_name_of(function)} too: let "
                "one function return the events of both"
            )
        _declared[key] = function
        forget()
        return function

    return declare


def untranslate(model: Any, field: str) -> None:
    """Forget what @translate said of a field; for tests."""
    _declared.pop((registry.label_of(model), field), None)
    forget()


@cache
def translations() -> tuple[Translation, ...]:
    """Return what is declared, in that order. Raises ImproperlyConfigured for what cannot be translated."""
    return tuple(_resolve(label, name, function) for (label, name), function in _declared.items())


def faults() -> list[str]:
    """Return what is wrong with each translation that cannot be."""
    found = []
    for (label, name), function in _declared.items():
        try:
            _resolve(label, name, function)
        except ImproperlyConfigured as error:
            found.append(str(error))
    return found


def translates() -> bool:
    """Whether anything is translated."""
    return bool(_declared)


def forget() -> None:
    """Look again: classes have changed."""
    from eventfold.django.tracking import follow, translated

    translations.cache_clear()
    translated.forget()
    follow.forget()


def _resolve(label: str, name: str, function: Translator) -> Translation:
    said = f'@translate({label}, "{name}") of {_name_of(function)}'
    try:
        model = table_model(label)
        field = model._meta.get_field(name)
    except (LookupError, ValueError, FieldDoesNotExist) as error:
        raise ImproperlyConfigured(f"{said}: {error}") from error
    tracking = registry.tracking_of(model)
    if tracking is None:
        raise ImproperlyConfigured(f"{said}: {label} is not tracked; track() it first")
    if field.model._meta.concrete_model is not model:
        raise ImproperlyConfigured(f"{said}: {name} is a field of {field.model._meta.label}, translate it there")
    if name in tracking.mask:
        raise ImproperlyConfigured(f"{said}: its values are masked, so there is nothing to translate")
    if field not in tracked_fields(model, tracking):
        raise ImproperlyConfigured(f"{said}: {name} is not recorded")
    if field.primary_key:
        raise ImproperlyConfigured(f"{said}: a primary key does not change; another key is another row")
    return Translation(model, field, function)


def _name_of(function: Any) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', type(function).__name__)}"
