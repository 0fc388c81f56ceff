"""The model asked about an instance of which only some players are kept."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.protocols.classifier import AnswersMixtures, Classifier
from deepseek_report.data_kinds.distinct import each_once

#: Numbers in one call of the model, so that a wide table or a long series does not fill the memory.
MOST_CELLS = 2**22


class Coalitions:
    """Answers for one instance where the columns of players that are not kept are a reference's.

    row : (column,) the instance. owners : (column,) its player. references : (reference, column).
    """

    def __init__(
        self, classifier: Classifier, row: Floats, owners: Ints, references: Floats
    ) -> None:
        self.classifier, self.row, self.owners = classifier, row, owners
        self.references = references
        self._answer = (
            classifier.mixing(row, references, owners)
            if isinstance(classifier, AnswersMixtures)
            else self._of_rows
        )

    def probabilities(self, kept: Bools, which: Ints | None = None) -> Floats:
        """(coalition, class) probabilities, or the number.

        Parameters
        ----------
        kept : array
            (coalition, player).
        which : array or None
            (coalition,) the reference that it is compared with; None: the first.
        """
        which = np.zeros(len(kept), dtype=np.int64) if which is None else which
        size = max(1, MOST_CELLS // len(self.row))
        starts = range(0, max(len(kept), 1), size)
        parts = [self._answer(kept[at : at + size], which[at : at + size]) for at in starts]
        return np.concatenate(parts)

    def _of_rows(self, kept: Bools, which: Ints) -> Floats:
        rows = np.where(kept[:, self.owners], self.row, self.references[which])
        return each_once(self.classifier.probabilities, rows)
