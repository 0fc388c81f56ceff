"""Logistic regression of few columns, with standard errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.statistics.intervals import Z95
from deepseek_report.statistics.resampling import Resampling, permutation_p_value

if TYPE_CHECKING:
    from scipy.sparse import csr_array


_MOST_STEPS = 100
#: A step that changes no coefficient by more than this ends the search.
_SMALLEST_STEP = 1e-10
#: Where every outcome is fitted as closely as this, the outcomes are separated and no fit is best.
_SEPARATED = 1e-8


def last_coefficient(
    happened: Bools,
    design: Floats,
    offset: Floats | None = None,
    resampling: Resampling | None = None,
) -> Estimate:
    """The last coefficient of a logistic regression, with Wald's 95 % interval.

    happened : (row,) outcomes.
    design : (row, column), with a column of ones where there is to be an intercept.
    offset : (row,) log-odds that are added as they are.
    resampling : what the rows are of; the covariance of dependent rows is the sandwich of scores
        that are added up within entities, and Student's quantile takes the place of Wald's.

    Returns the estimate; NaN where the likelihood has no single maximum, as with separated
    outcomes.

    Reference: McCullagh & Nelder 1989, doi:10.1201/9780203753736, section 2.5; Liang & Zeger 1986,
    doi:10.1093/biomet/73.1.13.

    >>> three_of_four = np.array([True, True, True, False])
    >>> round(last_coefficient(three_of_four, np.ones((4, 1))).value, 3)  # log(3)
    1.099
    """
    fitted = fit_logistic(happened, design, offset)
    if fitted is None:
        return Estimate(math.nan, None, None, len(happened), "")
    drawn = resampling or Resampling(len(happened))
    value, method = float(fitted.coefficients[-1]), message("interval_methods.wald_logistic")
    if drawn.units is None:
        half = Z95 * float(np.sqrt(fitted.covariance[-1, -1]))
    else:
        start = 0.0 if offset is None else offset
        expected = 1 / (1 + np.exp(-np.clip(design @ fitted.coefficients + start, -500, 500)))
        each = drawn.influences((design @ fitted.covariance)[:, -1] * (happened - expected))
        half = drawn.critical * math.sqrt(float(each @ each))
    return Estimate(value, value - half, value + half, len(happened), drawn.describe(method))


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients (column,) of a logistic regression, and their covariance (column, column)."""

    coefficients: Floats
    covariance: Floats


def fit_logistic(
    happened: Bools, design: Floats, offset: Floats | None = None
) -> LogisticFit | None:
    """Maximum likelihood by Newton's method; None where the likelihood has no single maximum.

    Parameters: see `last_coefficient`.
    """
    outcomes, start = happened.astype(np.float64), 0.0 if offset is None else offset
    coefficients = np.zeros(design.shape[1])
    for _ in range(_MOST_STEPS):
        expected = 1 / (1 + np.exp(-np.clip(design @ coefficients + start, -500, 500)))
        if np.abs(outcomes - expected).max(initial=0.0) < _SEPARATED:
            return None
        information = design.T @ (design * (expected * (1 - expected))[:, None])
        try:
            covariance = np.linalg.inv(information)
        except np.linalg.LinAlgError:
            return None
        step = covariance @ (design.T @ (outcomes - expected))
        coefficients += step
        if np.abs(step).max() < _SMALLEST_STEP:
            return LogisticFit(coefficients, np.asarray(covariance, np.float64))
    return None


def log_odds(chances: Floats) -> Floats:
    """Log-odds of probabilities in an array of any shape, kept 1e-9 away from 0 and 1.

    >>> log_odds(np.array([0.5])).tolist()
    [0.0]
    """
    clipped = np.clip(chances, 1e-9, 1 - 1e-9)
    return np.log(clipped / (1 - clipped))


def recalibrated(happened: Bools, chances: Floats) -> Floats:
    """(instance,) the probabilities after a shift and a stretch of their log-odds that fit best.

    Two numbers are fitted, so that what is left is about parts of the data, not about the whole.
    Where no fit is best (outcomes that are separated, or stated to be certain), nothing is changed.

    happened, chances : (instance,) outcomes, and the probability stated of each.

    Reference: Cox 1958, doi:10.1093/biomet/45.3-4.562.
    """
    stated = log_odds(chances)
    fitted = fit_logistic(happened, np.column_stack([np.ones(len(stated)), stated]))
    if fitted is None:
        return chances
    shift, stretch = fitted.coefficients
    return np.asarray(1 / (1 + np.exp(-np.clip(shift + stretch * stated, -500, 500))))


#: Draws that are held in memory at once.
_CHUNK = 200
#: Log-odds by which probabilities are shifted at most, and steps of the bisection.
_FARTHEST, _STEPS = 40.0, 60


