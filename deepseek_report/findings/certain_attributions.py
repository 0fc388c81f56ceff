"""What of the attributions of one case may be shown: those beyond their error, and a base."""

from __future__ import annotations

import math

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


def base_of(instance: Explanation) -> float | None:
    """The output that the attributions of one case start from; None where there is none.

    A surrogate may start below 0 or above 1, which is no probability that a model could give.
    """
    if instance.base_values is None:
        return None
    base = float(instance.base_values[0])
    if math.isnan(base) or (instance.output_space == "probability" and not 0 <= base <= 1):
        return None
    return base
