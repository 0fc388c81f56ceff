"""Rows that are the same, so that the model is asked about them once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints

#: Seed of the multipliers that rows are hashed with.
_SEED = 20_261_125


def each_once(ask: Callable[[Floats], Floats], rows: Floats) -> Floats:
    """(row, …) what `ask` gives for (row, column) rows; those that agree in every bit ask once.

    >>> each_once(lambda rows: rows.sum(axis=1) * len(rows), np.array([[1.0, 2], [3, 4], [1, 2]]))
    array([ 6., 14.,  6.])
    """
    first, copies = distinct_rows(rows)
    return ask(rows) if len(first) == len(rows) else ask(rows[first])[copies]


def distinct_rows(rows: Floats) -> tuple[Ints, Ints]:
    """(distinct,) positions of rows that differ, in their order, and (row,) which each is equal to.

    Rows are compared by a 64-bit hash that is linear in their bits, and by their bits where two
    hashes are equal; rows that differ and share a hash are all taken for distinct.

    >>> distinct_rows(np.array([[1.0], [2.0], [1.0]]))
    (array([0, 1]), array([0, 1, 0]))
    """
    bits = np.ascontiguousarray(rows, dtype=np.float64).view(np.uint64)
    multipliers = np.random.default_rng(_SEED).integers(2**64, size=bits.shape[1], dtype=np.uint64)
    hashes = ((bits ^ (bits >> np.uint64(29))) * (multipliers | np.uint64(1))).sum(axis=1)
    _, first, copies = np.unique(hashes, return_index=True, return_inverse=True)
    if not (bits == bits[first[copies]]).all():
        return np.arange(len(rows)), np.arange(len(rows))
    order = np.argsort(first)
    return first[order], np.argsort(order)[copies]
