"""What the log knows of a type's fields, kept in `eventfold_type.fields`, for events recorded before they changed.

    {"title": ["name"], "branch": [], "@defaults": {"branch": "main"}, "@kinds": {"title": ["text"], ...},
     "@slots": {"title": 2}, "@removed": {"colour": {"keys": ["color"], "kinds": ["text"]}}}

A field's list holds the keys that it had before it was renamed, latest first. Nothing is remembered for a change that
no recorded event has seen.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from eventfold.django.kinds import AnyField, json_key, kind_of


@dataclass
class TypeFields:
    """The fields of one event type on one database."""

    former_keys: dict[str, list[str]] = field(default_factory=dict)
    """By field name; every field that the view shows is in it."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """JSON value, by field name, that events without the field show: its default when it was added."""
    kinds: dict[str, list[str]] = field(default_factory=dict)
    """Kinds, by field name, that recorded events may have it in; the present one is last."""
    slots: dict[str, int] = field(default_factory=dict)
    """Slot columns, by field name, as they are filled at present."""
    removed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was known of fields that were removed, so that one that comes back finds its old values."""

    @classmethod
    def load(cls, text: str) -> "TypeFields":
        """Read the JSON of `eventfold_type.fields`."""
        known = json.loads(text or "{}")
        return cls(
            former_keys={name: keys for name, keys in known.items() if not name.startswith("@")},
            defaults=known.get("@defaults", {}),
            kinds=known.get("@kinds", {}),
            slots=known.get("@slots", {}),
            removed=known.get("@removed", {}),
        )

    def dump(self) -> str:
        """Return the JSON of `eventfold_type.fields`."""
        known: dict[str, Any] = dict(self.former_keys)
        for name, value in (
            ("@defaults", self.defaults),
            ("@kinds", self.kinds),
            ("@slots", self.slots),
            ("@removed", self.removed),
        ):
            if value:
                known[name] = value
        return json.dumps(known, ensure_ascii=False, separators=(",", ":"))

    def keys(self, name: str) -> list[str]:
        """Return the keys in `data` under which events may hold a field, latest first."""
        return [name, *self.former_keys.get(name, [])]

    def keys_of_others(self, name: str) -> dict[str, str]:
        """Return the former keys of all fields but this one, each with the field that it belongs to."""
        return {key: other for other, keys in self.former_keys.items() if other != name for key in keys}

    def rename(self, old: str, new: str) -> None:
        """A field takes another name; events that are recorded keep the key they have."""
        keys = [key for key in self.keys(old) if key != new]
        self.former_keys.pop(old, None)
        self.former_keys[new] = keys
        everywhere: tuple[dict[str, Any], ...] = (self.defaults, self.kinds, self.slots)
        for known in everywhere:
            if old in known:
                known[new] = known.pop(old)

    def remove(self, name: str) -> None:
        """A field goes."""
        known = {"keys": self.former_keys.pop(name, []), "kinds": self.kinds.pop(name, [])}
        if name in self.defaults:
            known["default"] = self.defaults.pop(name)
        self.slots.pop(name, None)
        self.removed[name] = known

    def add(self, model_field: AnyField, default: Any) -> None:
        """A field is added, or comes back; `default` is the JSON value that events without it show."""
        name = json_key(model_field)
        known = self.removed.pop(name, {})
        self.former_keys[name] = known.get("keys", [])
        self.kinds[name] = known.get("kinds", [])
        if default is None:
            default = known.get("default")
        if default is not None:
            self.defaults[name] = default
        self.become(name, kind_of(model_field))

    def become(self, name: str, kind: str) -> None:
        """A field is of this kind from now on."""
        self.kinds[name] = [*(known for known in self.kinds.get(name, []) if known != kind), kind]

    def restart(self, kinds: dict[str, str]) -> None:
        """Forget the past: no event is recorded, and these are the fields, by name, with their kinds."""
        self.former_keys = {name: [] for name in kinds}
        self.kinds = {name: [kind] for name, kind in kinds.items()}
        self.defaults.clear()
        self.removed.clear()
