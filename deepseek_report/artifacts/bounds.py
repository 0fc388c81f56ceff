"""How much of a text that comes from data is shown: whatever its length, it costs the same."""

from __future__ import annotations

from typing import Any

#: The most characters of a label that are drawn, told or measured: some three printed lines.
LABEL = 400
#: The most characters of a text in a sentence or a cell of a table: about a printed page.
TEXT = 2000


def bounded(text: str, most: int = LABEL) -> str:
    """The text, cut with an ellipsis after `most` characters; what comes after is never read."""
    return text if len(text) <= most else text[: most - 1] + "…"


def bounded_texts(value: Any) -> Any:
    """A text, or each text of a list, cut to a page; everything else, markup too, as it is."""
    if _is_plain(value):
        return bounded(value, TEXT)
    if isinstance(value, list):
        return [bounded(item, TEXT) if _is_plain(item) else item for item in value]
    return value


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and not hasattr(value, "__html__")
