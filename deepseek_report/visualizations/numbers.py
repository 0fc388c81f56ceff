"""Numbers with their unit, as titles and axes of pictures write them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.numbers import number, points, quantity
from deepseek_report.visualizations.labels import short


def in_unit(text: str, unit: str | None) -> str:
    """An axis label with the unit: `error, in points`."""
    return f"{short(text, 60)}, in {short(unit, 20)}" if unit else short(text, 60)


def with_unit(
    value: float, unit: str | None, low: float | None = None, high: float | None = None
) -> str:
    """A number with its unit, `42.1 points`: three digits, or what its interval supports."""
    if low is None and abs(value) < 1000:
        return f"{number(value)} {unit or ''}".strip()
    return quantity(value, unit, low, high)


def effect(value: float, space: OutputSpace) -> str:
    """An attribution as a person reads it: `+3.1 points`, `−0.42`."""
    if space == "probability":
        return points(value)
    return f"{'+' if value > 0 else ''}{number(value)}"


def evenly(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """At most so many positions, evenly over the order of the values, with both ends."""
    order = np.argsort(values, kind="stable")
    places = np.linspace(0, len(order) - 1, min(most, len(order)))
    return np.asarray(order[np.unique(places.round().astype(np.int64))])
