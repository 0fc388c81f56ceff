"""Rows that are copies: equal in every column, which chance does not explain on such columns.

People of one age, sex and class of a ship are equal rows and no copies; two clients with the same
eleven amounts are. What tells them apart is how many equal rows chance gives, which is computed
from the columns themselves.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.statistics.ranking import thin

#: Sets of equal rows are copies where chance makes at most this share of all such sets.
FALSE_SHARE = 0.1
#: A column is cut into so many levels for what it tells of another one; values that many rows
#: have are levels of their own.
_LEVELS = 10
#: So many columns are looked at, those in which rows differ most, and so many rows for the tree.
_MOST_COLUMNS, _MOST_ROWS = 64, 5000
#: Longer texts are never equal by chance.
_MOST_WORDS = 12


def same_values(values: Array, others: Array) -> Bools:
    """Whether values are equal, or both are missing: a missing value is one like any other."""
    return np.asarray((values == others) | (np.isnan(values) & np.isnan(others)))


def row_identity(inputs: Floats, *more: Ints) -> Ints:
    """(instance,) the same number for rows that are the same in every column; NaN equals NaN.

    Rows are numbered as the bytes of their columns would be sorted. Columns are looked at one after
    the other, and only in rows that are still the same, so that little memory is needed.

    >>> row_identity(np.array([[3.0, 1.0], [3.0, np.nan], [3.0, 1.0]])).tolist()
    [0, 1, 0]
    """
    return identity_of([*inputs.T, *(labels.astype(np.float64) for labels in more)], len(inputs))


def identity_of(columns: Iterable[Floats], n: int) -> Ints:
    """As `row_identity`, of columns (instance,) that are given one by one.

    The place of a row is how many rows come before all those that are still the same as it.
    """
    place, tied = np.zeros(n, dtype=np.int64), np.arange(n)
    for column in columns:
        if not len(tied):
            break
        order = np.lexsort((_byte_order(column[tied]), place[tied]))
        rows = tied[order]
        keys, own = _byte_order(column[rows]), place[rows]
        is_new_set = np.append(True, own[1:] != own[:-1])
        is_new = is_new_set | np.append(True, keys[1:] != keys[:-1])
        starts = np.flatnonzero(is_new)
        sizes = np.diff(np.append(starts, len(rows)))
        start_of_set = np.flatnonzero(is_new_set)[np.cumsum(is_new_set) - 1]
        place[rows] = own + np.repeat(starts, sizes) - start_of_set
        tied = rows[np.repeat(sizes > 1, sizes)]
    return numbered(place)


def _byte_order(values: Floats) -> NDArray[np.uint64]:
    """(instance,) whole numbers in the order of the bytes of the values; one for each NaN and 0."""
    plain = np.where(np.isnan(values), np.nan, values + 0.0)
    return np.asarray(plain.view(np.uint64).byteswap())


def numbered(values: Array) -> Ints:
    """(row,) the values as 0, 1, 2, … in ascending order."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def is_repeat(identity: Ints) -> Bools:
    """(instance,) whether an earlier row is the same."""
    repeat = np.ones(len(identity), dtype=bool)
    repeat[np.unique(identity, return_index=True)[1]] = False
    return repeat


def disagrees(identity: Ints, values: Array) -> Bools:
    """(instance,) whether a row that is the same has another value.

    >>> disagrees(np.array([0, 0, 1, 1]), np.array([5, 6, 7, 7])).tolist()
    [True, True, False, False]
    """
    low = np.full(identity.max(initial=-1) + 1, np.inf)
    high = -low
    np.minimum.at(low, identity, values)
    np.maximum.at(high, identity, values)
    return np.asarray((low != high)[identity])


