"""The model asked about rows in which a few columns take other values."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.protocols.classifier import AnswersMoves, Classifier
from deepseek_report.data_kinds.coalitions import in_parts


class MovedRows:
    """Answers for rows (row, column) in which a few columns take other values."""

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
            (probe, cell) the columns that are moved, none twice in a probe.
        values : array
            (probe, cell) their values, in original units.
        """
        return in_parts(self._answer, self.rows.shape[1], which, columns, values)

    def _of_rows(self, which: Ints, columns: Ints, values: Floats) -> Floats:
        changed = self.rows[which]
        np.put_along_axis(changed, columns, values, axis=1)
        return self.classifier.probabilities(changed)
