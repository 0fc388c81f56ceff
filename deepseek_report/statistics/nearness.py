"""Rows that lie far nearer to another row than chance lets rows lie: near copies.

How near rows lie by chance depends on the dimension in which the data really spread, which the
distances themselves tell. A row is measured against its distance to a thin sample of the others, in
which copies of it are rare; one that is nearer to some row than that leaves to chance is a copy.
Where columns have steps or few values distances tell too much, and column by column it is asked
again how many rows lie as close.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.statistics.copies import (
    column_tree,
    copied_rows,
    levels_of,
    numbered,
    same_values,
)
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
#: Columns in which two rows agree more often than this tell no copy.
_MOST_AGREEING = 0.1
#: Within the distance to so many neighbours in a column, values are taken to be spread evenly; and
#: no distance is taken to be rarer than this share of one neighbour's.
_NEIGHBOURS, _FINEST = 5, 1e-3
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


def confirmed(near: Nearness, rows: Floats, others: Floats) -> Nearness:
    """The same, with those near copies alone that the columns confirm.

    A row that equals another must be a copy of it (`copies.copied_rows`), and one that is near must
    lie closer in its columns than chance leaves.

    rows, others : (row, column) values, NaN is missing; those that `near` is about.
    """
    places = np.flatnonzero(near.is_near)
    nearest = near.nearest[places]
    tested = rows[near.rows[places]]
    copied = closer_than_chance(tested, others, nearest)
    equal = same_values(tested, others[nearest]).all(axis=1)
    if equal.any():
        sets = copied_rows(np.concatenate([others, rows[near.rows]]))
        copied[equal] = (sets[len(others) + places] == sets[nearest])[equal]
    is_near = near.is_near.copy()
    is_near[places] = copied
    return replace(near, is_near=is_near)


def closer_than_chance(rows: Floats, others: Floats, nearest: Ints) -> Bools:
    """(row,) whether some other row lies as close in each column with a chance of `CHANCE` at most.

    The share of the others that lie as close is taken within the level of the column that tells
    most (`copies.column_tree`), and the shares are combined by Fisher's method, times the number of
    others. Columns in which rows often agree anyway are left out, as they are of no help.

    rows, others : (row, column) values, NaN is missing. nearest : (row,) position among the others.

    Reference: Fisher 1932, Statistical Methods for Research Workers, section 21.1.
    """
    from scipy.special import gammaincc

    codes = [numbered(column) for column in others.T]
    shares = [np.bincount(column) / len(others) for column in codes]
    kept = [k for k, share in enumerate(shares) if share @ share <= _MOST_AGREEING]
    if not kept or not len(rows):
        return np.zeros(len(rows), bool)
    levels = np.column_stack([levels_of(codes[k]) for k in kept])
    order, parents = column_tree(levels)
    surprise = np.zeros(len(rows))
    for place in order:
        inside = levels[:, parents[place]] if parents[place] >= 0 else np.zeros_like(codes[0])
        column = [np.nan_to_num(table[:, kept[place]], nan=_MISSING) for table in (rows, others)]
        for level in np.unique(inside[nearest]):
            of_level = inside[nearest] == level
            near = column[1][nearest[of_level]]
            among = np.sort(column[1][inside == level])
            surprise[of_level] -= np.log(_share_as_close(column[0][of_level], near, among))
    chance = len(others) * gammaincc(len(kept), surprise)
    return np.asarray(chance <= CHANCE)


#: Stands for a missing value, far from all others.
_MISSING = 1e300


def _share_as_close(values: Floats, near: Floats, among: Floats) -> Floats:
    """(value,) share of ascending values that lie as close to each as the one near it."""
    distance = np.abs(values - near)
    reach = distance * (1 + 1e-9)
    first = np.searchsorted(among, values - reach, side="left")
    last = np.searchsorted(among, values + reach, side="right")
    within = np.maximum(last - first, 1).astype(np.float64)
    around = np.searchsorted(among, values)[:, None] + np.arange(-_NEIGHBOURS, _NEIGHBOURS)
    gaps = np.abs(among[np.clip(around, 0, len(among) - 1)] - values[:, None])
    further = np.partition(gaps, _NEIGHBOURS - 1, axis=1)[:, _NEIGHBOURS - 1]
    evenly = np.full(len(values), np.inf)
    np.divide(_NEIGHBOURS * distance, further, out=evenly, where=further > 0)
    fine = np.where(within < _NEIGHBOURS, np.minimum(within, evenly), within)
    return np.asarray(np.maximum(fine, _FINEST) / len(among))


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