def joined(first: Ints, second: Ints) -> Ints:
    """(instance,) the finest grouping that keeps the sets of both groupings whole."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    here, in_second = numbered(first), numbered(second)
    n = int(here.max()) + 1
    size = n + int(in_second.max()) + 1
    edges = coo_array((np.ones(len(here)), (here, in_second + n)), shape=(size, size))
    return np.asarray(connected_components(edges, directed=False)[1][here], dtype=np.int64)


def copied_rows(inputs: Floats) -> Ints:
    """(row,) the same number for rows that are copies of one another; every other has its own.

    Chance is a model of the columns: each depends on the one that tells most of it (a tree, Chow
    and Liu), by its levels, and within a level its values are as frequent as in the table. A value
    that only one set of equal rows has counts as often as values seen once come again (Good and
    Turing), so that copies do not explain themselves.

    Sets of equal rows are copies up to the expected number at which chance makes `FALSE_SHARE` of
    all that are found (Benjamini and Hochberg), unless chance makes more than that share of the set
    itself, or more rows than that differ from it in a single column: there rows lie close anyway.
    Where rows are equal because columns have few values none are copies, though some may be among
    them: nothing can tell.

    inputs : (row, column), NaN is missing.

    References: Chow & Liu 1968, doi:10.1109/TIT.1968.1054142; Good 1953,
    doi:10.1093/biomet/40.3-4.237; Benjamini & Hochberg 1995,
    doi:10.1111/j.2517-6161.1995.tb02031.x.

    >>> numbers = np.random.default_rng(0).normal(size=(200, 4))
    >>> len(np.unique(copied_rows(numbers[[*range(200), 7]])))
    200
    >>> few_values = np.round(numbers)
    >>> len(np.unique(few_values, axis=0)), len(np.unique(copied_rows(few_values)))
    (132, 200)
    """
    identity = row_identity(inputs)
    if not is_repeat(identity).any():
        return identity
    codes = np.column_stack([numbered(column) for column in _most_telling(inputs).T])
    expected = _expected_equal(codes, identity)
    return _copied(identity, expected, lambda sets: _near_rows(codes, sets))


def copied_texts(texts: Sequence[Sequence[str]]) -> Ints:
    """As `copied_rows`, of texts of words: short ones, such as “very good”, are equal by chance.

    Chance draws each word after the one before it, as often as it follows there in texts of at most
    `_MOST_WORDS` words; where only one text has the two, as often as the word occurs at all.

    >>> said = ["thank you", "thank you all", "thank you", "thank him", "ship came late and broken"]
    >>> copied_texts([text.split() for text in [*said, said[-1]]]).tolist()
    [1, 2, 3, 4, 0, 0]
    """
    places: dict[tuple[str, ...], int] = {}
    identity = np.array([places.setdefault(tuple(text), len(places)) for text in texts])
    sizes = np.bincount(identity)
    short = {text: place for text, place in places.items() if len(text) <= _MOST_WORDS}
    pairs, different, words = Counter[_Pair](), Counter[_Pair](), Counter[str]()
    for text, place in short.items():
        for pair in _pairs(text):
            pairs[pair] += int(sizes[place])
            different[pair] += 1
            words[pair[1]] += 1
    before = Counter[str]()
    for (first, _), n in pairs.items():
        before[first] += n
    expected, total = np.zeros(len(places)), words.total()
    for text, place in short.items():
        chances = [
            pairs[pair] / before[pair[0]] if different[pair] > 1 else words[pair[1]] / total
            for pair in _pairs(text)
        ]
        expected[place] = before[""] * math.prod(chances)
    return _copied(identity, expected[identity], lambda sets: np.zeros(len(sets)))


_Pair = tuple[str, str]


def _pairs(text: Sequence[str]) -> Iterable[_Pair]:
    """Each word with the one before it; "" before the first and after the last."""
    return pairwise(("", *text, ""))


def _copied(identity: Ints, expected: Floats, near_rows: Callable[[Ints], Floats]) -> Ints:
    """(row,) sets of equal rows that chance does not explain; every other row by itself.

    expected : (row,) equal rows that chance gives. near_rows : of the first rows of sets, how many
    rows are nearly like each.
    """
    first, sizes = np.unique(identity, return_index=True, return_counts=True)[1:]
    first, repeats = first[sizes > 1], sizes[sizes > 1] - 1
    limit = np.minimum(_limit(expected[first], repeats, expected), FALSE_SHARE * repeats)
    few = expected[first] <= limit
    first, repeats = first[few], repeats[few]
    first = first[near_rows(first) <= FALSE_SHARE * repeats]
    is_copied = np.isin(identity, identity[first])
    return numbered(np.where(is_copied, identity, identity.max() + 1 + np.arange(len(identity))))


def _limit(chance: Floats, repeats: Ints, expected: Floats) -> float:
    """The greatest number for a set up to which chance makes `FALSE_SHARE` of what is found.

    chance : (set,) expected numbers. found : (set,) equal rows beside the first. expected : (row,).
    """
    ordered = np.maximum(np.sort(expected), np.finfo(np.float64).tiny)
    beside = 1 + np.expm1(-ordered) / ordered  # by Poisson's law, for each row
    by_chance = np.append(0.0, np.cumsum(beside))
    order = np.argsort(chance, kind="stable")
    within = by_chance[np.searchsorted(ordered, chance[order] * (1 + 1e-9), side="right")]
    fits = within <= FALSE_SHARE * np.cumsum(repeats[order])
    return float(chance[order][fits].max(initial=-1.0))


def _most_telling(inputs: Floats) -> Floats:
    """The columns in which rows differ most; what is equal in all columns is so in these."""
    if inputs.shape[1] <= _MOST_COLUMNS:
        return inputs
    seen = inputs[thin(len(inputs), _MOST_ROWS)]
    agreeing = [(np.bincount(numbered(column)) ** 2).sum() for column in seen.T]
    return inputs[:, np.sort(np.argsort(agreeing, kind="stable")[:_MOST_COLUMNS])]


def _expected_equal(codes: Ints, identity: Ints) -> Floats:
    """(row,) how many equal rows a tree of columns expects; see `copied_rows`.

    codes : (row, column) position of each value among those of its column.
    """
    levels = np.column_stack([levels_of(column) for column in codes.T])
    order, parents = column_tree(levels)
    once_each = ~is_repeat(identity)
    expected = np.full(len(codes), float(len(codes)))
    for column in order:
        own, parent = codes[:, column], parents[column]
        inside = levels[:, parent] if parent >= 0 else np.zeros_like(own)
        pairs = numbered(own * (_LEVELS * 2) + inside)
        seen = np.bincount(pairs)[pairs].astype(np.float64)
        rows_with = np.bincount(own[once_each])
        again = 2 * ((rows_with == 2).sum() + 1) / ((rows_with == 1).sum() + 1)
        seen = np.where(rows_with[own] == 1, np.minimum(seen, again), seen)
        expected *= seen / np.bincount(inside)[inside]
    return expected


def levels_of(codes: Ints) -> Ints:
    """(row,) `_LEVELS` bands with about as many rows each; a value with as many is one itself."""
    n, sizes = len(codes), np.bincount(codes)
    middles = (np.cumsum(sizes) - sizes / 2) / n
    level = np.minimum((middles * _LEVELS).astype(np.int64), _LEVELS - 1)
    large = np.flatnonzero(sizes >= n / _LEVELS)
    level[large] = _LEVELS + np.arange(len(large))
    return numbered(level[codes])


def column_tree(levels: Ints) -> tuple[Ints, Ints]:
    """The columns, each after its parent, and (column,) the parent; −9999 for the first one.

    The tree has the largest sum of mutual information (Chow and Liu).
    """
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    starts = np.append(0, np.cumsum(levels.max(axis=0) + 1))
    seen = levels[thin(len(levels), _MOST_ROWS)] + starts[:-1]
    is_level = np.zeros((len(seen), starts[-1]), dtype=np.float32)
    np.put_along_axis(is_level, seen, 1.0, axis=1)
    joint = np.asarray(is_level.T @ is_level, dtype=np.float64) / len(seen)
    alone = np.diag(joint)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint * np.log(joint / np.outer(alone, alone)), 0.0)
    information = np.add.reduceat(np.add.reduceat(terms, starts[:-1], axis=0), starts[:-1], axis=1)
    lengths = information.max() + 1 - information  # above 0, which is no edge
    edges = minimum_spanning_tree(np.triu(lengths, k=1))
    order, parents = breadth_first_order(edges, 0, directed=False)
    return order, parents


def _near_rows(codes: Ints, rows: Ints) -> Floats:
    """(row,) how many rows differ from each of these in exactly one column.

    Rows are compared by the sum of a random number of 64 bits for each of their values.
    """
    random = np.random.default_rng(len(codes))
    numbers = [
        random.integers(0, 2**64, size=int(column.max()) + 1, dtype=np.uint64)[column]
        for column in codes.T
    ]
    whole: NDArray[np.uint64] = np.asarray(np.sum(numbers, axis=0, dtype=np.uint64))
    ordered = np.sort(whole)
    equal = _count(ordered, whole[rows])
    near = np.zeros(len(rows))
    for column in numbers:
        rest = whole - column
        near += _count(np.sort(rest), rest[rows]) - equal
    return near


def _count(ordered: NDArray[np.uint64], values: NDArray[np.uint64]) -> Ints:
    """How often each value stands in an ascending array."""
    low = np.searchsorted(ordered, values, side="left")
    return np.asarray(np.searchsorted(ordered, values, side="right") - low)
