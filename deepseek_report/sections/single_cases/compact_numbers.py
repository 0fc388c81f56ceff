"""Numbers as a page stores them: few digits, and nothing that is no number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

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
