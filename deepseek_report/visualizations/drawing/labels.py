"""Words for pictures: labels that come from data, made harmless and short enough."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

from deepseek_report.artifacts.rounding import bounded

#: Stands for a name without any sign that can be shown.
NAMELESS = "—"


def clean(text: object) -> str:
    """One line without control, formatting and unassigned characters; markup stays as it is.

    What escapes `<` and `&` is the SVG writer; mathematics is switched off in `style`.
    """
    spaced = "".join(" " if sign in "\n\r\t" else sign for sign in bounded(str(text)))
    kept = "".join(sign for sign in spaced if not unicodedata.category(sign).startswith("C"))
    return kept.strip() or NAMELESS


def short(text: object, most: int = 40) -> str:
    """The text, cut with an ellipsis after `most` columns."""
    line = clean(text)
    if columns(line) <= most:
        return line
    return line[: _characters(line, most - 1)].rstrip() + "…"


def spoken(text: object) -> str:
    """The text as it stands in a title or an alternative text."""
    return short(text, 60)


def unit_label(unit: str | None) -> str:
    """The unit of somebody's data as it stands behind a number; empty where there is none."""
    return short(unit, 20) if unit else ""


def wrapped(text: object, width: int = 26, lines: int = 2) -> str:
    """The text on at most `lines` lines of `width` columns; the last one is cut if it must be."""
    rest = clean(text)
    written: list[str] = []
    while len(written) < lines - 1 and columns(rest) > width:
        fitting = _fitting(rest, width)
        written.append(rest[:fitting].rstrip())
        rest = rest[fitting:].lstrip()
    return "\n".join([*written, short(rest, width)] if rest else written)


def _fitting(text: str, width: int) -> int:
    """How many characters fit: up to the last space, or up to the edge where there is none."""
    most = _characters(text, width)
    space = text.rfind(" ", 0, most + 1)
    return space if space > most // 3 else most


def _characters(text: str, width: int) -> int:
    """How many of the first characters take at most `width` columns."""
    taken = 0
    for place, character in enumerate(text):
        taken += columns(character)
        if taken > width:
            return place
    return len(text)


def columns(text: str) -> int:
    """Columns that the text takes: two for a wide (Chinese, Japanese, Korean) character."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def extent(texts: Sequence[str], size: float = 9.0) -> float:
    """Inches that the longest line of the texts takes; a little more than it really does."""
    longest = max((columns(line) for text in texts for line in text.split("\n")), default=0)
    return longest * 0.6 * size / 72


def known(*values: float | None) -> bool:
    """Whether all the values are there and finite."""
    return all(value is not None and math.isfinite(value) for value in values)
