"""Predictions of what each row's value would be from other rows, by a mean of several learners.

A value is predicted by learners that never saw the row's fold: a linear one, one on bent curves and
products of pairs, both with penalties, and boosted trees. The learners are averaged with weights of
at least 0 that fit the out-of-fold predictions best, so that each world is met by who suits it.

Reference: Chernozhukov et al. 2018, doi:10.1111/ectj.12097 (cross-fitting); Ahrens, Hansen,
Schaffer & Wiemann 2025, doi:10.1002/jae.3103 (short-stacking).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.statistics.resampling import Resampling

#: Rows are parted into so many folds.
FOLDS = 5
#: Levels of a class beyond so many of the most frequent ones are held alike as one.
_MOST_LEVELS = 12
#: Bent curves of a number have knots at these quantiles; so many columns have products at most.
_KNOTS, _MOST_PAIRED = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95), 8
#: Penalties on squared coefficients of standardised columns, from the simplest to the most bent.
_PENALTIES = (300.0, 30.0, 3.0)
#: A logistic fit takes so many steps of Newton's at most.
_STEPS = 12
#: Log-odds by which a step moves a coefficient at most, and the step below which it ends.
_FARTHEST, _SMALLEST_STEP = 2.0, 1e-4
#: So many rows are learnt from at most, which bounds the time; all rows are predicted.
_MOST_LEARNT = 10_000
#: Boosted trees, and the part of what is left that each of them takes.
_TREES, _RATE = 25, 0.2


@dataclass(frozen=True)
class Variable:
    """The values of a node.

    values : (row,) numbers, or positions 0, 1, … of classes; NaN is missing. levels : how many
        classes there are; 0 for numbers.
    """

    values: Floats
    levels: int = 0

    @property
    def known(self) -> Bools:
        """(row,) whether the value is not missing."""
        return ~np.isnan(self.values)

    def take(self, rows: Ints | Bools) -> Variable:
        return replace(self, values=self.values[rows])

    @cached_property
    def columns(self) -> Floats:
        """(row, column) standardised numbers, or indicators of levels, and of what is missing.

        Missing numbers stand at the mean. Rare levels beyond `_MOST_LEVELS` have 0 in all columns.
        """
        known = self.known
        mean = float(self.values[known].mean()) if known.any() else 0.0
        filled = np.where(known, self.values, mean)
        made = self._indicators() if self.levels else [filled]
        columns = [np.asarray(column, np.float64) for column in (*made, ~known)]
        varying = [standardised(column) for column in columns if np.ptp(column) > 0]
        return np.column_stack(varying) if varying else np.zeros((len(known), 0))

    def _indicators(self) -> list[Bools]:
        """One for each frequent level but the first of them."""
        counts = np.bincount(self.values[self.known].astype(np.int64), minlength=self.levels)
        frequent = np.argsort(-counts, kind="stable")[:_MOST_LEVELS]
        kept = np.sort(frequent[counts[frequent] > 0])
        all_kept = len(kept) == int((counts > 0).sum())
        return [self.values == level for level in kept[int(all_kept) :]]


@dataclass(frozen=True)
class CausalData:
    """What effects are estimated from.

    variables : a `Variable` of each measured node, all of the same rows. resampling : which rows
        belong together; entities are never parted between folds. seed : of the folds and of
        permutations; the same seed gives the same numbers.
    """

    variables: Mapping[str, Variable]
    resampling: Resampling
    seed: int = 0

    def take(self, rows: Bools) -> CausalData:
        """Of some (row,) of the rows."""
        inside = {name: variable.take(rows) for name, variable in self.variables.items()}
        return CausalData(inside, self.resampling.take(rows), self.seed)

    def with_variable(self, name: str, variable: Variable) -> CausalData:
        """With a further variable, or another one in its place."""
        return replace(self, variables={**self.variables, name: variable})

    def complete(self, names: Sequence[str]) -> Bools:
        """(row,) whether none of these variables is missing."""
        known = [self.variables[name].known for name in names]
        return np.asarray(np.all([np.ones(self.resampling.n, bool), *known], axis=0))

    @staticmethod
    def binary(values: Floats) -> bool:
        """Whether (row,) values are chances or classes: all of them 0 or 1."""
        return bool(np.isin(values, (0.0, 1.0)).all())

    def rng(self, purpose: int) -> np.random.Generator:
        """Random numbers of one purpose, which do not depend on what else was drawn."""
        return np.random.default_rng([self.seed, purpose])

    def folds(self, strata: Ints | None = None, n_folds: int = FOLDS) -> Ints:
        """(row,) the fold of each row; independent rows of each stratum are spread over all folds.

        strata : (row,) such as the treatment; entities are spread without regard to them.
        """
        rng, resampling = self.rng(0), self.resampling
        if resampling.units is not None:
            return np.asarray((rng.permutation(resampling.n_units) % n_folds)[resampling.units])
        drawn = rng.permutation(resampling.n)
        order = drawn if strata is None else drawn[np.argsort(strata[drawn], kind="stable")]
        folds = np.empty(resampling.n, np.int64)
        folds[order] = np.arange(resampling.n) % n_folds
        return folds

    def design(self, names: Sequence[str]) -> Design:
        """The columns by which these variables predict."""
        return Design.of([self.variables[name] for name in names], self.resampling.n)


@dataclass(frozen=True)
class Design:
    """The same variables as each kind of learner needs them.

    plain : (row, column) standardised numbers and indicators. bent : (row, column) these, hinges at
        quantiles of numbers, and products of pairs.
    """

    plain: Floats
    bent: Floats

    @classmethod
    def of(cls, variables: Sequence[Variable], n: int) -> Design:
        """Of n rows with these variables; of none, every prediction is a mean."""
        columns = np.hstack([np.zeros((n, 0)), *(variable.columns for variable in variables)])
        hinges = [hinge for column in columns.T for hinge in _hinges(column)]
        paired = columns[:, :_MOST_PAIRED]
        pairs = [(a, b) for a in range(paired.shape[1]) for b in range(a + 1, paired.shape[1])]
        products = [paired[:, a] * paired[:, b] for a, b in pairs]
        further = [standardised(column) for column in (*hinges, *products) if np.ptp(column) > 0]
        return cls(columns, np.column_stack([columns, *further]))


def standardised(column: Floats) -> Floats:
    """A column with mean 0 and standard deviation 1; one that does not vary becomes 0."""
    spread = float(column.std())
    return np.asarray((column - column.mean()) / spread if spread > 0 else column * 0.0)


def _hinges(column: Floats) -> list[Floats]:
    """max(x − knot, 0) at quantiles of a number; none of a column of few values."""
    if len(np.unique(column)) <= len(_KNOTS):
        return []
    knots = np.unique(np.quantile(column, _KNOTS))
    return [np.maximum(column - knot, 0.0) for knot in knots]


def cross_fitted(
    target: Floats,
    design: Design,
    folds: Ints,
    among: Bools,
    chance: bool = False,
    smooth: bool = False,
) -> Floats:
    """(row,) predictions of a target by learners that saw no row of the same fold.

    target : (row,) numbers, or 0 and 1 where `chance`. folds : (row,) from `CausalData.folds`.
    among : (row,) the rows that are learnt from, up to `_MOST_LEARNT` of them evenly spread; all
        rows are predicted. smooth : do without trees, whose steps make odds uneven.

    Returns values within the range of the target among these rows.
    """
    from scipy.optimize import nnls

    candidates = []
    for fold in range(int(folds.max()) + 1):
        inside = folds == fold
        learnt = _at_most(np.flatnonzero(among & ~inside))
        fitted = _candidates(target, design, learnt, inside, chance)
        if not smooth:
            fitted.append(_trees(target, design, learnt, inside, chance))
        candidates.append((inside, fitted))
    stacked = np.empty((len(target), len(candidates[0][1])))
    for inside, predicted in candidates:
        stacked[inside] = np.column_stack(predicted)
    weights, _ = nnls(stacked[among], target[among])
    total = float(weights.sum())
    weights = weights / total if total > 0 else np.full(len(weights), 1 / len(weights))
    low, high = float(target[among].min()), float(target[among].max())
    return np.asarray(np.clip(stacked @ weights, low, high))


def _at_most(rows: Ints) -> Ints:
    """Rows spread evenly over all of these, where there are more than `_MOST_LEARNT`."""
    if len(rows) <= _MOST_LEARNT:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _MOST_LEARNT).astype(np.int64)]


def _candidates(
    target: Floats, design: Design, learnt: Ints, predicted: Bools, chance: bool
) -> list[Floats]:
    """The predictions of the mean and of regressions for some rows, learnt from others."""
    y = target[learnt]
    mean = np.full(int(predicted.sum()), float(y.mean()))
    if not design.plain.shape[1] or np.ptp(y) == 0:
        return [mean] * (2 + len(_PENALTIES))
    fit = _logistic_path if chance else _ridge_path
    linear = fit(design.plain[learnt], y, design.plain[predicted], _PENALTIES[-1:])
    bent = fit(design.bent[learnt], y, design.bent[predicted], _PENALTIES)
    return [mean, *linear, *bent]


def _ridge_path(x: Floats, y: Floats, new: Floats, penalties: Sequence[float]) -> list[Floats]:
    """Predictions of new rows by ridge regressions with these penalties."""
    centre, mean = x.mean(axis=0), float(y.mean())
    centred = x - centre
    values, vectors = np.linalg.eigh(centred.T @ centred)
    along = vectors.T @ (centred.T @ (y - mean))
    return [
        mean + (new - centre) @ (vectors @ (along / (np.maximum(values, 0) + penalty)))
        for penalty in penalties
    ]


def _logistic_path(x: Floats, y: Floats, new: Floats, penalties: Sequence[float]) -> list[Floats]:
    """Chances of new rows by logistic regressions with these penalties."""
    design = np.column_stack([np.ones(len(x)), x])
    coefficients = np.zeros(design.shape[1])
    mean = float(y.mean())
    coefficients[0] = np.log(mean / (1 - mean))
    fitted = []
    for penalty in penalties:
        coefficients = _penalised_logistic(design, y, penalty, coefficients)
        fitted.append(_chances(np.column_stack([np.ones(len(new)), new]) @ coefficients))
    return fitted


def _penalised_logistic(design: Floats, y: Floats, penalty: float, start: Floats) -> Floats:
    """Coefficients by Newton's method; the first one is not penalised."""
    ridge = np.full(design.shape[1], penalty)
    ridge[0] = 1e-6
    coefficients = start
    for _ in range(_STEPS):
        chances = _chances(design @ coefficients)
        slope = design.T @ (y - chances) - ridge * coefficients
        curvature = design.T @ (design * (chances * (1 - chances))[:, None])
        step = np.linalg.solve(curvature + np.diag(ridge), slope)
        coefficients = coefficients + step * min(1.0, _FARTHEST / float(np.abs(step).max()))
        if float(np.abs(step).max()) < _SMALLEST_STEP:
            break
    return coefficients


def _chances(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -30, 30))))


def _trees(target: Floats, design: Design, learnt: Ints, predicted: Bools, chance: bool) -> Floats:
    """Predictions of some rows by a fixed number of boosted trees, learnt from others."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    x, y, new = design.plain[learnt], target[learnt], design.plain[predicted]
    if not x.shape[1] or np.ptp(y) == 0:
        return np.full(len(new), float(y.mean()))
    made = HistGradientBoostingClassifier if chance else HistGradientBoostingRegressor
    trees = made(
        max_iter=_TREES,
        learning_rate=_RATE,
        max_depth=3,
        min_samples_leaf=20,
        early_stopping=False,
        random_state=0,
    ).fit(x, y)
    return np.asarray(trees.predict_proba(new)[:, 1] if chance else trees.predict(new), np.float64)
