"""Which rows train, validate and are tested in each fold of a cross-validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.split.splitting import (
    assign_by_quotas,
    joined,
    quotas_of,
    row_identity,
    strata_of,
)

#: What decides which rows are tested together.
Drawn = Literal["random", "entities", "time"]
#: Rows for each fold from which on a group within a class is shared out evenly by itself.
_LEAST_OF_GROUP = 5


@dataclass(frozen=True)
class FoldRows:
    """One fold; each an array of (row,) positions, ascending."""

    train: Ints
    validation: Ints
    test: Ints


@dataclass(frozen=True)
class FoldRule:
    """How all rows of a data set are shared out among folds.

    folds : how many, at least 2. validation_share : of the rows that are not tested, from 0 to 1;
    they choose when a training stops, and the threshold. together : rows with the same inputs are
    in one fold.
    """

    folds: int
    validation_share: float
    together: bool = True

    @staticmethod
    def drawn_by(rows: Split) -> Drawn:
        """By the time of the rows where it is known, else by entities where these are."""
        if rows.moments is not None:
            return "time"
        return "random" if rows.entities is None else "entities"

    def of(self, rows: Split, groups: Iterable[Ints], seed: int) -> list[FoldRows]:
        """The folds, in each of which other rows are tested.

        Where the time of the rows is known a fold is trained on what came before: the rows are cut
        into one block more than there are folds, and block after block is tested (forward
        chaining). Rows of one moment are in one block, and rows without a moment in the first one.
        Otherwise each row is tested once. Classes, or bands of the number to predict, are shared
        out evenly, and within them the groups where each fold can get five rows; rows of one
        entity, and rows with the same inputs, are in one part.

        groups : (row,) group of each row by one attribute after the other, -1 where it is unknown.

        Raises
        ------
        ValueError : a fold has no rows to train on, to validate on or to test.
        """
        if rows.moments is not None:
            folds = list(self._forward(np.where(np.isnan(rows.moments), -np.inf, rows.moments)))
        else:
            folds = list(self._at_random(rows, groups, seed))
        if not all(map(len, (part for fold in folds for part in vars(fold).values()))):
            raise ValueError("a fold has no rows to train on, to validate on or to test")
        return folds

    def _forward(self, moments: Floats) -> Iterator[FoldRows]:
        cuts = np.arange(1, self.folds + 1) / (self.folds + 1)
        ends = np.quantile(moments, cuts, method="higher")
        block = np.searchsorted(ends, moments, side="right")
        for fold in range(1, self.folds + 1):
            before = np.flatnonzero(block < fold)
            last = np.inf
            if len(before):
                last = np.quantile(moments[before], 1 - self.validation_share, method="higher")
            late = moments[before] >= last
            yield FoldRows(before[~late], before[late], np.flatnonzero(block == fold))

    def _at_random(self, rows: Split, groups: Iterable[Ints], seed: int) -> Iterator[FoldRows]:
        random = np.random.default_rng([seed, 11])
        units = row_identity(rows.inputs) if self.together else np.arange(len(rows))
        units = units if rows.entities is None else joined(units, rows.entities)
        alike = strata_of(rows)
        strata = _refined(alike, groups, _LEAST_OF_GROUP * self.folds)
        fold = assign_by_quotas(strata, units, _even_quotas(strata, self.folds), random)
        for k in range(self.folds):
            rest = np.flatnonzero(fold != k)
            own, own_units = _numbered(alike[rest]), _numbered(units[rest])
            shares = (1 - self.validation_share, self.validation_share)
            quotas = quotas_of(np.bincount(own), shares)
            part = assign_by_quotas(own, own_units, quotas, random)
            yield FoldRows(rest[part == 0], rest[part == 1], np.flatnonzero(fold == k))


def _refined(strata: Ints, groups: Iterable[Ints], least: int) -> Ints:
    """(row,) the strata, divided by one attribute after the other; smaller cells stay undivided."""
    for codes in groups:
        cells = _numbered(strata * (codes.max(initial=0) + 2) + codes + 1)
        large = np.bincount(cells)[cells] >= least
        strata = _numbered(np.where(large, cells, cells.max() + 1 + strata))
    return strata


def _numbered(values: Ints) -> Ints:
    """(row,) the values as 0, 1, 2, …"""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _even_quotas(strata: Ints, folds: int) -> Ints:
    """(stratum, fold) as even as it can be, in each stratum and over all."""
    ordered, most = np.sort(strata), int(strata.max()) + 1
    dealt = [np.bincount(ordered[k::folds], minlength=most) for k in range(folds)]
    return np.stack(dealt, axis=1)
