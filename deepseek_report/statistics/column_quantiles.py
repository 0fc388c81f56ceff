"""Quantiles of many columns at once, of which each may lack some rows."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats


def column_quantiles(values: Floats, shares: Floats) -> Floats:
    """(share, column) quantiles of what is known of each column, as `numpy.quantile` has them; of
    a column without any the quantiles of one 0.

    values : (row, column), at least one row; what is not finite is not known.
    shares : (share,) in [0, 1].

    >>> column_quantiles(np.array([[1.0, np.nan], [5.0, 2.0], [2.0, np.nan]]), np.array([0.25, 1]))
    array([[1.5, 2. ],
           [5. , 2. ]])
    """
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    ordered = np.sort(np.where(known, values, np.inf), axis=0)
    ordered[:, counts == 0] = 0.0
    at = shares[:, None] * (np.maximum(counts, 1) - 1)
    below = np.floor(at).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(counts, 1) - 1)
    low, high = (np.take_along_axis(ordered, rows, axis=0) for rows in (below, above))
    part, rise = at - below, high - low
    return np.asarray(np.where(part >= 0.5, high - rise * (1 - part), low + rise * part))
