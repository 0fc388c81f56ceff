"""Whether stated probabilities are right within groups, on average over the people of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.statistics.recalibrating import log_odds, recalibrated
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

    References
    ----------
    Cox 1958, doi:10.1093/biomet/45.3-4.562; Westfall & Young 1993, Resampling-based multiple
    testing (single step).
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

        Parameters
        ----------
        happened, stated : (instance,) outcomes, and the probability stated of each.
        groups : (instance,) whether in it, of each group; they may overlap.
        n_draws, seed : of the null.
        resampling : what the rows are of. What entities add to a score is then added up first,
            errors are those of these sums, and the null turns their signs by chance.
        """
        if not groups:
            return cls(np.zeros(0), np.zeros(n_draws))
        members = np.stack(groups, axis=1)
        chances = recalibrated(happened, stated)
        weights = _efficient(chances, stated, members)
        errors = np.sqrt(np.maximum((weights**2 * _variances(chances)[:, None]).sum(axis=0), 1e-12))
        rng, null = np.random.default_rng(seed), []
        if resampling is not None and resampling.units is not None:
            sums = resampling.sums(((happened - chances)[:, None] * weights).T)  # (group, unit)
            errors = np.sqrt(np.maximum((sums**2).sum(axis=1), 1e-12))
            signs = rng.integers(0, 2, size=(n_draws, sums.shape[1])) * 2.0 - 1
            return cls(sums.sum(axis=1) / errors, np.abs(signs @ sums.T / errors).max(axis=1))
        for start in range(0, n_draws, _CHUNK):
            drawn = rng.random((min(_CHUNK, n_draws - start), len(chances))) < chances
            null.append(np.abs((drawn - chances) @ weights / errors).max(axis=1))
        distances = (happened - chances) @ weights / errors
        return cls(np.asarray(distances), np.concatenate(null))

    def p_values(self) -> Floats:
        """(group,) chance that any group lies as far off, if none did; in (0, 1]."""
        return np.array([permutation_p_value(self.null, abs(float(d))) for d in self.distances])

    @property
    def critical(self) -> float:
        """Standard errors that no group exceeds in 95 % of data without any shift."""
        return float(np.quantile(self.null, 0.95))


def _variances(chances: Floats) -> Floats:
    return chances * (1 - chances)


def _efficient(chances: Floats, stated: Floats, members: Bools) -> Floats:
    """(instance, group) membership, less what a shift and a stretch of all log-odds explain."""
    design = np.column_stack([np.ones(len(stated)), log_odds(stated)])
    weighted = design * _variances(chances)[:, None]
    explained = np.linalg.pinv(design.T @ weighted) @ (weighted.T @ members.astype(np.float64))
    return np.asarray(members - design @ explained)


def share_off(happened: Bools, stated: Floats, chances: Floats, critical: float) -> Estimate:
    """Share of outcomes less the mean of the probabilities stated of the same people.

    The interval holds the shares that a shift of the log-odds could give without the observed one
    lying more than `critical` standard errors away: Wilson's interval where all probabilities are
    equal, and narrower where they differ.

    Parameters
    ----------
    happened, stated : (person,) outcomes and stated probabilities. chances : (person,) the latter
        recalibrated on everybody, for the standard error. critical : above 0; 1.96 for one group.

    References
    ----------
    Wilson 1927, doi:10.1080/01621459.1927.10502953.

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
