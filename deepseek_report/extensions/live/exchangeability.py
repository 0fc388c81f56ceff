"""Whether new values go on like earlier ones, judged again after every value, at one error rate.

A conformal p-value is the rank of a new value among all before it; while the values are
exchangeable, these are independent and uniform, whatever their distribution and however few the
earlier ones are. A test martingale bets that they are not. Its capital is at least 1/α at any time
with probability at most α (Ville), so that it may be looked at after every batch, for ever.

Nothing of the stream is kept but counts. Some values of the reference, those at ranks that depend
on its size alone, part all numbers into intervals between them and points on them, and values of
one part count as ties. The p-values stay exact: to exchange two members of a part, be they of the
reference or of the stream, changes neither the values at these ranks nor any count, so given the
parts of all values every order within a part is as likely as any other. The rank of a new value
among those of its part is then uniform, and so are ties broken. What is lost is power against
changes within one part, which holds about 1 / `MOST_POINTS` of the reference.

Reference: Vovk, Gammerman & Shafer 2022, Algorithmic Learning in a Random World, chapter 8,
doi:10.1007/978-3-031-06649-8; Shafer et al. 2011, doi:10.1214/10-STS347 (p-values from capital);
Holm 1979, jstor.org/stable/4615733.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints

#: Legendre polynomials are bet on with these slopes: shifts, changes of spread and of skew.
_SLOPES = (-0.8, -0.4, 0.4, 0.8)
_DEGREES = (1, 2, 3)
#: Odds of an interval are bet to be multiplied by these.
_ODDS = (1 / 3, 3.0, 12.0)
#: Equal intervals of values that are many, and intervals at both ends.
_EQUAL, _TAIL = 8, 1 / 64
#: At most so many different values have an interval each.
MOST_VALUES = 16
#: At most so many values of the reference part all others.
MOST_POINTS = 1024
#: So many values are ranked at once.
_AT_ONCE = 64
#: The stability index is taken over so many parts of like size.
_PARTS = 10


@dataclass(frozen=True)
class Bets:
    """What is bet on the p-values of one quantity: densities on [0, 1] with integral 1.

    low, high : (interval,) whose odds are bet on. weights : (bet,) shares of the starting capital.
    """

    low: Floats
    high: Floats
    weights: Floats

    @classmethod
    def on(cls, pilot: Floats | None = None) -> Bets:
        """Half of the capital on smooth changes, half on intervals of the p-values.

        pilot : (value,) of cases that are neither in the reference nor in the stream, NaN is
            missing: bets that were chosen by the values that they judge would not be fair. Of at
            most `MOST_VALUES` different values each has an interval, as a category needs; else, and
            without a pilot, there are `_EQUAL` equal ones. Both ends, and missing values, have one
            besides.
        """
        values = np.zeros(0) if pilot is None else _ranked(pilot)
        distinct, counts = np.unique(values, return_counts=True)
        if 0 < len(distinct) <= MOST_VALUES:
            ends = np.concatenate([[0.0], np.cumsum(counts[::-1]) / counts.sum()])
        else:
            ends = np.linspace(0, 1, _EQUAL + 1)
        missing = float(np.isinf(values).mean()) if len(values) else 0.0
        low = np.concatenate([ends[:-1], [0.0, 1 - _TAIL, 0.0]])
        high = np.concatenate([ends[1:], [_TAIL, 1.0, missing]])
        kept = (high - low > 1e-9) & (high - low < 1 - 1e-9)
        low, high = low[kept], high[kept]
        smooth, local = len(_SLOPES) * len(_DEGREES), len(_ODDS) * len(low)
        weights = [np.full(smooth, 0.5 / smooth), np.full(local, 0.5 / local)]
        return cls(low, high, np.concatenate(weights))

    def densities(self, p: Floats) -> Floats:
        """(value, bet) what each bet multiplies its stake by at p-values (value,).

        >>> bets = Bets.on(np.arange(100.0))
        >>> mean = bets.densities((np.arange(6400) + 0.5) / 6400).mean(axis=0)
        >>> bool(np.allclose(mean, 1, atol=0.001))
        True
        """
        x = 2 * p[:, None] - 1
        legendre = np.stack([x, (3 * x * x - 1) / 2, (5 * x**3 - 3 * x) / 2], axis=1)
        smooth = (1 + legendre * np.array(_SLOPES)).reshape(len(p), -1)
        inside = (self.low <= p[:, None]) & (p[:, None] < self.high)
        width, odds = self.high - self.low, np.array(_ODDS)[:, None]
        local = np.where(inside[:, None], odds, 1.0) / (1 - width + odds * width)
        return np.concatenate([smooth, local.reshape(len(p), -1)], axis=1)


@dataclass
class Monitor:
    """The capital of bets against the exchangeability of a reference and a stream of values.

    Fresh capital enters with every batch, of the k-th a share of 1 / k(k + 1), so that a change is
    bet on from any batch on; what has not entered yet lies idle. The capital is a martingale.

    points : (point,) values that part all others, ascending: some of the reference, and what stands
    for missing. counts : (part,) of
    all values so far, by parts: below the first point, on it, between it and the second, and so on.
    highest : the largest capital after any value so far, of 1 at the start.
    """

    bets: Bets
    rng: np.random.Generator
    points: Floats = field(repr=False)
    counts: Ints = field(repr=False)
    highest: float = 1.0
    n_batches: int = 0
    _stakes: Floats = field(default_factory=lambda: np.zeros(0), repr=False)

    @classmethod
    def of(cls, reference: Floats, seed: Sequence[int], pilot: Floats | None = None) -> Monitor:
        """A monitor that has seen the reference (value,); NaN is missing, and larger than any.

        seed : of the random numbers by which ties are broken. pilot : (value,) see `Bets.on`.
        """
        bets = Bets.on(pilot)
        known = np.sort(_ranked(reference))
        ranks = np.linspace(0, len(known) - 1, min(len(known), MOST_POINTS)).round()
        points = np.unique(np.append(known[ranks.astype(np.int64)], np.inf))
        counts = np.bincount(_parts(known, points), minlength=2 * len(points) + 1)
        stakes = np.zeros(len(bets.weights))
        return cls(bets, np.random.default_rng(seed), points, counts, _stakes=stakes)

    @property
    def p_value(self) -> float:
        """Anytime-valid: at most α at any time with probability at most α, if nothing changes."""
        return min(1.0, 1.0 / self.highest)

    def batch(self, values: Floats) -> None:
        """Bet on the values of a batch, one after the other."""
        if not len(values):
            return
        self.n_batches += 1
        self._stakes = self._stakes + self.bets.weights / (self.n_batches * (self.n_batches + 1))
        idle = 1 / (self.n_batches + 1)
        for start in range(0, len(values), _AT_ONCE):
            p = self._conformal(_ranked(values[start : start + _AT_ONCE]))
            stakes = self._stakes * np.cumprod(self.bets.densities(p), axis=0)
            self.highest = max(self.highest, float(stakes.sum(axis=1).max()) + idle)
            self._stakes = stakes[-1]

    def _conformal(self, values: Floats) -> Floats:
        """(value,) rank of each from above among all before it, ties broken at random."""
        parts, before = _parts(values, self.points), np.tri(len(values), k=-1, dtype=bool)
        n_above = self.counts.sum() - np.cumsum(self.counts)
        above = n_above[parts] + (before & (parts > parts[:, None])).sum(axis=1)
        alike = self.counts[parts] + (before & (parts == parts[:, None])).sum(axis=1) + 1
        n_before = self.counts.sum() + np.arange(len(values))
        self.counts += np.bincount(parts, minlength=len(self.counts))
        p: Floats = (above + self.rng.random(len(values)) * alike) / (n_before + 1)
        return p


def _parts(values: Floats, points: Floats) -> Ints:
    """(value,) the part of each: 2 k + 1 on the k-th point from 0, 2 k just below it."""
    return np.searchsorted(points, values, "left") + np.searchsorted(points, values, "right")


def _ranked(values: Floats) -> Floats:
    """The values by which ranks are taken: what is missing lies above all."""
    return np.where(np.isnan(values), np.inf, np.asarray(values, np.float64))


@dataclass(frozen=True)
class StabilityIndex:
    """How far samples are from a reference by the population stability index Σ (q − p) ln(q / p).

    It is taken over parts of the reference of like size, or over its values where they are
    categories; missing values are a part of their own, and so is each category that the reference
    has not. Half a case is added to each part. Where both samples come from one distribution the
    index is near a χ² variable times the sum of 1 / n of both, and below that where parts hold few
    cases.

    cuts : (part - 1,) where parts of numbers begin; None for categories. values : (part,) the
    categories. counts : (part,) of the reference, missing values last.

    Reference: Yurdakul & Naranjo 2020, doi:10.21314/JRMV.2020.227.
    """

    cuts: Floats | None
    values: Floats
    counts: Ints

    @classmethod
    def of(cls, reference: Floats, ordered: bool) -> StabilityIndex:
        """From the reference (value,), NaN is missing; ordered : whether its values are numbers.

        >>> rng = np.random.default_rng(1)
        >>> index, chance = StabilityIndex.of(rng.normal(size=5000), True)(rng.normal(size=100))
        >>> round(index, 2), round(chance, 2)
        (0.03, 0.17)
        """
        known = reference[~np.isnan(reference)]
        distinct, counts = np.unique(known, return_counts=True)
        n_missing = len(reference) - len(known)
        if not ordered or len(distinct) <= _PARTS:
            return cls(None, distinct, np.append(counts, n_missing))
        quantiles = np.quantile(known, np.arange(1, _PARTS) / _PARTS, method="higher")
        cuts = np.unique(quantiles)
        counts = np.bincount(np.searchsorted(cuts, known, side="right"), minlength=len(cuts) + 1)
        return cls(cuts, distinct[:0], np.append(counts, n_missing))

    def __call__(self, sample: Floats) -> tuple[float, float]:
        """The index of a sample (value,), 0 where shares are equal, and what chance rarely exceeds.

        The second is the 95 % quantile where both come from one distribution.
        """
        from scipy.special import gammaincinv

        known = sample[~np.isnan(sample)]
        before, now = self.counts, self._counts(known)
        new = np.unique(known[~np.isin(known, self.values)], return_counts=True)[1]
        if self.cuts is None and len(new):
            before = np.concatenate([np.zeros(len(new), np.int64), before])
            now = np.concatenate([new, now])
        now = np.append(now, len(sample) - len(known))
        some = before + now > 0
        p, q = ((count[some] + 0.5) / (count[some] + 0.5).sum() for count in (before, now))
        index = float(((q - p) * np.log(q / p)).sum())
        scale = 1 / max(int(self.counts.sum()), 1) + 1 / max(len(sample), 1)
        degrees = max(int(some.sum()) - 1, 1)
        return index, float(2 * gammaincinv(degrees / 2, 0.95) * scale)

    def _counts(self, known: Floats) -> Ints:
        """(part,) of values without missing ones, in the parts that the reference has."""
        if self.cuts is not None:
            places = np.searchsorted(self.cuts, known, side="right")
            return np.bincount(places, minlength=len(self.cuts) + 1)
        inside = known[np.isin(known, self.values)]
        return np.bincount(np.searchsorted(self.values, inside), minlength=len(self.values))
