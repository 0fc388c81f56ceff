"""Which rows are alike in what is predicted, so that every part of a split gets its share."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.split import Split

#: A number is cut into at most so many bands of equal size, with at least so many rows each.
BANDS, FEWEST_IN_BAND = 10, 10
#: Combinations of labels with fewer rows are joined with those that share the reported label.
FEWEST_OF_COMBINATION = 30


def strata_of(rows: Split) -> Ints:
    """(instance,) classes as they are, a number in bands of equal size, combinations of labels."""
    if rows.all_labels is not None:
        return _combinations(rows.labels, rows.all_labels)
    if np.issubdtype(rows.labels.dtype, np.floating):
        return bands(rows.labels)
    return np.asarray(rows.labels, dtype=np.int64)


def bands(values: Floats, most: int = BANDS) -> Ints:
    """(instance,) position of the band of each value; equal values are in the same band."""
    n = max(1, min(most, len(values) // FEWEST_IN_BAND))
    edges = np.unique(np.quantile(values, np.arange(1, n) / n))
    places = np.searchsorted(edges, values, side="right")
    return np.unique(places, return_inverse=True)[1].astype(np.int64)


def _combinations(reported: Ints, all_labels: Ints) -> Ints:
    """The combinations with enough rows, the rest by the reported label alone."""
    each = np.unique(all_labels, axis=0, return_inverse=True)[1].ravel()
    rare = np.bincount(each)[each] < FEWEST_OF_COMBINATION
    pooled = np.where(rare, reported - 2, each)  # −2 and −1: rare, without and with the label
    return np.unique(pooled, return_inverse=True)[1].astype(np.int64)
