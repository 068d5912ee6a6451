"""Values of columns, on a line."""

import json
from typing import Any

_LONGEST = 60


def shown(value: Any) -> str:
    """Return a value as JSON, bytes as SQL has them, cut where it is long."""
    text = f"x'{value.hex()}'" if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
