"""Exact interventional Shapley values of the sum of trees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.statistics.games.leaf_games import NodePaths, bits, leaf_values, leaves

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


#: Numbers in the largest array that is made at once: about four megabytes.
_NUMBERS = 500_000


def pairs_of_features(features: Ints) -> Ints:
    """(pair, 2) columns of all pairs of so many features.

    >>> pairs_of_features(np.array([4, 0, 2])).tolist()
    [[4, 0], [4, 2], [0, 2]]
    """
    return np.array(list(combinations(features.tolist(), 2)), dtype=np.int64).reshape(-1, 2)


def tree_interactions(
    ensemble: TreeEnsemble, inputs: Floats, background: Floats, output: int, features: Ints
) -> Floats:
    """Shapley interaction values of the sum of the trees, averaged over the background rows.

    inputs, background : (row, column) as the model's trees read them; missing values are NaN.
    output : which output of the ensemble.
    features : (feature,) the columns of which all pairs are looked at.

    Returns (pair, case) in the order of `pairs_of_features`, in the unit of the output: by how much
    more the two raise it together than each does alone, averaged over what is known of the others.
    Exact: the only error is that of rounding.
    """
    columns = ensemble.read(np.concatenate([inputs, background]))
    numbers = _numbers_of_pairs(features, inputs.shape[1])
    total = np.zeros((len(features) * (len(features) - 1) // 2, len(inputs)))
    for paths in leaves(ensemble, columns):
        if paths.features.shape[1] > 1 and total.size:
            worth = ensemble.nodes.values[paths.nodes, output] / len(background)
            _add(total, paths, worth, numbers)
    return total


def _numbers_of_pairs(features: Ints, n_columns: int) -> Ints:
    """(column, column) the number of the pair, −1 where it is not looked at."""
    numbers = np.full((n_columns, n_columns), -1)
    for number, (first, second) in enumerate(pairs_of_features(features)):
        numbers[first, second] = numbers[second, first] = number
    return numbers


def _add(total: Floats, paths: NodePaths, worth: Floats, numbers: Ints) -> None:
    """Add the leaves of paths of equal length to (pair, case)."""
    n_cases, length = total.shape[1], paths.features.shape[1]
    n_background = paths.failed.shape[1] - n_cases
    first, second = np.triu_indices(length, 1)
    size = max(n_cases * n_background, (n_cases + n_background) * len(first))
    step = max(1, _NUMBERS // size)
    for start in range(0, len(paths), step):
        part = slice(start, start + step)
        features, failed = paths.features[part], paths.failed[part]
        owners = numbers[features[:, first], features[:, second]]
        if (owners < 0).all():
            continue
        values = _by_place(failed[:, :n_cases], failed[:, n_cases:], worth[part], length)
        total += _summed(owners.ravel(), values.reshape(-1, n_cases), len(total))


def _summed(owners: Ints, values: Floats, n: int) -> Floats:
    """(entry, case) -> (pair, case); an owner of −1 is none."""
    from scipy.sparse import csr_array

    kept = np.flatnonzero(owners >= 0)
    shape = (n, len(owners))
    return np.asarray(csr_array((np.ones(len(kept)), (owners[kept], kept)), shape=shape) @ values)


def _by_place(failed: Any, absent: Any, share: Floats, length: int) -> Floats:
    """(leaf, pair of places, case) values, from the sets of features that the rows fail."""
    in_a, in_b = bits(absent, length), bits(failed, length)
    a, b = in_a.sum(axis=2), in_b.sum(axis=2)
    reached = ((failed[:, :, None] & absent[:, None, :]) == 0) * share[:, None, None]
    of_a, mixed, of_b = (reached * table[b[:, :, None], a[:, None, :]] for table in _shares(length))
    first, second = np.triu_indices(length, 1)
    both: Bools = in_a[:, :, first] & in_a[:, :, second]
    values = of_a @ both.astype(np.float64)
    crossed = mixed @ in_a.astype(np.float64)
    values += crossed[:, :, first] * in_b[:, :, second] + crossed[:, :, second] * in_b[:, :, first]
    values += of_b.sum(axis=2)[:, :, None] * (in_b[:, :, first] & in_b[:, :, second])
    return np.ascontiguousarray(values.transpose(0, 2, 1))


@lru_cache
def _shares(length: int) -> Floats:
    """(3, b, a): the index of a pair in A, of one in each, of a pair in B; 0 where there is none.

    (x − 1)! (y − 1)! / (x + y − 1)! is 1 over x times the binomial coefficient of x + y − 1 over x.
    """
    shares = np.zeros((3, length + 1, length + 1))
    for a in range(length + 1):
        for b in range(length + 1 - a):
            if a > 1:
                shares[0, b, a] = _beta(a - 1, b + 1)
            if a and b:
                shares[1, b, a] = -_beta(a, b)
            if b > 1:
                shares[2, b, a] = _beta(a + 1, b - 1)
    return shares


def _beta(x: int, y: int) -> float:
    """(x − 1)! (y − 1)! / (x + y − 1)! of positive integers."""
    return 1 / (x * comb(x + y - 1, x))
