"""Whether a part of the data loses more than was to be expected: many parts at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.statistics.resampling import Resampling


def larger_mean_p_value(
    values: Floats,
    inside: Bools,
    least: tuple[float, float] = (0.0, 0.0),
    resampling: Resampling | None = None,
) -> float:
    """Welch's one-sided test; the null is that the mean inside is not larger than outside.

    values : (instance,). inside : (instance,) the part; at least two are in it, and two are not.
    least : variances that instances of either have where the null holds, if they are known: those
        of few instances without an event are 0, and say nothing.
    resampling : what the rows are of; the means of dependent ones are those of entities.

    Reference: Welch 1947, doi:10.1093/biomet/34.1-2.28.

    >>> inside = np.array([True] * 3 + [False] * 3)
    >>> round(larger_mean_p_value(np.array([2.0, 3.0, 4.0, 0.0, 1.0, 2.0]), inside), 3)
    0.035
    """
    from scipy.special import stdtr

    drawn = resampling or Resampling(len(values))
    sides = [drawn.take(side).per_unit(values[side]) for side in (inside, ~inside)]
    if min(map(len, sides)) < 2:
        return 1.0
    own, rest = (
        max(float(side.var(ddof=1)), known) / len(side)
        for side, known in zip(sides, least, strict=True)
    )
    spread = max(own + rest, 1e-300)
    parts = own**2 / (len(sides[0]) - 1) + rest**2 / (len(sides[1]) - 1)
    freedom = spread**2 / max(parts, 1e-300)
    return float(stdtr(freedom, (sides[1].mean() - sides[0].mean()) / math.sqrt(spread)))


def larger_share_p_value(
    events: Floats | Bools, inside: Bools, resampling: Resampling | None = None
) -> float:
    """Fisher's one-sided test; the null is that events are no more frequent inside than outside.

    events : (instance,) of 0 and 1. inside : (instance,) the part.
    resampling : what the rows are of; of dependent ones the counts are effective ones.

    Returns the chance of as many events in a random part of the same size, in (0, 1].

    >>> larger_share_p_value(np.array([1, 1, 0, 0]), np.array([True, True, False, False]))
    0.16666666666666666
    """
    from scipy.stats import hypergeom

    drawn, happened = resampling or Resampling(len(events)), events.astype(bool)
    (own, n), (other, m) = (drawn.counts(happened, side) for side in (inside, ~inside))
    return float(hypergeom.sf(own - 1, n + m, own + other, n))


def share_scores(
    successes: ArrayLike, trials: ArrayLike, other_successes: ArrayLike, other_trials: ArrayLike
) -> Floats:
    """By how many standard errors rates are higher than others; 0 where nothing could vary.

    The two-proportion score test, whose variance is that of both together.

    successes, trials, other_successes, other_trials : counts of like shape.

    >>> float(share_scores(2, 3, 1, 3).round(3))
    0.816
    """
    counts = (successes, trials, other_successes, other_trials)
    hits, n, other_hits, m = (np.asarray(count, np.float64) for count in counts)
    pooled = (hits + other_hits) / np.maximum(n + m, 1)
    variance = pooled * (1 - pooled) * (1 / np.maximum(n, 1) + 1 / np.maximum(m, 1))
    gap = hits / np.maximum(n, 1) - other_hits / np.maximum(m, 1)
    varies = (variance > 0) & (n > 0) & (m > 0)
    return np.where(varies, gap / np.sqrt(np.where(varies, variance, 1.0)), 0.0)


def scan_statistic(hits: ArrayLike, trials: ArrayLike, all_hits: int, all_trials: int) -> Floats:
    """The log-likelihood ratio of two rates, inside and outside of a part, over one rate for all.

    0 where the rate inside is not the higher one.

    hits, trials : counts inside, of like shape. all_hits, all_trials : counts of the whole.

    Reference: Kulldorff 1997, A spatial scan statistic, doi:10.1080/03610929708831995.

    >>> float(scan_statistic(5, 5, 5, 10).round(3))
    6.931
    """
    from scipy.special import xlogy

    k, n = np.asarray(hits, np.float64), np.asarray(trials, np.float64)
    other_k, other_n = all_hits - k, all_trials - n

    def likelihood(events: Floats, cases: Floats) -> Floats:
        rate = events / np.maximum(cases, 1)
        return np.asarray(xlogy(events, rate) + xlogy(cases - events, 1 - rate))

    alike = likelihood(np.asarray(float(all_hits)), np.asarray(float(all_trials)))
    ratio = likelihood(k, n) + likelihood(other_k, other_n) - alike
    is_higher = k * np.maximum(other_n, 0) > other_k * n
    return np.where(is_higher, ratio, 0.0)


@dataclass(frozen=True)
class Totals:
    """Of several parts: how many cases each holds, the excess in it, and its variance; (part,)."""

    sizes: Floats
    sums: Floats
    variances: Floats

    def without(self, other: Totals) -> Totals:
        """What is left of these parts when others that lie within them are taken out."""
        return Totals(
            self.sizes - other.sizes, self.sums - other.sums, self.variances - other.variances
        )

    def take(self, parts: Bools | Ints) -> Totals:
        """Those of some of the parts."""
        return Totals(self.sizes[parts], self.sums[parts], self.variances[parts])

    @property
    def scores(self) -> Floats:
        """(part,) excess in standard errors; 0 where nothing could vary."""
        spread = np.sqrt(np.maximum(self.variances, 0.0))
        return np.where(spread > 1e-9, self.sums / np.maximum(spread, 1e-9), 0.0)


@dataclass(frozen=True)
class Excess:
    """What each case lost beyond what was to be expected of it, and how that varies by chance.

    values : (instance,) loss minus expected loss, in the unit of the loss.
    variances, thirds : (instance,) second and third central moment where all is as expected.
    alike : whether that is an estimate from all cases, so that a part may vary more than they do.
    resampling : what the cases are of, None where they are independent. Rows of one entity raise
    the variance of a part, by what they raise that of the whole, and at least by their own sums.
    """

    values: Floats
    variances: Floats
    thirds: Floats
    alike: bool = False
    resampling: Resampling | None = None

    @classmethod
    def over_mean(cls, losses: Floats, resampling: Resampling | None = None) -> Excess:
        """Of (instance,) losses of which nothing else is known: over their mean, all alike."""
        centred = losses - losses.mean()
        moments = (float((centred**power).mean()) for power in (2, 3))
        variance, third = (np.full(len(losses), moment) for moment in moments)
        return cls(centred, variance, third, alike=True)._of(resampling)

    @classmethod
    def of_events(
        cls, happened: Bools, chances: Floats, weights: Floats, resampling: Resampling | None = None
    ) -> Excess:
        """Of (instance,) events with known chances, each weighed: weight × (event − chance)."""
        variance = weights**2 * chances * (1 - chances)
        third = weights * variance * (1 - 2 * chances)
        return cls(weights * (happened - chances), variance, third)._of(resampling)

    def _of(self, resampling: Resampling | None) -> Excess:
        """The same with the dependence of the cases."""
        if resampling is None or resampling.units is None:
            return self
        effect = resampling.design_effect(self.values - self.values.mean())
        return replace(self, variances=self.variances * effect, resampling=resampling)

    def take(self, rows: Bools | Ints) -> Excess:
        """That of some of the cases."""
        drawn = None if self.resampling is None else self.resampling.take(rows)
        parts = (self.values[rows], self.variances[rows], self.thirds[rows], self.alike)
        return Excess(*parts, drawn)

    def totals(self, matrix: Floats, first: Ints, second: Ints) -> Totals:
        """Of the parts that meet two conditions each, by matrix products.

        matrix : (instance, condition) of 0 and 1.
        first, second : (part,) positions of the two conditions; twice the same for a single one.
        """
        weights = (np.ones(len(self.values)), self.values, self.variances)
        return Totals(
            *((matrix.T @ (matrix * weight[:, None]))[first, second] for weight in weights)
        )

    def p_value(self, inside: Bools) -> float:
        """One-sided test that a part loses no more than expected.

        The sum of the excess is normal but for its skewness, which one term of Edgeworth's series
        takes in. Where the variance is not known but estimated from all cases, that of the part
        counts if it is larger: a part that merely varies more does not lose more.

        inside : (instance,) the part.

        Returns in [0, 1]; 1 where nothing in the part could vary.

        Reference: Hall 1992, The bootstrap and Edgeworth expansion, doi:10.1007/978-1-4612-4384-7,
        section 2.

        >>> fair = Excess.of_events(np.arange(100) < 70, np.full(100, 0.5), np.ones(100))
        >>> fair.p_value(np.ones(100, bool)) < 0.001
        True
        """
        n = int(inside.sum())
        own = self.values[inside]
        variance = float(self.variances[inside].sum())
        if self.alike and n > 1:
            variance = max(variance, n * float(own.var(ddof=1)))
        if self.resampling is not None:
            each = self.resampling.take(inside).influences(own)
            variance = max(variance, float(each @ each))
        if variance <= 1e-18:
            return 1.0
        z = float(own.sum()) / math.sqrt(variance)
        skewness = float(self.thirds[inside].sum()) / variance**1.5
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        tail = math.erfc(z / math.sqrt(2)) / 2 + skewness * (z * z - 1) * density / 6
        return float(np.clip(tail, 0.0, 1.0))
