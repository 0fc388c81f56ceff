"""Shapley values of the games that the leaves of trees are, with all background rows at once.

A leaf is reached by a mix of a case and a background row where each feature of its path comes from
a row that meets the conditions on it. Let A be the features whose conditions the background row
fails, B those that the case fails, a and b their sizes. The coalitions that reach the leaf are
those that hold all of A and nothing of B, and there are none where A and B share a feature. So each
feature in A is worth (a − 1)! b! / (a + b)! of the leaf, each in B −a! (b − 1)! / (a + b)!, and any
other nothing. A depends on the background row alone and B on the case alone, so both are pooled.

References: Laberge & Pequignot 2022, arXiv:2209.15123; Nadel & Wettenstein 2025, arXiv:2511.09376.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.statistics.games.tree_paths import Codes, NodePaths

#: Numbers in the largest array that is made at once: about a megabyte.
_NUMBERS = 130_000
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
    step = max(1, _NUMBERS // max(min(table, pairs), n_cases * length))
    for start in range(0, len(paths), step):
        part = slice(start, start + step)
        failed, absent = paths.failed[part, :n_cases], paths.failed[part, n_cases:]
        shares = values(failed, absent, worth[part] / n_background, length)
        total += _summed(paths.features[part], shares, n_features)
    return total


def _summed(features: Ints, values: Floats, n_features: int) -> Floats:
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
    nodes, _ = _quadrature(length)
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
    nodes, node_weights = _quadrature(length)
    b = length - _sizes(length)
    inside = node_weights[:, None] * (1 - nodes[:, None]) ** b / nodes[:, None]
    outside = inside / (1 - nodes[:, None])
    return np.stack([inside, outside, -outside * nodes[:, None]])


@lru_cache
def _quadrature(length: int) -> tuple[Floats, Floats]:
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


def bits(codes: Codes, length: int) -> Any:
    """(leaf, row) -> (leaf, row, place) whether the set holds the feature at each place."""
    places = np.array([1 << place for place in range(length)], dtype=codes.dtype)
    return (codes[:, :, None] & places) != 0
