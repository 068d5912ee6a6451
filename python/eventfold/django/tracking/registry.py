"""Which models are tracked, and how: what `track()` and `EVENTFOLD["TRACK"]` said."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from eventfold.django.declared import table_model
from eventfold.django.kinds import AnyField


@dataclass(frozen=True)
class Tracking:
    """How a model is tracked."""

    exclude: frozenset[str] = frozenset()
    """Fields that are left out."""
    mask: frozenset[str] = frozenset()
    """Fields of which only is recorded that they changed."""

    def and_hidden(self, other: "Tracking | None") -> "Tracking":
        """Return what hides whatever either of them does."""
        return self if other is None else Tracking(self.exclude | other.exclude, self.mask | other.mask)


_declared: dict[str, Tracking] = {}
_OPTIONS = ("exclude", "mask")


def track(model: Any = None, *, exclude: Collection[str] = (), mask: Collection[str] = ()) -> Any:
    """Record every change of a model's table as an event, whoever makes it: `track(Book)`, or `@track` on the class.

    `exclude` names fields that are left out; of those in `mask` (a password) is only recorded that they changed. The
    triggers that do it are made by the next `migrate`. Raises ImproperlyConfigured for a model that has no table of its
    own to track, and for a field that it does not have.
    """
    if isinstance(exclude, str) or isinstance(mask, str):
        raise ImproperlyConfigured('track() takes field names in a list: exclude=["notes"]')
    options = Tracking(frozenset(exclude), frozenset(mask))
    if model is None:
        return lambda model: _declare(model, options)
    return _declare(model, options)


def untrack(model: Any) -> None:
    """Forget what track() said; the next `migrate` removes the triggers. What is recorded stays."""
    _declared.pop(label_of(model), None)
    forget()


def tracking_of(model: Any) -> Tracking | None:
    """Return how a model is tracked; None if it is not."""
    return _all().get(label_of(model))


def tracked_models() -> list[Any]:
    """Return the models that are tracked, and those that come with them: parents, tables of many-to-many fields.

    Raises ImproperlyConfigured for a model that cannot be.
    """
    return [table_model(label) for label in _all()]


def tracked_fields(model: Any, tracking: Tracking) -> list[AnyField]:
    """Return the fields of the model's own table that are recorded."""
    return [
        field
        for field in model._meta.local_concrete_fields
        if field.name not in tracking.exclude and not getattr(field, "generated", False)
    ]


def with_companions(model: Any, tracking: Tracking) -> Iterator[tuple[Any, Tracking]]:
    """Yield a model and those that come with it: parents of multi-table inheritance, tables of many-to-many fields.

    Excluded and masked fields belong to the model that has them.
    """
    yield from _with_parents(model, tracking)
    for field in model._meta.many_to_many:
        if field.name not in tracking.exclude:
            yield from _with_parents(field.remote_field.through, Tracking())


def _with_parents(model: Any, tracking: Tracking) -> Iterator[tuple[Any, Tracking]]:
    for concrete in dict.fromkeys((model._meta.concrete_model, *model._meta.all_parents)):
        if concrete._meta.abstract or concrete._meta.proxy:
            continue
        names = {field.name for field in concrete._meta.local_concrete_fields}
        yield concrete, Tracking(tracking.exclude & names, tracking.mask & names)


_resolved: dict[str, Tracking] | None = None


def forget() -> None:
    """Resolve anew when next asked: classes or settings have changed."""
    from eventfold.django import wildcards
    from eventfold.django.tracking import event_types, inline, translate

    global _resolved
    _resolved = None
    wildcards.forget()
    event_types.forget()
    inline.forget()
    translate.forget()


def _all() -> dict[str, Tracking]:
    global _resolved
    if _resolved is None:
        if not apps.models_ready:
            return {}
        found: dict[str, Tracking] = {}
        said: dict[str, Tracking] = {}
        for label, tracking in (*_from_settings(), *_declared.items()):
            of = _model(label, tracking)
            for model, own in with_companions(of, tracking):
                if model is of:
                    said[model._meta.label] = own
                # of what comes with several, each may hide something
                found[model._meta.label] = own.and_hidden(found.get(model._meta.label))
        _resolved = found | said  # what is said of a model itself goes before what comes with another
    return _resolved


def _from_settings() -> Iterator[tuple[str, Tracking]]:
    entries: Iterable[Any] = getattr(settings, "EVENTFOLD", {}).get("TRACK", ())
    for entry in entries:
        if isinstance(entry, str):
            yield entry, Tracking()
            continue
        if not isinstance(entry, dict) or "model" not in entry or entry.keys() - {"model", *_OPTIONS}:
            raise ImproperlyConfigured(
                'EVENTFOLD["TRACK"] has labels ("auth.User") and dicts ({"model": "auth.User", "mask": ["password"]}), '
                f"not {entry!r}"
            )
        yield entry["model"], Tracking(*(frozenset(entry.get(name, ())) for name in _OPTIONS))


def _declare(model: Any, tracking: Tracking) -> Any:
    if not isinstance(model, str):
        _refuse(model)
    _declared[label_of(model)] = tracking
    forget()
    return model


def label_of(model: Any) -> str:
    """Return the label of a model, or of the one that a proxy stands for; a label is left as it is."""
    return model if isinstance(model, str) else str(model._meta.concrete_model._meta.label)


def _model(label: str, tracking: Tracking) -> Any:
    try:
        model = table_model(label)
    except (LookupError, ValueError) as error:
        raise ImproperlyConfigured(f"{label} is to be tracked, but {error}") from error
    if model._meta.swapped:
        model = table_model(model._meta.swapped)
    model = model._meta.concrete_model
    _refuse(model)
    names = {field.name for field in model._meta.get_fields()}
    unknown = (tracking.exclude | tracking.mask) - names
    if unknown:
        raise ImproperlyConfigured(
            f"track({label}): it has no field {', '.join(sorted(unknown))}; there are {', '.join(sorted(names))}"
        )
    if model._meta.pk.name in tracking.exclude | tracking.mask:
        raise ImproperlyConfigured(f"track({label}): the primary key says which row changed; it cannot be left out")
    return model


def _refuse(model: Any) -> None:
    from eventfold.django.constants import VIEW_FEATURE
    from eventfold.django.read_models import ReadModel

    meta = model._meta
    why = None
    if meta.abstract:
        why = "is abstract: track the models that derive from it"
    elif VIEW_FEATURE in meta.required_db_features:
        why = "is an event: it is in the log already"
    elif issubclass(model, ReadModel):
        why = "is a read model: its rows follow from the log already"
    elif not meta.managed:
        why = "is not managed: eventfold makes triggers where Django makes the table"
    if why:
        raise ImproperlyConfigured(f"{meta.label} cannot be tracked: it {why}")
