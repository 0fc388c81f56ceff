"""Whether stated probabilities are right within groups, on average over the people of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.statistics.logistic import log_odds, recalibrated
from deepseek_report.statistics.resampling import Resampling, permutation_p_value

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

    members: Any
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
