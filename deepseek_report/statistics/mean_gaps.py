"""The largest gap between the means of groups whose spreads may differ."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.statistics.gaps import Gap, Pair
from deepseek_report.statistics.intervals import skewed_distance, unskewed_distance
from deepseek_report.statistics.resampling import draw_weights, permutation_p_value

#: Standard errors that stand for a difference between two groups of which neither varies.
_FARTHEST = 1e6
#: Share of the largest value below which a spread is rounding.
_ROUNDING = 1e-9
#: Over the number of cases of the smallest group, what is added to the factor of p-values.
_CAUTION = 5.0


@dataclass(frozen=True)
class GroupMoments:
    """Means of groups, with the second and the third central moment of these means.

    means, squares, cubes : (draw, group); one draw of the sample itself.
    """

    means: Floats
    squares: Floats
    cubes: Floats

    @classmethod
    def of(cls, values: Floats, starts: Ints, weights: Floats) -> GroupMoments:
        """Of (instance,) values that lie group by group, about 0.

        starts : (group,) first instance of each group. weights : (draw, instance) how often each
            instance is drawn; the sizes of the groups are kept.

        >>> moments = GroupMoments.of(np.array([1.0, 3, 5, 5]), np.array([0, 2]), np.ones((1, 4)))
        >>> moments.means.tolist(), moments.squares.tolist()
        ([[2.0, 5.0]], [[1.0, 0.0]])
        """
        n = np.diff(np.append(starts, len(values)))
        means, second, third = (
            np.add.reduceat(weights * values**power, starts, axis=1) / n for power in (1, 2, 3)
        )
        squares = (second - means**2) / np.maximum(n - 1, 1)
        cubes = (third - 3 * means * second + 2 * means**3) / np.maximum((n - 1) * (n - 2), 1)
        rounding = (_ROUNDING * float(np.abs(values).max(initial=0.0))) ** 2
        alone = squares.max(axis=1, keepdims=True)  # a single case shows no spread of its own
        squares = np.where(n > 1, squares, alone)
        return cls(means, np.where(squares > rounding, squares, 0.0), cubes)

    def pairs(self, group: int) -> tuple[Floats, Floats, Floats]:
        """Of a group less each later one (draw, group): difference, standard error, skewness."""
        apart, cubes = (
            each[:, group, None] - each[:, group + 1 :] for each in (self.means, self.cubes)
        )
        errors = np.sqrt(self.squares[:, group, None] + self.squares[:, group + 1 :])
        skew = np.divide(cubes, errors**3, out=np.zeros_like(cubes), where=errors > 0)
        return apart, errors, skew

    def widest(self) -> tuple[Floats, Floats]:
        """(draw,) the largest difference of two groups in standard errors: plain, and unskewed."""
        plain = unskewed = np.zeros(len(self.means))
        for group in range(self.means.shape[1] - 1):
            distances, straight = _distances(*self.pairs(group))
            plain = np.maximum(plain, distances.max(axis=1))
            unskewed = np.maximum(unskewed, straight.max(axis=1))
        return plain, unskewed


def _distances(apart: Floats, errors: Floats, skew: Floats) -> tuple[Floats, Floats]:
    """Absolute differences in standard errors, plain and corrected for skewness (Hall's cubic).

    Without a spread they are 0 or `_FARTHEST`.
    """
    certain = np.where(np.abs(apart) > _ROUNDING, np.sign(apart) * _FARTHEST, 0.0)
    t = np.clip(np.divide(apart, errors, out=certain, where=errors > 0), -_FARTHEST, _FARTHEST)
    return np.abs(t), np.minimum(np.abs(unskewed_distance(t, skew)), _FARTHEST)


@dataclass(frozen=True)
class StudentisedNull:
    """The largest standardised differences of means where each group is redrawn about its own mean.

    A group that varies more, or has a heavier tail, does so in these draws too. Of two statistics,
    the plain one and the one corrected for skewness, the larger p-value counts.

    plain, unskewed : (draw,), see `GroupMoments.widest`. gaps : (draw,) largest difference of two
    means, in the unit of the values. caution : at least 1, by which p-values are multiplied: some
    tens of cases tell little of a tail (see docs/conclusions.md).

    Reference: Hall 1988, doi:10.1214/aos/1176350933 (bootstrap of t); Hall 1992,
    doi:10.1111/j.2517-6161.1992.tb01872.x (skewness); Romano & Wolf 2005,
    doi:10.1198/016214504000000539 (the maximum over pairs).
    """

    plain: Floats
    unskewed: Floats
    gaps: Floats
    caution: float

    @classmethod
    def of(
        cls, values: Floats, codes: Ints, n_draws: int, rng: np.random.Generator
    ) -> StudentisedNull:
        """Of (instance,) values that lie group by group; `codes` ascend from 0 to the last."""
        starts = np.searchsorted(codes, np.arange(int(codes[-1]) + 1))
        own = values - GroupMoments.of(values, starts, np.ones((1, len(values)))).means[0][codes]
        plain, unskewed, gaps = [], [], []
        for weights in draw_weights(codes, n_draws, rng):
            moments = GroupMoments.of(own, starts, weights)
            widest = moments.widest()
            plain.append(widest[0])
            unskewed.append(widest[1])
            gaps.append(np.ptp(moments.means, axis=1))
        caution = 1 + _CAUTION / float(np.bincount(codes).min())
        return cls(np.concatenate(plain), np.concatenate(unskewed), np.concatenate(gaps), caution)

    @property
    def critical(self) -> tuple[float, float]:
        """The values that both statistics of a pair must exceed for its p-value to be below .05."""
        level = 0.05 / self.caution
        return _critical(self.plain, level), _critical(self.unskewed, level)

    def p_value(self, plain: float, unskewed: float) -> float:
        """Chance of any two groups so far apart, if all means were equal, by both; in (0, 1]."""
        nulls = ((self.plain, plain), (self.unskewed, unskewed))
        p_value = max(permutation_p_value(null, distance) for null, distance in nulls)
        return min(1.0, self.caution * p_value)


def _critical(null: Floats, level: float) -> float:
    """The value that a distance must exceed for its p-value to be below the level."""
    allowed = max(math.ceil(level * (1 + len(null))) - 2, 0)
    return max(float(np.sort(null)[::-1][min(allowed, len(null) - 1)]), _ROUNDING)


@dataclass(frozen=True)
class _Pair:
    """Two groups, set against one another.

    surety : how many times what chance gives in 5 % of samples they lie apart. higher, lower : by
    their means. statistics : plain and unskewed distance. gap : the difference and its interval.
    """

    surety: float
    higher: int
    lower: int
    statistics: tuple[float, float]
    gap: tuple[float, float, float]


def _pairs(sample: GroupMoments, null: StudentisedNull) -> Iterator[tuple[_Pair, float, float]]:
    """Of each group the surest pair with a later one, and the largest ends of any such pair.

    The ends are those of the absolute difference. An interval leaves 0 out where the p-value of its
    pair is below 0.05, and nowhere else.
    """
    critical = null.critical
    for first in range(sample.means.shape[1] - 1):
        apart, errors, skew = (each[0] for each in sample.pairs(first))
        turned = np.sign(apart) + (apart == 0)
        size, skew = np.abs(apart), skew * turned
        statistics = _distances(size, errors, skew)
        surety = np.minimum(*(own / end for own, end in zip(statistics, critical, strict=True)))
        below = np.maximum(critical[0], skewed_distance(critical[1], skew)) * errors
        above = np.maximum(critical[0], -skewed_distance(-critical[1], skew)) * errors
        below = np.where(errors > 0, below, np.where(surety > 1, 0.0, size))
        at = int(np.argmax(surety))
        higher, lower = (first, first + 1 + at)[:: int(turned[at])]
        both = float(statistics[0][at]), float(statistics[1][at])
        gap = float(size[at]), float((size - below)[at]), float((size + above)[at])
        pair = _Pair(float(surety[at]), higher, lower, both, gap)
        yield pair, float((size - below).max()), float((size + above).max())


def largest_mean_gap(values: Floats, codes: Ints, n_draws: int, rng: np.random.Generator) -> Gap:
    """Greatest difference of a mean between two groups, tested in standard errors.

    The spreads of the groups may differ: a quiet group is set against its own spread, and a loud or
    heavy-tailed one is not taken for a biased one.

    values : (instance,). codes : (instance,) group 0, 1, …; −1 is in none and is left out.
    n_draws, rng : of the null, see `StudentisedNull`.

    Returns a Gap. The intervals of the differences of all pairs of groups hold at once; that of the
    largest gap, which is no smaller than any of them, has their largest lower and largest upper
    end. It begins above 0 where the p-value is below 0.05, and nowhere else. `null_mean` and
    `null_high` (its 95 % quantile) are of gaps where every group keeps its spread and all means are
    equal.
    """
    inside = np.flatnonzero(codes >= 0)
    inside = inside[np.argsort(codes[inside], kind="stable")]
    levels, codes = np.unique(codes[inside], return_inverse=True)
    values = values[inside] - values[inside].mean()
    starts = np.searchsorted(codes, np.arange(len(levels)))
    sample = GroupMoments.of(values, starts, np.ones((1, len(values))))
    null = StudentisedNull.of(values, codes, n_draws, rng)
    pairs, lows, highs = zip(*_pairs(sample, null), strict=True)
    surest, means = max(pairs, key=lambda pair: pair.surety), sample.means[0]
    highest, lowest = int(np.argmax(means)), len(means) - 1 - int(np.argmin(means[::-1]))
    value = float(means[highest] - means[lowest])
    method = message("interval_methods.studentised_pairs", resamples=n_draws)
    gap, low, high = surest.gap
    n = int(np.isin(codes, (surest.higher, surest.lower)).sum())
    return Gap(
        estimate=Estimate(value, max(*lows, 0.0), max(highs), len(values), method),
        null_mean=float(null.gaps.mean()),
        null_high=float(np.quantile(null.gaps, 0.95)),
        p_value=null.p_value(*surest.statistics),
        highest=int(levels[highest]),
        lowest=int(levels[lowest]),
        surest=Pair(0, int(levels[surest.higher]), int(levels[surest.lower])),
        surest_gap=Estimate(gap, low, high, n, method),
    )
