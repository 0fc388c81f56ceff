"""The largest gap of a rate between levels, with what chance alone would give."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.statistics import intervals
from deepseek_report.statistics.resampling import (
    Resampling,
    bootstrap_method,
    bootstrap_rates,
    draw_weights,
    permutation_p_value,
    permuted_counts,
)


@dataclass(frozen=True)
class RateTable:
    """Counts of one rate per level: `hits` of `trials`, each (level,).

    shares, rows : (level,) rates and numbers of the rows themselves, where the counts are effective
    ones of dependent rows, see `Resampling.counts`; None where the counts are those of the rows.
    """

    hits: Ints
    trials: Ints
    shares: Floats | None = None
    rows: Ints | None = None

    @classmethod
    def of(
        cls, hits: Bools, among: Bools, codes: Ints, n_levels: int, resampling: Resampling
    ) -> RateTable:
        """Count the hits among some rows in each level; (row,) codes of −1 are in no level."""
        inside = [among & (codes == k) for k in range(n_levels)]
        x, n = (
            np.array([int(rows.sum()) for rows in of])
            for of in ([hits & r for r in inside], inside)
        )
        if resampling.units is None:
            return cls(x, n)
        effective = np.array([resampling.counts(hits, rows) for rows in inside]).reshape(-1, 2)
        return cls(effective[:, 0], effective[:, 1], x / np.maximum(n, 1), n)

    @property
    def rates(self) -> Floats:
        """(level,) share of hits."""
        if self.shares is not None:
            return self.shares
        return np.asarray(self.hits / np.maximum(self.trials, 1))

    @property
    def overall(self) -> float:
        """The rate of all levels together."""
        return float(self.hits.sum() / max(int(self.trials.sum()), 1))

    @property
    def _variance(self) -> float:
        return self.overall * (1 - self.overall)

    def take(self, levels: Bools) -> RateTable:
        """Of some of the levels."""
        shares = None if self.shares is None else self.shares[levels]
        rows = None if self.rows is None else self.rows[levels]
        return RateTable(self.hits[levels], self.trials[levels], shares, rows)

    def n(self, levels: Sequence[int] | None = None) -> int:
        """How many rows these levels hold, or all."""
        rows = self.trials if self.rows is None else self.rows
        return int(rows.sum() if levels is None else rows[list(levels)].sum())

    def counts(self, levels: Sequence[int]) -> list[int]:
        """Hits and trials of these levels, one after the other."""
        return [int(count) for k in levels for count in (self.hits[k], self.trials[k])]

    def distances(self, rates: Floats, ratio: float = 1.0) -> Floats:
        """(draw, level) rates -> (draw, level, level) differences in standard errors.

        By how much a level lies above another one, or `ratio` times it does. The standard error is
        that of two levels with the rate of the whole table; 0 where that rate is 0 or 1, and no two
        levels can differ.
        """
        each = self._variance / np.maximum(self.trials, 1)
        spread = np.sqrt(ratio**2 * each[:, None] + each)
        apart = ratio * rates[:, :, None] - rates[:, None, :]
        out = np.zeros_like(apart)
        return np.asarray(np.divide(apart, spread, out=out, where=spread > 0))

    def surest(self, higher: Bools, lower: Bools, ratio: float = 1.0) -> Pair | None:
        """The two levels of which `ratio` times the higher lies the surest above the lower.

        higher, lower : (level,) those that may be either. None where there are no two of them.
        """
        allowed = higher[:, None] & lower & ~np.eye(len(lower), dtype=bool)
        distances = np.where(allowed, self.distances(self.rates[None], ratio)[0], -np.inf)
        return Pair.furthest([distances]) if allowed.any() else None

    def widest(self, rates: Floats) -> Floats:
        """(draw, level) rates -> (draw,) the largest of `distances`, also of very many levels.

        Of levels of one size only the highest and the lowest rate can lie furthest apart, and there
        are no more than √(2 n) different sizes of n cases.
        """
        order = np.argsort(self.trials, kind="stable")
        sizes, firsts = np.unique(self.trials[order], return_index=True)
        highest, lowest = (
            extreme.reduceat(rates[:, order], firsts, axis=1)
            for extreme in (np.maximum, np.minimum)
        )
        each = self._variance / np.maximum(sizes, 1)
        largest = np.zeros(len(rates))
        for size in range(len(sizes)):
            spread = np.sqrt(each[size] + each)
            apart = highest[:, size, None] - lowest
            standardised = np.divide(apart, spread, out=np.zeros_like(apart), where=spread > 0)
            largest = np.maximum(largest, standardised.max(axis=1))
        return largest

    def enough(self, min_cell: int, min_events: int) -> Bools:
        """(level,) whether there are cases enough, and events enough if all rates were equal."""
        return (self.trials >= min_cell) & intervals.enough_events(
            self.trials, self.overall, min_events
        )


@dataclass(frozen=True)
class Pair:
    """Two levels that differ in a rate, by the position of its table and of the two levels."""

    table: int
    highest: int
    lowest: int

    @classmethod
    def furthest(cls, distances: Sequence[Floats]) -> Pair:
        """The pair that lies the most standard errors apart in any of (level, level) tables."""
        apart = [np.where(np.eye(len(each), dtype=bool), -np.inf, each) for each in distances]
        table = int(np.argmax([each.max() for each in apart]))
        return cls(table, *divmod(int(np.argmax(apart[table])), len(apart[table])))


@dataclass(frozen=True)
class PairwiseTests:
    """Any two levels set against one another in any of some rates, with one correction for all.

    distances : of each table (level, level) differences of rates in standard errors of the
    hypothesis that all levels have one rate. null : (permutation,) the largest of all of them where
    the levels are dealt out by chance. null_rates : of each table (permutation, level) rates then.

    Reference: Westfall & Young 1993, Resampling-based multiple testing, ISBN 978-0-471-55761-6
    (single step).
    """

    distances: Sequence[Floats]
    null: Floats
    null_rates: Sequence[Floats]

    @classmethod
    def of(
        cls, tables: Sequence[RateTable], n_permutations: int, rng: np.random.Generator
    ) -> PairwiseTests:
        """Deal out the levels among the cases of each table, keeping hits and sizes."""
        dealt = [
            permuted_counts(table.trials, int(table.hits.sum()), n_permutations, rng) / table.trials
            for table in tables
        ]
        distances = [table.distances(table.rates[None])[0] for table in tables]
        null = [table.widest(rates) for table, rates in zip(tables, dealt, strict=True)]
        return cls(distances, np.max(null, axis=0), dealt)

    def p_value(self, table: int, level: int, other: int) -> float:
        """Chance that some pair in some table lies as far apart, if none truly did; in (0, 1]."""
        return permutation_p_value(self.null, float(abs(self.distances[table][level, other])))


@dataclass(frozen=True)
class Gap:
    """The largest gap between two levels, and what chance alone would give.

    highest, lowest : the levels of the largest gap; table : the position of its table.
    p_value : that any two levels differ as surely as the surest pair does, where all have one rate.
    surest : that pair, which need not be the one that lies furthest apart, and surest_gap its
    difference, with an interval that holds for all pairs at once; that of `estimate` where it is.
    """

    estimate: Estimate
    null_mean: float
    null_high: float
    p_value: float
    highest: int
    lowest: int
    surest: Pair
    surest_gap: Estimate
    table: int = 0


def largest_gap(
    tables: Sequence[RateTable], n_resamples: int, seed: int, beside: Sequence[RateTable] = ()
) -> Gap:
    """Greatest difference of any of these rates between two levels.

    max over tables of (max over levels − min over levels). Noise alone raises it, and most where
    levels are small, so differences are tested in standard errors: the largest over all pairs of
    levels and all tables, against the largest where levels are dealt out by chance.

    tables : one for a plain gap; true and false positive rates for equalized odds.
    each needs two levels. beside : rates that are looked at as well. The p-value is corrected for
    them, so that of a part (equal opportunity) is never below that of the whole (equalized odds).

    Returns a Gap. The interval is that of the difference of the two levels, which holds for all
    pairs of levels in all tables at once, as the p-value does (`rate_difference`, folded at zero).
    Of more than one rate or two levels it is joined with BCa, from a bootstrap within the cells:
    the bootstrap of a maximum alone covers too little, and where one level is never or always
    favoured its resamples do not vary. It begins at 0 where chance alone may explain the gap (the
    permutation test). `null_high` is the null's 95 % quantile.
    """
    firsts = np.cumsum([len(table.trials) for table in tables])[:-1]
    tests = PairwiseTests.of((*tables, *beside), n_resamples, np.random.default_rng(seed))

    def statistic(rates: Floats) -> Floats:
        parts = np.split(rates, firsts, axis=1)
        return np.asarray(np.max([np.ptp(part, axis=1) for part in parts], axis=0))

    rates = np.concatenate([table.rates for table in tables])
    null = statistic(np.concatenate(tests.null_rates[: len(tables)], axis=1))
    surest = Pair.furthest(tests.distances[: len(tables)])
    p_value = tests.p_value(surest.table, surest.highest, surest.lowest)
    position = int(np.argmax([np.ptp(table.rates) for table in tables]))
    widest = Pair(position, *_ends(tables[position].rates))
    estimate, surest_gap = (
        _apart(tables[pair.table], pair, len(tests.distances), by_chance=p_value > 0.05)
        for pair in (widest, surest)
    )
    if len(rates) > 2:
        estimate = _joined(_resampled(tables, statistic, n_resamples, seed), estimate)
    return Gap(
        estimate=estimate,
        null_mean=float(null.mean()),
        null_high=float(np.quantile(null, 0.95)),
        p_value=p_value,
        highest=widest.highest,
        lowest=widest.lowest,
        surest=surest,
        table=position,
        surest_gap=estimate if surest == widest else surest_gap,
    )


def _ends(values: Floats) -> list[int]:
    """The levels with the highest and the lowest of (level,) values: two, also where all agree."""
    return [int(np.argmax(values)), len(values) - 1 - int(np.argmin(values[::-1]))]


def _apart(table: RateTable, pair: Pair, n_tables: int, *, by_chance: bool) -> Estimate:
    """How far the two levels lie apart; its interval holds for all pairs in all tables at once.

    The studentised range of `any_pair` corrects for the levels, Bonferroni for the tables. It is
    folded at zero, and begins there where chance explains the distance.
    """
    (x, n, other, other_n), levels = table.counts([pair.highest, pair.lowest]), len(table.trials)
    within = intervals.level_within(intervals.any_pair(levels, 1 - 0.05 / n_tables))
    low, high = (float(end) for end in intervals.rate_difference(x, n, other, other_n, within))
    value = float(table.rates[pair.highest] - table.rates[pair.lowest])
    alone = levels == 2 and n_tables == 1
    method = message("interval_methods.difference_any_pair")
    method = message("interval_methods.difference_folded") if alone else method
    if by_chance and low > 0:
        low, method = 0.0, message("interval_methods.from_zero", method=method)
    rows = table.n([pair.highest, pair.lowest])
    return Estimate(value, max(low, 0.0), max(high, -low), rows, method)


def _joined(resampled: Estimate, apart: Estimate) -> Estimate:
    """The interval of the largest gap with what resamples cannot show; see `largest_gap`."""
    (low, high), ends = resampled.ends or (0.0, 0.0), apart.ends or (0.0, 0.0)
    method = message("interval_methods.joined_with_difference", method=resampled.method)
    return replace(
        resampled, low=max(min(low, ends[0]), 0.0), high=max(high, ends[1]), method=method
    )


def _resampled(
    tables: Sequence[RateTable], statistic: Callable[[Floats], Floats], n_resamples: int, seed: int
) -> Estimate:
    hits = np.concatenate([table.hits for table in tables])
    trials = np.concatenate([table.trials for table in tables])
    rng = np.random.default_rng(seed)
    rates = np.concatenate([table.rates for table in tables])
    replicates = bootstrap_rates(hits, trials, statistic, n_resamples, rng, rates)
    low, high = replicates.interval(*intervals.SHARE)
    method = bootstrap_method(replicates.method, n_resamples, seed, "cases_within_groups")
    n = sum(table.n() for table in tables)
    return Estimate(float(replicates.value), float(low), float(high), n, method)


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
    return np.abs(t), np.minimum(np.abs(intervals.unskewed_distance(t, skew)), _FARTHEST)


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
        below = np.maximum(critical[0], intervals.skewed_distance(critical[1], skew)) * errors
        above = np.maximum(critical[0], -intervals.skewed_distance(-critical[1], skew)) * errors
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
    own = surest.higher, surest.lower
    highest, lowest = _ends(means)
    value = float(means[highest] - means[lowest])
    method = message("interval_methods.studentised_pairs", resamples=n_draws)
    estimate = Estimate(value, max(*lows, 0.0), max(highs), len(values), method)
    gap, low, high = surest.gap
    surest_gap = Estimate(gap, max(low, 0.0), high, int(np.isin(codes, own).sum()), method)
    return Gap(
        estimate=estimate,
        null_mean=float(null.gaps.mean()),
        null_high=float(np.quantile(null.gaps, 0.95)),
        p_value=null.p_value(*surest.statistics),
        highest=int(levels[highest]),
        lowest=int(levels[lowest]),
        surest=Pair(0, int(levels[own[0]]), int(levels[own[1]])),
        surest_gap=estimate if own == (highest, lowest) else surest_gap,
    )
