"""Cells of tables that people read: the text, and beside it what the column is sorted by."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.wording.numbers import NumberFormat

# --- Numbers as a page stores them: few digits, and nothing that is no number ---------------------

#: Significant digits that are kept.
_DIGITS = 5


def compact(value: float) -> float | int | None:
    """The value with five significant digits, whole where it is; None where it is no number.

    >>> compact(0.2451503), compact(3.0), compact(float("nan"))
    (0.24515, 3, None)
    """
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def compact_list(values: Any) -> Any:
    """An array of any shape as nested lists of such numbers."""
    array = np.asarray(values)
    return compact(float(array)) if array.ndim == 0 else [compact_list(part) for part in array]


# --- Cells of tables that people read: the text, and beside it what the column is sorted by -------

DASH = "–"


def share_cell(numbers: NumberFormat, key: str, estimate: Estimate) -> dict[str, Any]:
    """A share with its interval: `22.1 % (21.0–23.2 %)`."""
    return _cell(key, finite(estimate.value), numbers.share(estimate))


def value_cell(numbers: NumberFormat, key: str, estimate: Estimate) -> dict[str, Any]:
    """A number with its interval."""
    return _cell(key, finite(estimate.value), numbers.value(estimate))


def percent_cell(numbers: NumberFormat, key: str, value: Any) -> dict[str, Any]:
    """A share without an interval."""
    return _cell(key, finite(value), numbers.percent(finite(value)))


def number_cell(numbers: NumberFormat, key: str, value: Any) -> dict[str, Any]:
    """A number without an interval."""
    return _cell(key, finite(value), numbers.number(finite(value)))


def count_cell(numbers: NumberFormat, key: str, value: Any) -> dict[str, Any]:
    """A whole number with grouped digits."""
    known = finite(value)
    return _cell(key, known, DASH if known is None else numbers.count(known))


def p_cell(numbers: NumberFormat, key: str, value: Any) -> dict[str, Any]:
    """A p-value."""
    return _cell(key, finite(value), numbers.p_value(finite(value)))


def points_cell(numbers: NumberFormat, key: str, gap: Estimate | float) -> dict[str, Any]:
    """A difference of two shares in points with its sign and interval, without the unit."""
    measured = gap if isinstance(gap, Estimate) else Estimate.of(gap)
    return _cell(key, finite(measured.value), numbers.plain_points(measured))


def seconds_cell(numbers: NumberFormat, key: str, value: Any) -> dict[str, Any]:
    """A duration in seconds."""
    return _cell(key, finite(value), numbers.seconds(finite(value)))


def _cell(key: str, order: float | None, text: str) -> dict[str, Any]:
    if order is None:
        return {key: DASH}
    return {key: text, f"{key}__sort": float(f"{order:.6g}")}
