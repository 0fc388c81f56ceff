"""Words for pictures: labels that come from data, made harmless and short enough."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

from deepseek_report.artifacts.bounds import bounded
from deepseek_report.artifacts.numbers import MINUS, interval, number, percent
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of

_NAMES = {"shap": "SHAP", "lime": "LIME", "intrinsic": "the model’s own account"}


def clean(text: object) -> str:
    """One line without control, formatting and unassigned characters; markup stays as it is.

    What escapes `<` and `&` is the SVG writer; mathematics is switched off in `style`.
    """
    spaced = "".join(" " if one in "\n\r\t" else one for one in bounded(str(text)))
    kept = "".join(one for one in spaced if not unicodedata.category(one).startswith("C"))
    return kept.strip() or "(no name)"


def short(text: object, most: int = 40) -> str:
    """The text, cut with an ellipsis after `most` columns."""
    line = clean(text)
    if columns(line) <= most:
        return line
    return line[: _characters(line, most - 1)].rstrip() + "…"


def spoken(text: object) -> str:
    """The text as it stands in a title or an alternative text."""
    return short(text, 60)


def wrapped(text: object, width: int = 26, lines: int = 2) -> str:
    """The text on at most `lines` lines of `width` columns; the last one is cut if it must be."""
    rest = clean(text)
    found: list[str] = []
    while len(found) < lines - 1 and columns(rest) > width:
        fitting = _fitting(rest, width)
        found.append(rest[:fitting].rstrip())
        rest = rest[fitting:].lstrip()
    return "\n".join([*found, short(rest, width)] if rest else found)


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
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def extent(texts: Sequence[str], size: float = 9.0) -> float:
    """Inches that the longest line of the texts takes; a little more than it really does."""
    longest = max((columns(line) for text in texts for line in text.split("\n")), default=0)
    return longest * 0.6 * size / 72


def player(label: object, schema: Schema) -> str:
    """A player inside a sentence: a feature by its label, others as `the window steps 1–10`."""
    return kind_of(schema).with_noun(spoken(label))


def named(explainer: str) -> str:
    """The name of an explainer for people: `integrated gradients`, `SHAP`."""
    return _NAMES.get(explainer, clean(explainer.replace("_x_", " × ").replace("_", " ")))


def surely_positive(low: float | None) -> bool:
    """Whether an interval lies above zero; a missing one does not."""
    return low is not None and low > 0


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def known(*values: float | None) -> bool:
    """Whether all the values are there and finite."""
    return all(value is not None and math.isfinite(value) for value in values)


def setting(value: float) -> str:
    """A number that somebody set, such as a threshold, without trailing zeros: `0.31`."""
    return f"{value:.3g}".replace("-", MINUS)


def with_interval(value: float, low: float | None, high: float | None) -> str:
    """`0.772 (0.760–0.784)`, or the bare number where there is no interval."""
    if low is None or high is None or not known(low, high):
        return number(value)
    return f"{number(value, low, high)} ({interval(low, high)})"


def percent_with_interval(value: float, low: float | None, high: float | None) -> str:
    """`88.5 % (87.4–89.5 %)`, or the bare percentage where there is no interval."""
    if low is None or high is None or not known(low, high):
        return percent(value)
    return f"{percent(value, low, high)} ({interval(low, high, as_percent=True)})"
