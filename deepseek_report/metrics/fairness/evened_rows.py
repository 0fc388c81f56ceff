"""Training rows drawn so that a label is as frequent in each group as in all."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Ints


def evened_rows(codes: Ints, labels: Ints, rng: np.random.Generator) -> Ints:
    """Positions of as many rows, in which group and label go together no more than by chance.

    A cell of n(g, y) rows gets n(g) · n(y) / n of them: of a larger cell so many are drawn, a
    smaller one is repeated. It is reweighting by whole numbers, for learners without weights
    ("uniform sampling").

    codes : (row,) the group, -1 where it is not known; such rows stay as they are.
    labels : (row,) the class.

    Returns (row,) ascending, with repetitions.

    Reference: Kamiran & Calders 2012, doi:10.1007/s10115-011-0463-8 (sections 5.2 and 5.3).

    >>> codes, labels = np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 1, 0, 1, 1, 1])
    >>> rows = evened_rows(codes, labels, np.random.default_rng(0))
    >>> [int(((codes == g) & (labels == y))[rows].sum()) for g in (0, 1) for y in (0, 1)]
    [2, 2, 2, 2]
    """
    known = codes >= 0
    drawn = [np.flatnonzero(~known)]
    for code in np.unique(codes[known]):
        for label in np.unique(labels[known]):
            cell = np.flatnonzero((codes == code) & (labels == label))
            if len(cell):
                expected = (codes == code).sum() * (labels[known] == label).sum() / known.sum()
                times, rest = divmod(round(expected), len(cell))
                drawn += [np.tile(cell, times), rng.permutation(cell)[:rest]]
    return np.sort(np.concatenate(drawn))
