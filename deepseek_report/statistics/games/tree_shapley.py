"""Exact interventional Shapley values of the sum of trees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.statistics.games.leaf_games import leaf_values
from deepseek_report.statistics.games.tree_paths import leaves

#: Cases that go through the trees at once.
_CASES = 512
#: Largest gap between the model's answer and that of its trees: as a share of the spread of
#: answers, and of their size, since boosting libraries add up in single precision.
_GAP_ALLOWED, _ROUNDING = 1e-4, 1e-6


@dataclass(frozen=True)
class TreeValues:
    """What the features of each case contribute to one output of an ensemble.

    values : (case, feature). outputs : (case,) the sums of the trees; base : the mean of these over
    the background rows. base plus a row of values is its output.
    """

    values: Floats
    outputs: Floats
    base: float

    def add_up(self, answers: Floats, space: OutputSpace) -> bool:
        """Whether the sums of the trees, in their space, come to the answers of the model.

        answers : (case,) probabilities of the output, or numbers.
        """
        sums = 1 / (1 + np.exp(-self.outputs)) if space == "logit" else self.outputs
        gap = np.abs(sums - answers).max(initial=0.0)
        spread, size = np.ptp(answers) if len(answers) else 0.0, np.abs(answers).max(initial=1.0)
        return bool(gap <= _GAP_ALLOWED * spread + _ROUNDING * size)


def tree_shapley(
    ensemble: TreeEnsemble, inputs: Floats, background: Floats, output: int
) -> TreeValues:
    """Shapley values where features outside a coalition come from each background row in turn.

    inputs, background : (row, feature) as the model's trees read them; missing values are NaN.
    output : which output of the ensemble.

    Returns TreeValues in the unit of the output. Exact: the only error is that of rounding.
    """
    parts = [
        _of_part(ensemble, inputs[start : start + _CASES], background, output)
        for start in range(0, max(len(inputs), 1), _CASES)
    ]
    return TreeValues(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.outputs for part in parts]),
        parts[0].base,
    )


def _of_part(ensemble: TreeEnsemble, inputs: Floats, background: Floats, output: int) -> TreeValues:
    columns = ensemble.read(np.concatenate([inputs, background]))
    n, n_features = inputs.shape
    values, outputs = np.zeros((n_features, n)), np.full(columns.shape[1], ensemble.base[output])
    for paths in leaves(ensemble, columns):
        worth = ensemble.nodes.values[paths.nodes, output]
        outputs += worth @ (paths.failed == 0)
        values += leaf_values(paths, worth, n, n_features)
    return TreeValues(values.T, outputs[:n], float(outputs[n:].mean()))
