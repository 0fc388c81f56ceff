"""Rows that are the same, so that the model is asked about them once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepseek_report.artifacts.array_types import Floats


def each_once(ask: Callable[[Floats], Floats], rows: Floats) -> Floats:
    """What `ask` gives for rows, (row, …), where rows that agree in every bit are asked about once.

    Different rows are asked in the order in which they first appear.

    Parameters
    ----------
    ask : function
        (row, column) to (row, …), each row by itself.
    rows : array
        (row, column).

    >>> each_once(lambda rows: rows.sum(axis=1) * len(rows), np.array([[1.0, 2], [3, 4], [1, 2]]))
    array([ 6., 14.,  6.])
    """
    whole = np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))
    keys = np.ascontiguousarray(rows).view(whole)[:, 0]
    _, first, copies = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) == len(rows):
        return ask(rows)
    order = np.argsort(first)
    place = np.empty(len(first), dtype=np.int64)
    place[order] = np.arange(len(first))
    return np.asarray(ask(rows[first[order]])[place[copies]])
