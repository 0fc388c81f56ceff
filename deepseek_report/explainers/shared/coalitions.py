"""The model asked about an instance of which only some players are kept."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.protocols.explainers import ExplainContext

#: Numbers in one call of the model, so that a wide table or a long series does not fill the memory.
MOST_CELLS = 2**22


def outputs_of(
    context: ExplainContext,
    row: Floats,
    owners: Ints,
    kept: Bools,
    references: Floats,
    which: Ints,
) -> Floats:
    """(coalition,) outputs where the columns of players that are not kept are a reference's.

    Parameters
    ----------
    row : (column,) the instance. owners : (column,) its player. kept : (coalition, player).
    references : (reference, column). which : (coalition,) the reference that it is compared with.
    """
    size = max(1, MOST_CELLS // len(row))
    parts = [slice(start, start + size) for start in range(0, len(kept), size)]
    outputs = [
        context.output(np.where(kept[part][:, owners], row, references[which[part]]))
        for part in parts
    ]
    return np.concatenate(outputs) if outputs else np.zeros(0)
