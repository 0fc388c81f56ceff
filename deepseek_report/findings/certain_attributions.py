"""Which attributions of one case are beyond their sampling error, and so may be shown."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.data_kinds.base import DataKind
from deepseek_report.statistics.intervals import Z95


def beyond_error(kind: DataKind, explanation: Explanation) -> Bools:
    """(player,) of one instance whether its attribution is beyond the 95 % sampling error.

    True for all where the method has no sampling error; it is then not known to be larger.
    """
    values = kind.by_player(explanation.values, explanation.inputs)[0]
    if explanation.standard_error is None:
        return np.ones(len(values), dtype=bool)
    errors = kind.by_player(explanation.standard_error, explanation.inputs)[0]
    return np.asarray(~(np.abs(values) <= Z95 * errors))
