"""Rows that lie far nearer to another row than chance lets rows lie: near copies.

How near rows lie by chance depends on the dimension in which the data really spread, which the
distances themselves tell. A row is measured against its distance to a thin sample of the others, in
which copies of it are rare; one that is nearer to some row than that leaves to chance is a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.statistics.ranking import thin

if TYPE_CHECKING:
    from scipy.sparse import csr_array


#: Wider rows are projected at random to so many columns, which keeps distances to about 9 %.
_MOST_COLUMNS = 64
#: One row in so many stands in the thin sample; at least so many rows do.
_STRIDE, _FEWEST_IN_SAMPLE = 20, 30
#: Neighbours in the thin sample whose distances are the measure, and tell the dimension.
_MEASURE, _FURTHER = 5, 10
#: Mean of log(d₁₀ / d₅) in one dimension: 1/5 + … + 1/9.
_LOG_RATIO = sum(1 / k for k in range(_MEASURE, _FURTHER))
#: Share of rows that chance makes near copies, and the largest ratio of distances of one, which
#: keeps people who are much alike, such as clients without any transaction, from being copies.
CHANCE, _MOST_RATIO = 1e-3, 0.05
#: Distances that are computed at once, and in all.
_CHUNK, MOST_DISTANCES = 4_000_000, 200_000_000


@dataclass(frozen=True)
class Nearness:
    """Which of some rows are near copies of others.

    rows : (row,) positions of those that were looked at. is_near : (row,) whether it is a copy.
    nearest : (row,) position of the other row that lies nearest. dimension : in which they spread.
    """

    rows: Ints
    is_near: Bools
    nearest: Ints
    dimension: float


def near_copies(rows: Floats | csr_array, others: Floats | csr_array) -> Nearness | None:
    """Near copies among `rows` of any of `others`; None where distances cannot tell them.

    A ratio r of the distance to the nearest row and to the fifth in the sample has, by chance, a
    probability of about 5 · (others / sample) · r^dimension; r is set so that this is `CHANCE`.

    rows, others : (row, column) standardised columns, arrays or sparse arrays. Of many, rows at
        even distances are looked at, so that there are at most `MOST_DISTANCES` distances.

    Reference: Levina & Bickel 2004, maximum likelihood estimation of intrinsic dimension (NIPS 17);
    Johnson & Lindenstrauss 1984, doi:10.1090/conm/026/737400.

    >>> others = np.random.default_rng(0).normal(size=(900, 6))
    >>> near_copies(others[:2] + np.array([[1e-4], [1.0]]), others).is_near.tolist()
    [True, False]
    """
    n_rows, n_others = rows.shape[0], others.shape[0]
    sample = thin(n_others, max(n_others // _STRIDE, _FEWEST_IN_SAMPLE))
    if len(sample) < _FEWEST_IN_SAMPLE or not n_rows:
        return None
    chosen = thin(n_rows, max(MOST_DISTANCES // n_others, 1))
    first, second = _narrow(rows[chosen], others)
    nearest, distance = _nearest(first, second)
    among = np.sqrt(_squared(first, second[sample]))
    ordered = np.partition(among, (_MEASURE - 1, _FURTHER - 1), axis=1)
    measure, further = ordered[:, _MEASURE - 1], ordered[:, _FURTHER - 1]
    spread = (measure > 0) & (further > measure)
    if spread.mean() < 0.5:
        return None
    dimension = _LOG_RATIO / float(np.log(further[spread] / measure[spread]).mean())
    probability = CHANCE / (_MEASURE * n_others / len(sample))
    ratio = min(probability ** (1 / dimension), _MOST_RATIO)
    return Nearness(chosen, np.asarray(distance < ratio * measure), nearest, dimension)


def _narrow(rows: Floats | csr_array, others: Floats | csr_array) -> tuple[Floats, Floats]:
    n_columns = rows.shape[1]
    if n_columns <= _MOST_COLUMNS:
        return _dense(rows), _dense(others)
    directions = np.random.default_rng(n_columns).normal(size=(n_columns, _MOST_COLUMNS))
    directions /= np.sqrt(_MOST_COLUMNS)
    return np.asarray(rows @ directions), np.asarray(others @ directions)


def _dense(rows: Floats | csr_array) -> Floats:
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)


def _squared(rows: Floats, others: Floats) -> Floats:
    """(row, other) squared distances in single precision, never below 0."""
    first, second = rows.astype(np.float32), others.astype(np.float32)
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * (first @ second.T)
    return np.asarray(np.maximum(squares, 0.0))


def _nearest(rows: Floats, others: Floats) -> tuple[Ints, Floats]:
    """(row,) the nearest of the others, and its distance in double precision."""
    step = max(_CHUNK // len(others), 1)
    nearest = np.concatenate(
        [
            _squared(rows[start : start + step], others).argmin(axis=1)
            for start in range(0, len(rows), step)
        ]
    )
    return nearest, np.sqrt(((rows - others[nearest]) ** 2).sum(axis=1))
