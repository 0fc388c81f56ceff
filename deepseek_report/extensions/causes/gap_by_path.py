"""The gap of an outcome between two groups as direct, indirect and spurious parts.

With 1 the compared group and 0 the group that it is compared with, W what the group changes and Z
what it does not, the gap E[Y | 1] − E[Y | 0] is the sum of

    direct    E[Y(1, W(0)) − Y(0) | 0]      rows of group 0 are treated as group 1, W stays
    indirect  E[Y(1) − Y(1, W(0)) | 0]      W becomes what it would be in group 1
    spurious  E[Y | 1] − E[Y(1) | 0]        what is left: Z differs

each estimated by cross-fitted augmented inverse probability weighting. The weights are calibrated:
a weighted regression on what is held alike makes up for what they leave uneven between the groups.

Reference: Plečko & Bareinboim 2024, doi:10.1561/2200000106, arXiv 2207.11385 (x-specific effects);
Deville & Särndal 1992, doi:10.1080/01621459.1992.10475217 (calibration).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.extensions.causes import effects
from deepseek_report.extensions.causes.cross_fitting import (
    CausalData,
    Design,
    cross_fitted,
    standardised,
)
from deepseek_report.extensions.causes.graph import CausalRefusal, PathSets

Path = Literal["total", "direct", "indirect", "spurious"]
PATHS: tuple[Path, ...] = ("total", "direct", "indirect", "spurious")


@dataclass(frozen=True)
class PathGap:
    """The parts of a gap; direct, indirect and spurious add up to the total.

    group, compared, reference : the attribute, and the positions of the two groups; a part above 0
        raises the outcome of the compared group.
    parts : {path: estimate}, in the outcome's unit. overlap : how far rows of the reference have
        counterparts where everything is held alike. used : (row,) of all rows, whether it is used.
        influences : {path: (used row,) what each adds}; a part is the mean of these.
    """

    group: str
    outcome: str
    compared: int
    reference: int
    sets: PathSets
    parts: Mapping[Path, Estimate]
    overlap: effects.Overlap
    used: Bools = field(repr=False)
    influences: Mapping[Path, Floats] = field(repr=False)


def gaps_by_path(
    data: CausalData, sets: PathSets, group: str, levels: tuple[int, int], outcomes: Sequence[str]
) -> list[PathGap] | CausalRefusal:
    """The parts of the gaps of several outcomes between two groups, all of the same rows.

    sets : from `CausalGraph.path_sets`. levels : positions of the compared group and of the group
        that it is compared with; rows of others are left out. outcomes : numbers, or of two
        classes, whose second one is counted.

    Refused where a group has too few rows, or too few with counterparts in the other.
    """
    values = data.variables[group].values
    used = data.complete([group, *outcomes]) & ((values == levels[0]) | (values == levels[1]))
    inside = data.take(used)
    compared = inside.variables[group].values == levels[0]
    sizes = [inside.resampling.occurring(part) for part in (compared, ~compared)]
    if refusal := effects.too_few(sizes):
        return refusal
    folds = inside.folds(compared.astype(np.int64))
    alike = both = _Weighting.of(inside, compared, sets.confounders, folds)
    if sets.mediators:
        both = _Weighting.of(inside, compared, sets.confounders + sets.mediators, folds)
    overlap = both.overlap(inside)
    if refusal := overlap.refusal(inside.resampling.n_units):
        return refusal
    method, gaps = message("interval_methods.aipw"), []
    for outcome in outcomes:
        influences = _influences(inside.variables[outcome].values, alike, both)
        parts = {path: inside.resampling.mean(each, method) for path, each in influences.items()}
        gaps.append(PathGap(group, outcome, *levels, sets, parts, overlap, used, influences))
    return gaps


def _influences(y: Floats, alike: _Weighting, both: _Weighting) -> dict[Path, Floats]:
    reference = ~alike.compared
    fitted = alike.fitted(y)
    changed = crossed = alike.mean_of(y, fitted)
    if both is not alike:
        crossed = both.mean_of(y, both.fitted(y))
    own = _own_mean(y, alike.compared, alike.corrected(y, fitted))
    other = _own_mean(y, reference, y)
    parts: dict[Path, _Mean] = {
        "total": own - other,
        "direct": crossed - other,
        "indirect": changed - crossed,
        "spurious": own - changed,
    }
    return {path: part.influence for path, part in parts.items()}


@dataclass(frozen=True)
class _Mean:
    """A mean outcome, or a difference of such means, by what each row adds to its error.

    value : the mean. expected, left : (row,) what rows add by what is expected of them, and by the
        errors of what is expected. further : (row,) each, by which the errors are enlarged; they
        come from regressions, so that they do not cancel where means are subtracted.
    """

    value: float
    expected: Floats
    left: Floats
    further: tuple[Floats, ...] = ()

    def __sub__(self, other: _Mean) -> _Mean:
        if other is self:
            return _Mean(0.0, self.expected * 0.0, self.left * 0.0)
        return _Mean(
            self.value - other.value,
            self.expected - other.expected,
            self.left - other.left,
            self.further + other.further,
        )

    @property
    def influence(self) -> Floats:
        """(row,) values with this mean, whose error is its error."""
        squares = sum((each**2 for each in self.further), self.left**2)
        side = np.where(self.left == 0, sum(self.further, self.left), self.left)
        values = self.expected + np.where(side < 0, -1.0, 1.0) * np.sqrt(squares)
        return np.asarray(values + self.value - values.mean())


def _own_mean(y: Floats, part: Bools, expected: Floats) -> _Mean:
    """Of the rows of a part; of which `expected` is known, (row,)."""
    scaled = part / part.mean()
    centred = expected - float(expected[part].mean())
    return _Mean(float(y[part].mean()), scaled * centred, scaled * (y - expected))


@dataclass(frozen=True)
class _Weighting:
    """How compared rows stand for the reference, where some variables are held alike.

    chances : (row,) of being in the compared group. weights : (row,) of compared rows, by the odds
        of the reference; 0 for others.
    """

    compared: Bools
    design: Design
    folds: Ints
    chances: Floats
    weights: Floats

    @classmethod
    def of(cls, data: CausalData, compared: Bools, held: Sequence[str], folds: Ints) -> _Weighting:
        design, everybody = data.design(held), np.ones(len(compared), bool)
        chances = cross_fitted(compared.astype(np.float64), design, folds, everybody, chance=True)
        return cls(
            compared, design, folds, chances, effects.weights_of(compared, chances, odds=True)
        )

    def overlap(self, data: CausalData) -> effects.Overlap:
        """How far rows of the reference have counterparts."""
        reference = ~self.compared
        return effects.Overlap(
            float((self.chances[reference] < effects.LEAST_CHANCE).mean()),
            effects.effective_rows(data.resampling, self.weights),
            float(reference.mean()),
        )

    @cached_property
    def _factors(self) -> Floats:
        return effects.enlarged(self.weights, self.design.bent)

    def fitted(self, y: Floats) -> Floats:
        """(row,) what the outcome would be in the compared group, by other rows."""
        binary = CausalData.binary(y)
        return cross_fitted(y, self.design, self.folds, self.compared, binary)

    def corrected(self, y: Floats, fitted: Floats) -> Floats:
        """(row,) the same plus a weighted regression of what it leaves on `_basis`."""
        basis = self._basis(fitted)
        return fitted + basis @ self._solved(basis, basis.T @ (self.weights * (y - fitted)))

    def _calibrated(self, fitted: Floats) -> Floats:
        """(row,) weights under which compared rows have nearly the means of the reference."""
        basis = self._basis(fitted)
        uneven = basis[~self.compared].sum(axis=0) - basis.T @ self.weights
        return self.weights * (1 + basis @ self._solved(basis, uneven))

    def _basis(self, fitted: Floats) -> Floats:
        """(row, column) 1, what is held alike, the prediction, and the log-odds of the group."""
        kept = np.clip(self.chances, effects.CLIP, 1 - effects.CLIP)
        further = [standardised(each) for each in (fitted, np.log(kept / (1 - kept)))]
        return np.column_stack([np.ones(len(fitted)), self.design.plain, *further])

    def _solved(self, basis: Floats, right: Floats) -> Floats:
        """Of the regression on a basis, with the penalty of `enlarged` on all but the constant."""
        total = float(self.weights.sum())
        penalty = np.full(
            basis.shape[1], effects.PENALTY * float(self.weights @ self.weights) / total
        )
        penalty[0] = 0.0
        gram = basis.T @ (basis * self.weights[:, None]) + np.diag(penalty)
        return np.asarray(np.linalg.solve(gram, right), np.float64)

    def _leverage(self, fitted: Floats) -> Floats:
        """(row,) by which part a row's own outcome decides what `corrected` expects of it.

        1 / (1 − this) makes its error that of a regression without the row.
        """
        basis = self._basis(fitted)
        own = np.einsum("ij,ji->i", basis, self._solved(basis, basis.T))
        return np.asarray(np.minimum(self.weights * own, effects.MOST_LEVERAGE))

    def mean_of(self, y: Floats, fitted: Floats) -> _Mean:
        """E[E[Y | compared, held] | reference]: the reference treated as the compared group."""
        reference, expected = ~self.compared, self.corrected(y, fitted)
        value, share = float(expected[reference].mean()), float(reference.mean())
        left = self._calibrated(fitted) * (y - expected) / share
        factors = self._factors / (1 - self._leverage(fitted))
        enlargement = left * np.sqrt(factors**2 - 1)
        return _Mean(value, reference / share * (expected - value), left, (enlargement,))


def widening(answers: PathGap, labels: PathGap, data: CausalData) -> dict[Path, Estimate]:
    """{path: how much larger the part is in answers than in labels}, with paired intervals.

    Both are of the same groups. Above 0: the model adds to what the path gives the compared group.
    ValueError where the gaps are not of the same rows.
    """
    if not np.array_equal(answers.used, labels.used):
        raise ValueError("the gaps are of different rows, and cannot be paired")
    rows, method = data.resampling.take(answers.used), message("interval_methods.aipw")
    return {
        path: rows.mean(answers.influences[path] - labels.influences[path], method)
        for path in PATHS
    }
