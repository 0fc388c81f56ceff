"""Words for pictures: labels that come from data, made harmless and short enough."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.rounding import bounded
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.wording.words import Wording

# --- What pictures say in messages: their titles, alternative texts and how to read them ----------


def caption(name: str, /, **values: object) -> Message:
    """The text `pictures.<name>` of the catalogs, its numbers plain: NaN becomes None.

    The value `unit` is made short and printable, since it may come from somebody's data.
    """
    if isinstance(unit := values.get("unit"), str):
        values |= {"unit": unit_label(unit)}
    return message(f"pictures.{name}", **{key: _plain(value) for key, value in values.items()})


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(inside) for key, inside in value.items()}
    return [_plain(inside) for inside in value] if isinstance(value, list | tuple) else value


def attribution(value: float | None, space: OutputSpace) -> dict[str, object]:
    """An attribution with the space that it counts in, as `NumberFormat.attribution` writes it."""
    return {"value": None if value is None else float(value), "space": space}


def player(label: object, schema: Schema) -> Text:
    """A player inside a sentence: a feature by its label, others as `the window steps 1–10`."""
    return caption(f"common.player.{kind_of(schema).name}", label=spoken(label))


def change(space: OutputSpace, class_name: str, unit: str | None) -> Message:
    """What attributions say: by how much an output changed, in the unit of their space.

    class_name : the class explained, or the name of the predicted number; unit : of that number.
    """
    known = space if space in {"probability", "logit", "value"} else "none"
    return caption(f"common.change.{known}", class_name=class_name, unit=unit or "")


# --- Numbers that several pictures choose or label in the same way --------------------------------


def in_unit(text: str, unit: str | None, words: Wording) -> str:
    """An axis label with the unit: `error, in points`."""
    if not unit:
        return short(text, 60)
    return words.text("pictures.common.in_unit", text=short(text, 60), unit=unit_label(unit))


def evenly(values: Floats, most: int) -> Ints:
    """At most so many positions, evenly over the order of the values, with both ends."""
    return np.asarray(np.argsort(values, kind="stable")[spaced(len(values), most)])


def spaced(n: int, most: int) -> Ints:
    """At most so many of the positions of n things, evenly spaced, with both ends."""
    return np.linspace(0, n - 1, min(most, n)).round().astype(np.int64)


# --- Words for pictures: labels that come from data, made harmless and short enough ---------------

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