@dataclass(frozen=True)
class GroupShifts:
    """Each group set against the others: do its stated probabilities need a shift of their own?

    distances : (group,) Rao's score statistic for a shift of the log-odds of the group, where a
    shift and a stretch of all log-odds are fitted, in standard errors; above 0 more happened than
    was stated. null : (draw,) the largest absolute distance of any group where outcomes are drawn
    from the recalibrated probabilities.

    Reference: Cox 1958, doi:10.1093/biomet/45.3-4.562; Westfall & Young 1993, Resampling-based
    multiple testing (single step).
    """

    distances: Floats
    null: Floats

    @classmethod
    def of(
        cls,
        happened: Bools,
        stated: Floats,
        groups: Sequence[Bools],
        n_draws: int,
        seed: int,
        resampling: Resampling | None = None,
    ) -> GroupShifts:
        """Test all groups at once.

        happened, stated : (instance,) outcomes, and the probability stated of each.
        groups : (instance,) whether in it, of each group; they may overlap.
        n_draws, seed : of the null.
        resampling : what the rows are of. What entities add to a score is then added up first,
            errors are those of these sums, and the null turns their signs by chance.
        """
        if not groups:
            return cls(np.zeros(0), np.zeros(n_draws))
        chances = recalibrated(happened, stated)
        scores = _GroupScores.of(chances, stated, groups)
        rng, null = np.random.default_rng(seed), []
        if resampling is not None and resampling.units is not None:
            sums = resampling.sums(scores.weights * (happened - chances))  # (group, unit)
            errors = np.sqrt(np.maximum((sums**2).sum(axis=1), 1e-12))
            signs = rng.integers(0, 2, size=(n_draws, sums.shape[1])) * 2.0 - 1
            return cls(sums.sum(axis=1) / errors, np.abs(signs @ sums.T / errors).max(axis=1))
        for start in range(0, n_draws, _CHUNK):
            drawn = rng.random((min(_CHUNK, n_draws - start), len(chances))) < chances
            null.append(np.abs(scores.distances(drawn - chances)).max(axis=1))
        return cls(scores.distances((happened - chances)[None])[0], np.concatenate(null))

    def p_values(self) -> Floats:
        """(group,) chance that any group lies as far off, if none did; in (0, 1]."""
        return np.array([permutation_p_value(self.null, abs(float(d))) for d in self.distances])

    @property
    def critical(self) -> float:
        """Standard errors that no group exceeds in 95 % of data without any shift."""
        return float(np.quantile(self.null, 0.95))


def _variances(chances: Floats) -> Floats:
    return chances * (1 - chances)


@dataclass(frozen=True)
class _GroupScores:
    """Membership of groups, less what a shift and a stretch of all log-odds explain of it.

    members : (group, instance), sparse: an instance is in few of very many groups. design :
    (instance, 2). explained : (2, group). errors : (group,) of the scores.
    """

    members: csr_array
    design: Floats
    explained: Floats
    errors: Floats

    @classmethod
    def of(cls, chances: Floats, stated: Floats, groups: Sequence[Bools]) -> _GroupScores:
        from scipy.sparse import csr_array

        rows = [np.flatnonzero(group) for group in groups]
        ends = np.cumsum([0, *map(len, rows)])
        ones = np.ones(int(ends[-1]))
        members = csr_array((ones, np.concatenate(rows), ends), shape=(len(rows), len(chances)))
        design = np.column_stack([np.ones(len(stated)), log_odds(stated)])
        variances = _variances(chances)
        weighted = design * variances[:, None]
        shared = (members @ weighted).T
        explained = np.linalg.pinv(design.T @ weighted) @ shared
        squares = members @ variances - (shared * explained).sum(axis=0)
        return cls(members, design, explained, np.sqrt(np.maximum(squares, 1e-12)))

    @property
    def weights(self) -> Floats:
        """(group, instance) what the residual of each instance adds to the score of each group."""
        return np.asarray(self.members.toarray() - (self.design @ self.explained).T)

    def distances(self, residuals: Floats) -> Floats:
        """(draw, instance) outcomes less chances -> (draw, group) scores in standard errors."""
        own = (self.members @ residuals.T).T
        return np.asarray((own - (residuals @ self.design) @ self.explained) / self.errors)


def share_off(happened: Bools, stated: Floats, chances: Floats, critical: float) -> Estimate:
    """Share of outcomes less the mean of the probabilities stated of the same people.

    The interval holds the shares that a shift of the log-odds could give without the observed one
    lying more than `critical` standard errors away: Wilson's interval where all probabilities are
    equal, and narrower where they differ.

    happened, stated : (person,) outcomes and stated probabilities. chances : (person,) the latter
        recalibrated on everybody, for the standard error. critical : above 0; 1.96 for one group.

    Reference: Wilson 1927, doi:10.1080/01621459.1927.10502953.

    >>> happened, stated = np.arange(20) < 8, np.full(20, 0.25)
    >>> off = share_off(happened, stated, stated, 1.96)
    >>> round(off.value, 3), round(off.low, 3), round(off.high, 3)
    (0.15, -0.031, 0.363)
    """
    n, mean = len(stated), float(stated.mean())
    low, high = (
        _share_at(int(happened.sum()), log_odds(chances), side * critical) for side in (1, -1)
    )
    value = float(happened.mean()) - mean
    return Estimate(value, low - mean, high - mean, n, message("interval_methods.shifted_score"))


def _share_at(hits: int, stated: Floats, critical: float) -> float:
    """The mean probability after the shift at which so many hits lie `critical` errors above it."""
    low, high = -_FARTHEST, _FARTHEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        chances = 1 / (1 + np.exp(-(stated + middle)))
        error = np.sqrt(_variances(chances).sum())
        low, high = (middle, high) if hits - chances.sum() > critical * error else (low, middle)
    return float(np.mean(1 / (1 + np.exp(-(stated + (low + high) / 2)))))
