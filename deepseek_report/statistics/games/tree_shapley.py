"""Exact Shapley values of the sum of trees: interventional ones, and those along their paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import DTypeLike

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.protocols.trees import TreeEnsemble

#: Cases that go through the trees at once.
_CASES = 512
#: Largest gap between the model's answer and that of its trees: as a share of the spread of
#: answers, and of their size, since boosting libraries add up in single precision.
_GAP_ALLOWED, _ROUNDING = 1e-4, 1e-6


@dataclass(frozen=True)
class TreeValues:
    """What the features of each case contribute to one output of an ensemble.

    values : (case, feature). outputs : (case,) the sums of the trees; base : the mean of these over
    the background rows. base plus a row of values is its output. of_batches : (batch, case,
    feature) against the background rows of each batch alone, where batches were asked for.
    """

    values: Floats
    outputs: Floats
    base: float
    of_batches: Floats | None = None

    def add_up(self, answers: Floats, space: OutputSpace) -> bool:
        """Whether the sums of the trees, in their space, come to the answers of the model.

        answers : (case,) probabilities of the output, or numbers.
        """
        sums = 1 / (1 + np.exp(-self.outputs)) if space == "logit" else self.outputs
        gap = np.abs(sums - answers).max(initial=0.0)
        spread, size = np.ptp(answers) if len(answers) else 0.0, np.abs(answers).max(initial=1.0)
        return bool(gap <= _GAP_ALLOWED * spread + _ROUNDING * size)


def tree_shapley(
    ensemble: TreeEnsemble,
    inputs: Floats,
    background: Floats,
    output: int,
    batches: Sequence[Ints] = (),
) -> TreeValues:
    """Shapley values where features outside a coalition come from each background row in turn.

    inputs, background : (row, feature) as the model's trees read them; missing values are NaN.
    output : which output of the ensemble.
    batches : positions of background rows, each of which is in one of them, whose own values are
    asked for.

    Returns TreeValues in the unit of the output. Exact: the only error is that of rounding.
    """
    parts = [
        _of_part(ensemble, inputs[start : start + _CASES], background, output, batches)
        for start in range(0, max(len(inputs), 1), _CASES)
    ]
    of_batches = [part.of_batches for part in parts if part.of_batches is not None]
    return TreeValues(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.outputs for part in parts]),
        parts[0].base,
        np.concatenate(of_batches, axis=1) if batches else None,
    )


def _of_part(
    ensemble: TreeEnsemble, inputs: Floats, background: Floats, output: int, batches: Sequence[Ints]
) -> TreeValues:
    columns = ensemble.read(np.concatenate([inputs, background]))
    n, n_features = inputs.shape
    every = batches or [np.arange(len(background))]
    shares = np.array([len(batch) for batch in every]) / len(background)
    values = np.zeros((len(every), n_features, n))
    outputs = np.full(columns.shape[1], ensemble.base[output])
    for paths in leaves(ensemble, columns):
        worth = ensemble.nodes.values[paths.nodes, output]
        outputs += worth @ (paths.failed == 0)
        for number, batch in enumerate(every):
            own = replace(paths, failed=paths.failed[:, np.append(np.arange(n), n + batch)])
            values[number] += leaf_values(own, worth, n, n_features)
    mean = np.tensordot(shares, values, axes=1).T
    of_batches = values.transpose(0, 2, 1) if batches else None
    return TreeValues(mean, outputs[:n], float(outputs[n:].mean()), of_batches)


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
    numbers = np.full((inputs.shape[1], inputs.shape[1]), -1)
    for number, (first, second) in enumerate(pairs_of_features(features)):
        numbers[first, second] = numbers[second, first] = number
    total = np.zeros((len(features) * (len(features) - 1) // 2, len(inputs)))
    for paths in leaves(ensemble, columns):
        if paths.features.shape[1] > 1 and total.size:
            worth = ensemble.nodes.values[paths.nodes, output] / len(background)
            _add(total, paths, worth, numbers)
    return total


def _add(total: Floats, paths: NodePaths, worth: Floats, numbers: Ints) -> None:
    """Add the leaves of paths of equal length to (pair, case).

    numbers : (column, column) the number of the pair, −1 where it is not looked at.
    """
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


def _by_place(failed: Array, absent: Array, share: Floats, length: int) -> Floats:
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


# Shapley values of the games that the leaves of trees are, with all background rows at once.
#
# A leaf is reached by a mix of a case and a background row where each feature of its path comes
# from a row that meets the conditions on it. Let A be the features whose conditions the background
# row fails, B those that the case fails, a and b their sizes. The coalitions that reach the leaf
# are those that hold all of A and nothing of B, and there are none where A and B share a feature.
# So each feature in A is worth (a − 1)! b! / (a + b)! of the leaf, each in B −a! (b − 1)! / (a +
# b)!, and any other nothing. A depends on the background row alone and B on the case alone, so both
# are pooled.
#
# References: Laberge & Pequignot 2022, arXiv:2209.15123; Nadel & Wettenstein 2025,
# arXiv:2511.09376.

#: A set of features of a path, a bit each; Python's integers where there are more than 64.
Codes = Array
_WIDTHS: tuple[tuple[int, DTypeLike], ...] = (
    (8, np.uint8), (16, np.uint16), (32, np.uint32), (64, np.uint64),
)  # fmt: skip
#: Cells (node, row) of the widest level of the trees that are walked at once.
_CELLS = 2_000_000


@dataclass(frozen=True)
class NodePaths:
    """Nodes of the same or different trees, and how rows fare on the way to them.

    nodes : (node,). features : (node, place) columns that the path asks about, each once, in the
    order of the path; -1 behind the last. used : (node,) how many these are. failed : (node, row)
    the features, a bit by place, of which the row fails at least one condition.
    """

    nodes: Ints
    features: Ints
    used: Ints
    failed: Codes

    def __len__(self) -> int:
        return len(self.nodes)

    def take(self, places: Bools | Ints) -> NodePaths:
        """Some of the nodes."""
        used = self.used[places]
        features = self.features[places, : used.max(initial=0)]
        return NodePaths(self.nodes[places], features, used, self.failed[places])

    def children(self, ensemble: TreeEnsemble, columns: Floats) -> NodePaths:
        """The paths one step longer: left children, then right ones; none of these is a leaf."""
        nodes = ensemble.nodes
        tested = nodes.feature[self.nodes]
        places, features = placed(self.features, self.used, tested)
        used = np.maximum(self.used, places + 1)
        kind = _kind(int(used.max()))
        bits = np.array([1 << int(place) for place in places], dtype=kind)[:, None]
        left = nodes.goes_left(self.nodes, columns)
        none = bits ^ bits
        before = self.failed.astype(kind, copy=False)
        return NodePaths(
            nodes=np.concatenate([nodes.left[self.nodes], nodes.right[self.nodes]]),
            features=np.concatenate([features, features]),
            used=np.concatenate([used, used]),
            failed=np.concatenate(
                [before | np.where(left, none, bits), before | np.where(left, bits, none)]
            ),
        )


def leaves(ensemble: TreeEnsemble, columns: Floats) -> Iterator[NodePaths]:
    """The paths to all leaves, some trees at a time, those of equal length together.

    columns : (feature, row) as `TreeEnsemble.read` gives them.
    """
    sizes = np.diff([*ensemble.roots, len(ensemble.nodes)])
    batch = np.cumsum(sizes * columns.shape[1]) // _CELLS
    for number in np.unique(batch):
        levels = list(_levels(ensemble, columns, ensemble.roots[batch == number]))
        for length in np.unique(np.concatenate([level.used for level in levels])):
            parts = [level.take(level.used == length) for level in levels]
            yield _stacked([part for part in parts if len(part)], _kind(int(length)))


def _levels(ensemble: TreeEnsemble, columns: Floats, roots: Ints) -> Iterator[NodePaths]:
    """The leaves of some trees, level by level."""
    empty = np.zeros((len(roots), 0), dtype=np.int64)
    failed = np.zeros((len(roots), columns.shape[1]), dtype=np.uint8)
    paths = NodePaths(roots, empty, np.zeros(len(roots), dtype=np.int64), failed)
    while len(paths):
        ends = ensemble.nodes.feature[paths.nodes] < 0
        yield paths.take(ends)
        inner = paths.take(~ends)
        if not len(inner):
            return
        paths = inner.children(ensemble, columns)


def placed(features: Ints, used: Ints, tested: Ints) -> tuple[Ints, Ints]:
    """(node,) the place of the feature tested, and (node, place) features with it."""
    known = features == tested[:, None]
    places = np.where(known.any(axis=1), known.argmax(axis=1), used) if known.size else used
    wider = np.column_stack([features, np.full(len(features), -1)])
    wider[np.arange(len(places)), places] = tested
    return places, wider


def _stacked(parts: list[NodePaths], kind: DTypeLike) -> NodePaths:
    return NodePaths(
        np.concatenate([part.nodes for part in parts]),
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.used for part in parts]),
        np.concatenate([part.failed.astype(kind) for part in parts]),
    )


def _kind(places: int) -> DTypeLike:
    """The narrowest type that has a bit for each place."""
    return next((kind for width, kind in _WIDTHS if places <= width), object)


#: Numbers in the largest array that is made at once: about a megabyte.
_LEAF_NUMBERS = 130_000
#: Longest path whose sets of features are tabulated.
_LONGEST = 14


def leaf_values(paths: NodePaths, worth: Floats, n_cases: int, n_features: int) -> Floats:
    """Sum over leaves of the Shapley values, averaged over the background rows.

    paths : to leaves, all with as many features; the rows are the cases, then the background.
    worth : (leaf,) what the leaves give.

    Returns (feature, case)
    """
    length, n_background = paths.features.shape[1], paths.failed.shape[1] - n_cases
    total = np.zeros((n_features, n_cases))
    if not length or not n_cases:
        return total
    pairs = n_cases * n_background
    table = (length + 1) * 2**length if length <= _LONGEST else pairs
    values = _by_table if table < pairs else _by_pairs
    step = max(1, _LEAF_NUMBERS // max(min(table, pairs), n_cases * length))
    for start in range(0, len(paths), step):
        part = slice(start, start + step)
        failed, absent = paths.failed[part, :n_cases], paths.failed[part, n_cases:]
        shares = values(failed, absent, worth[part] / n_background, length)
        total += _summed_of_leaves(paths.features[part], shares, n_features)
    return total


def _summed_of_leaves(features: Ints, values: Floats, n_features: int) -> Floats:
    """(leaf, place, case) values -> (feature, case)."""
    from scipy.sparse import csc_array

    n = features.size
    owners = csc_array((np.ones(n), features.ravel(), np.arange(n + 1)), shape=(n_features, n))
    return np.asarray(owners @ values.reshape(n, -1))


# --- by sets --------------------------------------------------------------------------------------


def _by_table(failed: Codes, absent: Codes, share: Floats, length: int) -> Floats:
    """By tables of all sets of a path's features: the cost grows with rows plus sets.

    (a − 1)! b! / (a + b)! is the integral of t^(a − 1) (1 − t)^b over [0, 1], a polynomial of
    degree below `length`, for which Gauss-Legendre quadrature is exact. At each t the background
    rows are summed before the case is known: T(p) is the sum of t^a over rows whose A lies within
    p. Where p are the features that a case meets, a feature of p is worth the integral of
    (T(p) − T(p without it)) (1 − t)^b / t, each other one that of −T(p) (1 − t)^(b − 1).

    Returns (leaf, place, case)
    """
    size, n_leaves = 2**length, len(share)
    sets = absent.T.astype(np.int64) * n_leaves + np.arange(n_leaves)
    pooled = np.bincount(sets.ravel(), minlength=size * n_leaves).reshape(size, n_leaves) * share
    tables = np.einsum("kns,nsl->ksl", _integrands(length), _subset_sums(pooled, length))
    met = (size - 1) ^ failed.astype(np.int64)
    if met.shape[1] <= size:
        return _looked_up(tables, met, length)
    every = np.broadcast_to(np.arange(size), (n_leaves, size))
    return np.take_along_axis(_looked_up(tables, every, length), met[:, None, :], axis=2)


def _subset_sums(pooled: Floats, length: int) -> Floats:
    """(set, leaf) -> (node, set, leaf): the sums over all subsets of each set, times t^size."""
    size, n_leaves = pooled.shape
    nodes, _ = quadrature(length)
    powers = nodes[:, None] ** _sizes(length)
    table = np.multiply(powers[:, :, None], pooled, order="C")
    width = 1
    while width < size:
        halves = table.reshape(len(nodes), size // (2 * width), 2, width * n_leaves)
        halves[:, :, 1] += halves[:, :, 0]
        width *= 2
    return table


def _looked_up(tables: Floats, met: Ints, length: int) -> Floats:
    """(3, set, leaf) integrals and (leaf, case) sets -> (leaf, place, case) values."""
    n_leaves = tables.shape[2]
    whole, without, other = tables.reshape(3, -1)
    cells = met * n_leaves + np.arange(n_leaves)[:, None]
    gained, lost = whole.take(cells), other.take(cells)
    values = np.empty((n_leaves, length, met.shape[1]))
    for place in range(length):
        held = met & (1 << place)
        rest = without.take(cells - held * n_leaves)
        values[:, place] = np.where(held, gained - rest, lost)
    return values


@lru_cache
def _integrands(length: int) -> Floats:
    """(3, node, set): what T of a set is times for a feature in it, without it, and for others."""
    nodes, node_weights = quadrature(length)
    b = length - _sizes(length)
    inside = node_weights[:, None] * (1 - nodes[:, None]) ** b / nodes[:, None]
    outside = inside / (1 - nodes[:, None])
    return np.stack([inside, outside, -outside * nodes[:, None]])


@lru_cache
def quadrature(length: int) -> tuple[Floats, Floats]:
    """Nodes and weights over [0, 1] that integrate polynomials of degree below `length`."""
    nodes, node_weights = np.polynomial.legendre.leggauss((length + 1) // 2)
    return (nodes + 1) / 2, node_weights / 2


@lru_cache
def _sizes(length: int) -> Ints:
    """(set,) how many features each set of features of a path holds."""
    sizes = np.zeros(1, dtype=np.int64)
    for _ in range(length):
        sizes = np.concatenate([sizes, sizes + 1])
    return sizes


# --- by pairs -------------------------------------------------------------------------------------


def _by_pairs(failed: Codes, absent: Codes, share: Floats, length: int) -> Floats:
    """By the pairs of a case and a background row that reach the leaf together.

    Returns (leaf, place, case)
    """
    in_a, in_b = bits(absent, length), bits(failed, length)
    a, b = in_a.sum(axis=2), in_b.sum(axis=2)
    by_b = _inverse_binomials(length)[:, a].transpose(1, 0, 2) * share[:, None, None]
    together = (failed[:, :, None] & absent[:, None, :]) == 0
    reached = by_b[np.arange(len(share))[:, None], b] * together
    gains = reached @ (in_a / np.maximum(a, 1)[:, :, None])
    losses = reached.sum(axis=2) / np.maximum(b, 1)
    return np.ascontiguousarray((gains - in_b * losses[:, :, None]).transpose(0, 2, 1))


@lru_cache
def _inverse_binomials(length: int) -> Floats:
    """(b, a) up to a length: a! b! / (a + b)!, which is 1 over the binomial coefficient."""
    sizes = range(length + 1)
    return np.array([[1 / comb(a + b, a) for a in sizes] for b in sizes])


def bits(codes: Codes, length: int) -> Array:
    """(leaf, row) -> (leaf, row, place) whether the set holds the feature at each place."""
    places = np.array([1 << place for place in range(length)], dtype=codes.dtype)
    return np.asarray((codes[:, :, None] & places) != 0)
