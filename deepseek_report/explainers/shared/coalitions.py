"""The model asked about an instance of which only some players are kept."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.protocols.classifier import AnswersMixtures
from deepseek_report.artifacts.protocols.explainers import ExplainContext

#: Numbers in one call of the model, so that a wide table or a long series does not fill the memory.
MOST_CELLS = 2**22


class Coalitions:
    """Answers for one instance where the columns of players that are not kept are a reference's.

    row : (column,) the instance. owners : (column,) its player. references : (reference, column).
    """

    def __init__(
        self, context: ExplainContext, row: Floats, owners: Ints, references: Floats
    ) -> None:
        self.context, self.row, self.owners = context, row, owners
        self.references = references
        model = context.classifier
        self._mixing = (
            [model.mixing(row, reference, owners) for reference in references]
            if isinstance(model, AnswersMixtures)
            else None
        )

    def outputs(self, kept: Bools, which: Ints) -> Floats:
        """(coalition,) outputs.

        Parameters
        ----------
        kept : array
            (coalition, player).
        which : array
            (coalition,) the reference that it is compared with.
        """
        outputs = np.empty(len(kept))
        if self._mixing is not None:
            for number, answer in enumerate(self._mixing):
                asked = which == number
                outputs[asked] = answer(kept[asked])[:, self.context.target]
            return outputs
        size = max(1, MOST_CELLS // len(self.row))
        for start in range(0, len(kept), size):
            part = slice(start, start + size)
            rows = np.where(kept[part][:, self.owners], self.row, self.references[which[part]])
            outputs[part] = self.context.output(rows)
        return outputs
