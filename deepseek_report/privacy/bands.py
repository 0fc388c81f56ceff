"""Values of one person as bands that many share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.rounding import quantity
from deepseek_report.artifacts.schema import Feature
from deepseek_report.privacy.source import RunSource

#: Into so many bands of about equal size a number is put, where there are enough rows.
MOST_BANDS = 10
RARE = "a rare value"


def banded(source: RunSource, column: int, value: float) -> str:
    """The value of a feature as a case page may show it.

    A number becomes a band that holds at least `floor` rows of the training part, with ends of two
    digits; a category stays as it is unless it is rare.
    """
    feature = source.dataset.schema.features[column]
    if np.isnan(value):
        return "missing" if feature.name not in source.withheld.missing else RARE
    if not feature.is_numeric:
        label = feature.display(value)
        return RARE if (feature.name, label) in source.withheld.categories else label
    return _band(edges(source, column), value, feature)


def edges(source: RunSource, column: int) -> NDArray[np.float64]:
    """The inner ends of the bands of a numeric feature, ascending; none for too few rows."""
    known = source.dataset.train.inputs[:, column]
    known = known[~np.isnan(known)]
    bands = min(MOST_BANDS, len(known) // source.floor)
    if bands < 2:
        return np.zeros(0)
    marks = np.quantile(known, np.arange(1, bands) / bands)
    return _wide_enough(np.unique(list(map(_two_digits, marks))), known, source.floor)


def _wide_enough(
    marks: NDArray[np.float64], known: NDArray[np.float64], floor: int
) -> NDArray[np.float64]:
    """The marks without those that leave a band with fewer rows than the floor."""
    kept: list[float] = []
    below = 0
    for mark in marks:
        upto = int((known <= mark).sum())
        if upto - below >= floor and len(known) - upto >= floor:
            kept.append(float(mark))
            below = upto
    return np.array(kept)


def _band(marks: NDArray[np.float64], value: float, feature: Feature) -> str:
    if not len(marks):
        return "a value"
    place = int(np.searchsorted(marks, value, side="left"))
    if place == 0:
        return f"up to {quantity(float(marks[0]), feature.unit)}"
    low = quantity(float(marks[place - 1]), feature.unit)
    if place == len(marks):
        return f"over {low}"
    return f"over {low}, up to {quantity(float(marks[place]), feature.unit)}"


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")
