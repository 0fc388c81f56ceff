"""How numbers are written, as columns of their own: their decimals, digits and round values.

What a number says of a case lies in its size. Where its last digit or its rounding tells the label,
the number was written by somebody, or something, that knew it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.statistics.scorecards import BinnedPart

#: `decimals`: how many a cell has. `last_digit`: the digit at the last decimal of the column, of
#: whole numbers the units. `units`, `tenths`: those digits of a column with more decimals. `zeros`:
#: how many zeros a whole number ends in.
Kind = Literal["decimals", "last_digit", "units", "tenths", "zeros"]

#: More decimals than these are those of a computed number; with them come 0 to 6, and missing.
_MOST_DECIMALS = 6
_MANY = _MOST_DECIMALS + 1
_MOST_ZEROS = 4
#: Codes of a trait are 0 to 9; the last bin is that of missing cells.
WIDTH = 11
#: Digits are looked at where so large a share of the cells has few decimals.
_WRITTEN = 0.9
#: Relative error of a number that was read as single or double precision.
_SINGLE, _DOUBLE = 2.0**-22, 2.0**-44


@dataclass(frozen=True)
class Trait:
    """How the numbers of a column are written; column : its position."""

    column: int
    kind: Kind


@dataclass(frozen=True)
class Traits:
    """The traits of several columns; codes : (row, trait), 0 to 9, and 10 of a missing cell."""

    known: tuple[Trait, ...]
    codes: Ints

    def part(self, rows: slice, labels: Ints) -> BinnedPart:
        """Some of the rows, with their labels."""
        return BinnedPart(self.codes[rows], labels, WIDTH)


def traits_of(values: Floats, columns: Ints) -> Traits:
    """The traits that differ between rows; a cell of 0 counts as the most frequent way of writing.

    An amount of 0 says that there is none, which is no matter of how it is written.

    Parameters
    ----------
    values : (row, column), NaN is missing. columns : positions of those that hold numbers.
    """
    telling = [
        (Trait(column, kind), codes)
        for column in columns.tolist()
        for kind, codes in _written(values[:, column])
    ]
    codes = np.array([each for _, each in telling], dtype=np.int64).T.reshape(
        len(values), len(telling)
    )
    return Traits(tuple(trait for trait, _ in telling), codes)


def _written(cells: Floats) -> Iterator[tuple[Kind, Ints]]:
    known = ~np.isnan(cells)
    counted = known & (cells != 0)
    if not counted.any():
        return
    sizes = np.abs(np.where(known, cells, 0.0))
    decimals = _decimals(sizes)
    for kind, codes in _kinds(sizes, decimals, counted):
        usual = np.bincount(codes[counted]).argmax()
        if (codes[counted] != usual).any():
            yield kind, np.where(known, np.where(counted, codes, usual), WIDTH - 1)


def _kinds(sizes: Floats, decimals: Ints, counted: Bools) -> Iterator[tuple[Kind, Ints]]:
    yield "decimals", decimals
    few = decimals < _MANY
    if few[counted].mean() < _WRITTEN:
        return
    most = int(decimals[counted & few].max())
    scaled = np.rint(sizes * 10.0**most)
    yield "last_digit", (scaled % 10).astype(np.int64)
    if most >= 1:
        yield "units", (scaled // 10**most % 10).astype(np.int64)
    if most >= 2:
        yield "tenths", (scaled // 10 ** (most - 1) % 10).astype(np.int64)
    if most == 0:
        ends = [scaled % 10**k == 0 for k in range(1, _MOST_ZEROS + 1)]
        yield "zeros", np.sum(ends, axis=0, dtype=np.int64)


def _decimals(sizes: Floats) -> Ints:
    """(row,) how many decimals each number needs, at most `_MANY`."""
    single = bool((sizes == sizes.astype(np.float32)).all())
    error = _SINGLE if single else _DOUBLE
    decimals = np.full(len(sizes), _MANY, dtype=np.int64)
    for places in range(_MOST_DECIMALS, -1, -1):
        scaled = sizes * 10.0**places
        slack = np.minimum(error * scaled + 1e-9, 0.05)
        decimals[np.abs(scaled - np.rint(scaled)) <= slack] = places
    return decimals
