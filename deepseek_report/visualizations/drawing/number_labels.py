"""Numbers that several pictures choose or label in the same way."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.visualizations.drawing.labels import short, unit_label
from deepseek_report.wording.words import Wording


def in_unit(text: str, unit: str | None, words: Wording) -> str:
    """An axis label with the unit: `error, in points`."""
    if not unit:
        return short(text, 60)
    return words.text("pictures.common.in_unit", text=short(text, 60), unit=unit_label(unit))


def evenly(values: Floats, most: int) -> Ints:
    """At most so many positions, evenly over the order of the values, with both ends."""
    order = np.argsort(values, kind="stable")
    places = np.linspace(0, len(order) - 1, min(most, len(order)))
    return np.asarray(order[np.unique(places.round().astype(np.int64))])
