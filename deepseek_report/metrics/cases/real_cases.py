"""How far a row is from real cases of a class."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds.reference import gower_distances, ranges

#: Training rows of a class that are looked at, and those whose own distances say what is usual.
_MOST_ROWS, _JUDGED_ROWS = 1000, 100
#: This share of real cases lies within the usual distance.
_USUAL = 0.95


class RealCases:
    """Training rows by class, and the mean Gower distance to the nearest of them.

    train : (row, feature). labels : (row,) class. near : over how many nearest rows the mean goes.
    """

    def __init__(self, train: Floats, labels: Ints, schema: Schema, near: int) -> None:
        self.schema, self.near = schema, near
        self.scale = ranges(train, schema)
        self._train, self._labels = train, labels
        self._rows: dict[int, Floats] = {}
        self._usual: dict[int, float] = {}

    def distance(self, row: Floats, label: int) -> float:
        """Mean distance in [0, 1] of the row (feature,) to the nearest cases of the class.

        0 where the class has no training row: then nothing is known to be far from it.
        """
        return self._mean(row, self._of(label), 0)

    def usual(self, label: int) -> float:
        """The distance within which 95 % of the cases of the class have their nearest others."""
        if label not in self._usual:
            rows = self._of(label)
            judged = rows[_evenly(len(rows), _JUDGED_ROWS)]
            own = [self._mean(row, rows, 1) for row in judged]
            self._usual[label] = float(np.quantile(own, _USUAL)) if own else 0.0
        return self._usual[label]

    def _of(self, label: int) -> Floats:
        if label not in self._rows:
            rows = self._train[self._labels == label]
            self._rows[label] = rows[_evenly(len(rows), _MOST_ROWS)]
        return self._rows[label]

    def _mean(self, row: Floats, rows: Floats, itself: int) -> float:
        """Over the nearest rows, without the first where the row is one of them."""
        if len(rows) <= itself:
            return 0.0
        distances = np.sort(gower_distances(rows, row, self.scale, self.schema))
        return float(distances[itself : itself + self.near].mean())


def _evenly(n: int, most: int) -> Ints:
    """At most so many positions below n, evenly spread."""
    return (
        np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))
        if n
        else (np.zeros(0, dtype=np.int64))
    )
