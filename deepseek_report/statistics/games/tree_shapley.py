"""Exact Shapley values of the sum of trees: interventional ones, and those along their paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.statistics.games.leaf_games import (
    NodePaths,
    bits,
    leaf_values,
    leaves,
    placed,
    quadrature,
)

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


def path_shapley(
    ensemble: TreeEnsemble, inputs: Floats, training: Floats, output: int
) -> TreeValues:
    """Shapley values where a feature outside a coalition follows the training rows in each node.

    A leaf is worth what it gives, times for each feature of its path: whether the case meets the
    conditions on it where the feature is known, else the share of the rows that did of those that
    came so far. So what is left out follows what stays by the conditions above it. With o and z for
    the two factors, a feature is worth (o − z) ∫ Π (s o + (1 − s) z) ds of the leaf, over the other
    features of the path, for which Gauss-Legendre quadrature is exact.

    inputs, training : (row, feature) as the model's trees read them; missing values are NaN.
    output : which output of the ensemble.

    Returns TreeValues; the base is the mean over the training rows.

    Reference: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9 (path-dependent TreeSHAP).
    """
    n, n_features = inputs.shape
    columns = ensemble.read(np.concatenate([inputs, training]))
    values, base = np.zeros((n_features, n)), float(ensemble.base[output])
    outputs = np.full(n, base)
    for root in ensemble.roots:
        for paths in _followed(ensemble, columns, int(root), n):
            worth = ensemble.nodes.values[paths.nodes, output]
            base += float(worth @ paths.shares.prod(axis=1))
            outputs += worth @ paths.met.prod(axis=1)
            places = np.where(paths.features < 0, n_features, paths.features)
            spare = np.zeros((n_features + 1, n))
            np.add.at(spare, places.ravel(), _path_values(paths, worth).reshape(-1, n))
            values += spare[:n_features]
    return TreeValues(values.T, outputs, base)


@dataclass(frozen=True)
class _Followed:
    """Nodes of a tree and what leads to them, with as many places as the longest path has features.

    features : (node, place), -1 behind the last. shares : (node, place) of the training rows that
    met the conditions on the feature, of those that came so far. met : (node, place, case) 1 where
    the case meets them, else 0; both are 1 behind the last. came : (node, training row).
    """

    nodes: Ints
    features: Ints
    used: Ints
    shares: Floats
    met: Floats
    came: Bools

    def take(self, chosen: Bools | slice) -> _Followed:
        return _Followed(*(array[chosen] for array in vars(self).values()))

    def children(self, ensemble: TreeEnsemble, columns: Floats) -> _Followed:
        """Left children, then right ones; none of these nodes is a leaf."""
        nodes, count = ensemble.nodes, len(self.nodes)
        places, features = placed(self.features, self.used, nodes.feature[self.nodes])
        left = nodes.goes_left(self.nodes, columns)
        n_cases = self.met.shape[2]
        met = np.concatenate([self.met, np.ones((count, 1, n_cases))], axis=1)
        shares = np.column_stack([self.shares, np.ones(count)])
        at, came = np.arange(count), self.came.sum(axis=1)
        parts = []
        for goes in (left, ~left):
            own = self.came & goes[:, n_cases:]
            share = np.where(came > 0, own.sum(axis=1) / np.maximum(came, 1), 0.5)
            meets, narrowed = met.copy(), shares.copy()
            meets[at, places] *= goes[:, :n_cases]
            narrowed[at, places] *= share
            parts.append((narrowed, meets, own))
        return _Followed(
            np.concatenate([nodes.left[self.nodes], nodes.right[self.nodes]]),
            np.concatenate([features, features]),
            np.tile(np.maximum(self.used, places + 1), 2),
            *(np.concatenate(pair) for pair in zip(*parts, strict=True)),
        )


def _followed(
    ensemble: TreeEnsemble, columns: Floats, root: int, n_cases: int
) -> Iterator[_Followed]:
    """The leaves of a tree, level by level and few enough at once to fit the memory."""
    waiting = _Followed(
        np.array([root]),
        np.zeros((1, 0), dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.ones((1, 0)),
        np.ones((1, 0, n_cases)),
        np.ones((1, columns.shape[1] - n_cases), dtype=bool),
    )
    while len(waiting.nodes):
        ends = ensemble.nodes.feature[waiting.nodes] < 0
        level, inner = waiting.take(ends), waiting.take(~ends)
        step = max(1, _NUMBERS // max(level.met[:1].size * max(level.met.shape[1], 1), 1))
        for start in range(0, len(level.nodes), step):
            yield level.take(slice(start, start + step))
        if not len(inner.nodes):
            return
        waiting = inner.children(ensemble, columns)


def _path_values(paths: _Followed, worth: Floats) -> Floats:
    """(leaf, place, case)"""
    length = paths.features.shape[1]
    values = np.zeros(paths.met.shape)
    if not length:
        return values
    z = paths.shares[:, :, None]
    for node, weight in zip(*quadrature(length), strict=True):
        factors = node * paths.met + (1 - node) * z
        for place in range(length):
            others = np.delete(factors, place, axis=1).prod(axis=1)
            values[:, place] += weight * others
    return np.asarray(values * (paths.met - z) * worth[:, None, None])


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
