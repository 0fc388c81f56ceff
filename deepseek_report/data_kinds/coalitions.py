"""The model asked about instances of which only some players are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.protocols.classifier import AnswersMixtures, Classifier
from deepseek_report.data_kinds.distinct import each_once

#: Numbers in one call of the model, so that a wide table or a long series does not fill the memory.
MOST_CELLS = 2**22
#: Columns of the instances whose terms are kept between calls.
_KEPT_CELLS = 2**19


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
        return in_parts(self._answer, len(self.owners), kept, which)

    def _of_rows(self, kept: Bools, which: Ints) -> Floats:
        rows = np.where(kept[:, self.owners], self.row, self.references[which])
        return each_once(self.classifier.probabilities, rows)


class PairedCoalitions:
    """The same for many instances, each with one reference of its own.

    inputs, references : (instance, column). owners : (column,) the player of each column.
    """

    def __init__(
        self, classifier: Classifier, inputs: Floats, owners: Ints, references: Floats
    ) -> None:
        self.classifier, self.inputs, self.owners = classifier, inputs, owners
        self.references = references
        self._known: dict[int, Coalitions] = {}

    def probabilities(self, kept: Bools, of: Ints) -> Floats:
        """(coalition, class) probabilities, or the number.

        Parameters
        ----------
        kept : array
            (coalition, player).
        of : array
            (coalition,) the instance whose players are kept.
        """
        if not isinstance(self.classifier, AnswersMixtures):
            return in_parts(self._of_rows, len(self.owners), kept, of)
        outputs = np.empty((len(of), len(self.classifier.schema.target.classes)))
        for instance in np.unique(of):
            own = of == instance
            outputs[own] = self._of_one(int(instance)).probabilities(kept[own])
        return outputs

    def _of_rows(self, kept: Bools, of: Ints) -> Floats:
        rows = np.where(kept[:, self.owners], self.inputs[of], self.references[of])
        return each_once(self.classifier.probabilities, rows)

    def _of_one(self, instance: int) -> Coalitions:
        if instance not in self._known:
            if len(self._known) * len(self.owners) >= _KEPT_CELLS:
                self._known.clear()
            pair = self.inputs[instance], self.owners, self.references[instance][None]
            self._known[instance] = Coalitions(self.classifier, *pair)
        return self._known[instance]


def in_parts(answer: Callable[..., Floats], columns: int, *questions: Any) -> Floats:
    """(question, class) answers, asked for in parts whose rows of so many columns fit the memory.

    questions : arrays or lists of one length, cut alike and handed to `answer` together.
    """
    size = max(1, MOST_CELLS // columns)
    starts = range(0, max(len(questions[0]), 1), size)
    return np.concatenate([answer(*(q[at : at + size] for q in questions)) for at in starts])
