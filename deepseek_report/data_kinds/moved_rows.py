"""The model asked about rows in which one column takes other values."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.protocols.classifier import AnswersMoves, Classifier
from deepseek_report.data_kinds.coalitions import MOST_CELLS


class MovedRows:
    """Answers for rows (row, column) in which one column takes other values."""

    def __init__(self, classifier: Classifier, rows: Floats) -> None:
        self.classifier, self.rows = classifier, rows
        self._answer = (
            classifier.moving(rows) if isinstance(classifier, AnswersMoves) else self._of_rows
        )

    def probabilities(self, which: Ints, columns: Ints, values: Floats) -> Floats:
        """(probe, class) probabilities, or the number.

        Parameters
        ----------
        which : array
            (probe,) positions of rows.
        columns : array
            (probe,) the column that is moved.
        values : array
            (probe,) its value, in original units.
        """
        size = max(1, MOST_CELLS // self.rows.shape[1])
        starts = range(0, max(len(which), 1), size)
        parts = (slice(start, start + size) for start in starts)
        return np.concatenate([self._answer(which[p], columns[p], values[p]) for p in parts])

    def _of_rows(self, which: Ints, columns: Ints, values: Floats) -> Floats:
        changed = self.rows[which]
        changed[np.arange(len(which)), columns] = values
        return self.classifier.probabilities(changed)
