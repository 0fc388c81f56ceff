"""Which rows are drawn together, the bootstrap of them, and permutation of groups by counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.split import Split
from deepseek_report.statistics.intervals import SHARE, Z95, blaker, error_of_mean, mean_interval

#: (resample, instance) weights -> (resample, …) values.
Statistic = Callable[[Floats], Floats]
#: (resample, cell) rates -> (resample,) values.
RateStatistic = Callable[[Floats], Floats]
_CHUNK = 100
#: Numbers in one chunk of weights, so that counting them does not leave the processor's caches.
_MOST_WEIGHTS = 2**18
_JACKKNIFE_BLOCKS = 200
#: Numbers in the weights of one jackknife; those of more instances are made in several parts.
_MOST_OF_JACKKNIFE = 2**21
#: Beyond this median bias, in standard units, BCa covers too little and the basic interval is used.
_MOST_BIAS = 0.25
#: Share by which rows of one entity may at most enlarge a variance to be taken as independent.
_NEGLIGIBLE = 0.01


@dataclass(frozen=True)
class Replicates:
    """A statistic on the sample, on its resamples, and with parts of the sample left out.

    value : (…). resamples : (resample, …). jackknife : (block, …), each counted `blocks` times.
    resampling : what was drawn and left out; None where it was rows.
    """

    value: Floats
    resamples: Floats
    jackknife: Floats
    blocks: Floats
    resampling: Resampling | None = None

    def of(self, k: int) -> Replicates:
        """Those of the k-th of several values."""
        parts = (self.value[k], self.resamples[:, k], self.jackknife[:, k], self.blocks)
        return Replicates(*parts, self.resampling)

    def interval(self, least: float = -np.inf, greatest: float = np.inf) -> tuple[Floats, Floats]:
        """95 % BCa interval within the bounds; see `bca`."""
        low, high = bca(self)
        return np.clip(low, least, greatest), np.clip(high, least, greatest)

    def describe(self, method: Text) -> Text:
        """How an interval of them was made; see `Resampling.told`."""
        return method if self.resampling is None else self.resampling.describe(method)

    @property
    def method(self) -> str:
        """Which interval `bca` gives for a single value."""
        return "BCa" if abs(float(_bias(self))) <= _MOST_BIAS else "basic"


#: What a bootstrap draws anew.
Drawn = Literal["instances", "within_classes", "within_groups", "cases_within_groups"]


@dataclass(frozen=True)
class Resampling:
    """What counts as one observation: each row by itself, or all rows of an entity together.

    Every interval and every test asks it, so that dependence is decided in one place. Where rows
    are independent each of its answers is that of the rows themselves.

    n : rows. units : (row,) position of the entity of each row among the entities that occur, where
    copies of one row count as an entity. None where rows are independent, or so few are of one
    entity that no variance can be larger by more than `_NEGLIGIBLE`. strata : (row,) independent
    rows are drawn within these, such as groups; None for one stratum, which leaves the share of
    each class to chance, as it was in the data. Entities are drawn as one stratum.

    Reference: Field & Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x (bootstrap of clusters); Rao
    & Scott 1992, doi:10.2307/2532311 (effective counts); Obuchowski 1997, doi:10.2307/2533958
    (areas); Kish 1965, Survey Sampling, section 11.7 (unequal weights).
    """

    n: int
    units: Ints | None = None
    strata: Ints | None = None

    @classmethod
    def by(cls, entities: Ints | None, n: int, strata: Ints | None = None) -> Resampling:
        """Of n rows with these (row,) entities; of independent rows where hardly any share one."""
        if entities is None or not n:
            return cls(n, None, strata)
        units, sizes = np.unique(entities, return_inverse=True, return_counts=True)[1:]
        negligible = float(sizes @ sizes) <= (1 + _NEGLIGIBLE) * n
        return cls(n, None if negligible else units.astype(np.int64), strata)

    @classmethod
    def of(cls, rows: Split | Predictions) -> Resampling:
        """Of the rows of a part of the data, by their entities and copies."""
        return cls.by(rows.entities, len(rows))

    @classmethod
    def across(cls, parts: Sequence[Split]) -> Resampling:
        """Of the rows of several parts, one after the other; entities are numbered across parts."""
        entities = [part.entities for part in parts if part.entities is not None]
        n = sum(map(len, parts))
        return cls.by(np.concatenate(entities) if len(entities) == len(parts) else None, n)

    def take(self, rows: Ints | Bools) -> Resampling:
        """Of some of the rows."""
        strata = None if self.strata is None else self.strata[rows]
        n = len(np.arange(self.n)[rows])
        return Resampling.by(None if self.units is None else self.units[rows], n, strata)

    @property
    def n_units(self) -> int:
        """How many observations there are: entities, or rows."""
        return self.n if self.units is None else int(self.units.max(initial=-1)) + 1

    @property
    def critical(self) -> float:
        """Student's two-sided 95 % quantile with so many observations."""
        from scipy.special import stdtrit

        return float(stdtrit(max(self.n_units - 1, 1), 0.975))

    def surely_independent(self, among: Bools) -> float:
        """How many independent rows tell at least as much as these (row,) rows.

        Where all rows of an entity are alike: (Σ m)² / Σ m² of the m rows of each (Kish).
        """
        if self.units is None:
            return float(among.sum())
        rows = np.bincount(self.units[among]).astype(np.float64)
        return float(rows.sum() ** 2 / (rows @ rows)) if len(rows) else 0.0

    def rows_surely_of(self, n_units: int) -> int:
        """How many rows are of at least so many observations, whichever of all rows they are.

        One more than the largest observations but one of so many have.
        """
        if self.units is None:
            return n_units
        sizes = np.sort(np.bincount(self.units))[::-1]
        return int(sizes[: n_units - 1].sum()) + 1

    def sums(self, values: Floats) -> Floats:
        """(…, row) -> (…, unit) sums over the rows of each observation."""
        if self.units is None:
            return values
        flat = values.reshape(-1, self.n)
        summed = [np.bincount(self.units, weights=row, minlength=self.n_units) for row in flat]
        return np.array(summed, np.float64).reshape(*values.shape[:-1], self.n_units)

    def influences(self, influence: Floats) -> Floats:
        """(unit,) influences of observations from (row,) ones; squares add up to the variance."""
        if self.units is None:
            return influence
        return self.sums(influence) * math.sqrt(self.n_units / max(self.n_units - 1, 1))

    def design_effect(self, influence: Floats) -> float:
        """By what the variance is larger than that of independent rows with these influences.

        At least 1: rows of an entity that seem to even one another out are no reason to be surer.
        """
        if self.units is None or not influence.any():
            return 1.0
        clustered = self.influences(influence)
        return max(float(clustered @ clustered) / float(influence @ influence), 1.0)

    def per_unit(self, values: Floats) -> Floats:
        """(unit, …) numbers whose plain mean is that of the (row, …) values, with its own error.

        The ratio of totals, linearised: an entity counts as often as it has rows.
        """
        if self.units is None or not self.n:
            return values
        mean = values.mean(axis=0)
        sums = self.sums(np.moveaxis(values - mean, 0, -1)) * self.n_units / self.n
        return np.asarray(mean + np.moveaxis(sums, -1, 0))

    def per_unit_and_level(self, values: Floats, codes: Ints) -> tuple[Floats, Ints]:
        """One number for each observation in each level that it has rows of, and the level.

        values : (row,). codes : (row,) level 0, 1, …; rows of −1 are in none.
        """
        if self.units is None:
            return values, codes
        levels = np.unique(codes[codes >= 0])
        parts = [self.take(codes == k).per_unit(values[codes == k]) for k in levels]
        return np.concatenate(parts), np.repeat(levels, [len(part) for part in parts])

    def counts(self, hits: Bools, among: Bools | None = None) -> tuple[int, int]:
        """Hits and trials of a rate, as many as independent rows would tell as much.

        hits : (row,). among : (row,) the rows that are tried; all by default.

        Returns both divided by the design effect of the rate among the rows tried, in whole
        numbers; where all rows are alike, which hides it, as many trials as entities.
        """
        among = np.ones(self.n, bool) if among is None else among
        n, x = int(among.sum()), int((hits & among).sum())
        if self.units is None or not n:
            return x, n
        trials = min(max(round(self._effective(hits, among)), 1), n)
        x = round(trials * x / n) if 0 < x < n else trials * (x > 0)
        return int(x), int(trials)

    def _effective(self, hits: Bools, among: Bools) -> float:
        """How many independent rows tell as much of a rate as the rows that are tried."""
        rows = self.take(among)
        tried = hits[among]
        if rows.units is None:
            return rows.n
        if tried.all() or not tried.any():
            return rows.n_units
        effect = rows.design_effect(tried - tried.mean())
        return rows.n / effect * (Z95 / rows.critical) ** 2

    def rate(self, hits: Bools, among: Bools | None = None, level: float = 0.95) -> Estimate:
        """The share of hits among the rows tried, with its interval.

        Of entities by the exact interval of effective counts (Korn and Graubard's).
        """
        among = np.ones(self.n, bool) if among is None else among
        return self.rates([(hits, among)], level)[0]

    def rates(self, tried: Iterable[tuple[Bools, Bools]], level: float = 0.95) -> list[Estimate]:
        """The `rate` of each (hits, among); many intervals at once take a fraction of the time."""
        counted = [self._counted(hits, among) for hits, among in tried]
        effective = np.array([counts for _, _, counts in counted]).reshape(-1, 2)
        lows, highs = blaker(effective[:, 0], effective[:, 1], level)
        estimates = []
        for (rows, x, _), least, most in zip(counted, lows.tolist(), highs.tolist(), strict=True):
            value = x / rows.n if rows.n else math.nan
            low, high = least, most
            if rows.units is not None:  # effective counts are whole numbers, so the ends may miss
                low, high = min(least, value), max(most, value)
            method = rows.describe(rows.rate_method)
            estimates.append(Estimate(value, low, high, rows.n, method))
        return estimates

    def _counted(self, hits: Bools, among: Bools) -> tuple[Resampling, int, tuple[int, int]]:
        """The rows that are tried, the hits among them, and the counts of the interval."""
        rows = self.take(among)
        x = int((hits & among).sum())
        return rows, x, (x, rows.n) if rows.units is None else self.counts(hits, among)

    @property
    def rate_method(self) -> Message:
        """How the interval of a rate is made."""
        if self.units is None:
            return message("interval_methods.blaker")
        return message("interval_methods.blaker_effective")

    def mean(
        self, values: Floats, method: Text, level: float = 0.95, among: Floats | None = None
    ) -> Estimate:
        """The mean of (row,) values with its interval; see `mean_interval`."""
        mean, low, high = map(float, mean_interval(self.per_unit(values), 0, level, among))
        return Estimate(mean, low, high, self.n, self.describe(method))

    def describe(self, method: Text) -> Text:
        """How an interval was made, with the number of entities where rows depend."""
        if self.units is None:
            return method
        return message(
            "interval_methods.of_entities", method=method, rows=self.n, entities=self.n_units
        )

    def smallest_class(self, labels: Ints | Bools) -> int:
        """How many observations the rarest class has, of those that occur among (row,) labels."""
        return int(self.class_sizes(labels).min())

    def class_sizes(self, labels: Ints | Bools) -> Ints:
        """(class,) observations with a row of each class that occurs."""
        return np.array([self.occurring(labels == code) for code in np.unique(labels)])

    def occurring(self, among: Bools) -> int:
        """How many observations have a row among these (row,) rows."""
        return int(among.sum()) if self.units is None else len(np.unique(self.units[among]))

    def signs(self, n_draws: int, rng: np.random.Generator) -> Floats:
        """(draw, row) of −1 and 1, the same for all rows of an observation.

        What is centred keeps its mean of 0 and its dependence when it is turned so: the wild
        bootstrap.
        """
        drawn = np.asarray(rng.integers(0, 2, size=(n_draws, self.n_units)) * 2.0 - 1, np.float64)
        return drawn if self.units is None else drawn[:, self.units]

    def one_each(self, order: Ints) -> Ints:
        """Of rows in an order the first of each observation."""
        if self.units is None:
            return order
        return order[np.sort(np.unique(self.units[order], return_index=True)[1])]

    def halves(self, order: Ints) -> tuple[Ints, Ints]:
        """The rows of every second observation in an order of all rows, and those of the others.

        Entities are in the order of their first row.
        """
        if self.units is None:
            return order[::2], order[1::2]
        entities, first = np.unique(self.units[order], return_index=True)
        in_first = np.zeros(self.n_units, bool)
        in_first[entities[np.argsort(first)][::2]] = True
        inside = in_first[self.units[order]]
        return order[inside], order[~inside]

    @property
    def _strata(self) -> Ints:
        """(unit,) the stratum of each observation."""
        if self.strata is None or self.units is not None:
            return np.zeros(self.n_units, np.int64)
        return self.strata

    def weights(self, n_resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
        """How often each row is drawn, in chunks of (≤ 100, row)."""
        for drawn in draw_weights(self._strata, n_resamples, rng):
            yield drawn if self.units is None else drawn[:, self.units]

    def left_out(self, rng: np.random.Generator) -> Iterator[Floats]:
        """(block, row) 0 where a row is left out with its seeded block of observations, else 1.

        In chunks; the blocks are drawn at once.
        """
        blocks = rng.permutation(self.n_units) % min(_JACKKNIFE_BLOCKS, self.n_units)
        return (kept if self.units is None else kept[:, self.units] for kept in _leave_out(blocks))


#: Batches of drawn rows whose means tell how far the mean of all may be off.
_BATCHES = 16


def batches_of(n: int) -> list[Ints]:
    """Positions of n drawn rows, dealt out by chance to 16 batches, or to one each of fewer.

    The deal is the same for every n, and hangs on nothing else.

    >>> [len(batch) for batch in batches_of(3)]
    [1, 1, 1]
    """
    return np.array_split(np.random.default_rng(n).permutation(n), min(_BATCHES, n))


def error_by_batches(means: Floats, n: int, unseen: float) -> Floats:
    """(…,) standard error of the mean over n drawn rows, from (batch, …) means of `batches_of(n)`.

    unseen : share of the rows to draw from that were not drawn; see `error_of_mean`.
    """
    return error_of_mean(means, unseen, np.array([len(batch) for batch in batches_of(n)]))


def draw_weights(strata: Ints, n_resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
    """How often each instance is drawn, in chunks of (≤ 100, instance); strata keep their sizes.

    Chunks of many instances are cut into smaller ones, which draw the same.
    """
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    n = len(strata)
    for first in range(0, n_resamples, _CHUNK):
        n_drawn = min(_CHUNK, n_resamples - first)
        drawn = [
            rows_in[rng.integers(0, len(rows_in), size=(n_drawn, len(rows_in)), dtype=np.int32)]
            for rows_in in members
        ]
        instances, size = np.concatenate(drawn, axis=1), max(1, _MOST_WEIGHTS // n)
        for start in range(0, n_drawn, size):
            yield _counts(instances[start : start + size], n)


def _counts(instances: Array, n: int) -> Floats:
    """(resample, instance) how often each of n instances is among the (resample, draw) drawn."""
    flat = instances + n * np.arange(len(instances))[:, None]
    counts = np.bincount(flat.ravel(), minlength=len(instances) * n)
    return counts.reshape(-1, n).astype(np.float64)


def weighted_means(values: Floats) -> Statistic:
    """The means of (row, …) values, as a statistic of (resample, row) weights."""

    def statistic(weights: Floats) -> Floats:
        total = weights.sum(axis=1).reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray(weights @ values / total)

    return statistic


def bootstrap(
    statistic: Statistic, resampling: Resampling, n_resamples: int, seed: int | np.random.Generator
) -> Replicates:
    """Bootstrap of rows or of entities for a statistic that takes weights.

    statistic : (resample, row) weights -> (resample, …).
    resampling : what is drawn. n_resamples : how many resamples.

    Returns Replicates; its jackknife leaves out one of at most 200 seeded blocks at a time.
    """
    rng = np.random.default_rng(seed)
    kept = resampling.left_out(rng)
    resampled = [statistic(chunk) for chunk in resampling.weights(n_resamples, rng)]
    left_out = [statistic(chunk) for chunk in kept]
    return Replicates(
        value=statistic(np.ones((1, resampling.n)))[0],
        resamples=np.concatenate(resampled),
        jackknife=np.concatenate(left_out),
        blocks=np.ones(sum(map(len, left_out))),
        resampling=resampling,
    )


def _leave_out(blocks: Ints) -> Iterator[Floats]:
    """(block, instance) weights that leave out one block each, as many blocks as memory allows."""
    numbers, size = np.arange(blocks.max() + 1), max(1, _MOST_OF_JACKKNIFE // len(blocks))
    for start in range(0, len(numbers), size):
        left_out = numbers[start : start + size, None]
        yield (blocks[None, :] != left_out).astype(np.float64)


def bootstrap_rates(
    successes: Ints,
    trials: Ints,
    statistic: RateStatistic,
    n_resamples: int,
    rng: np.random.Generator,
    rates: Floats | None = None,
) -> Replicates:
    """The same for a statistic of rates: resampled counts are binomial, the jackknife is exact.

    successes, trials : (cell,) with trials > 0; instances are drawn within each cell.
    statistic : (resample, cell) rates -> (resample,).
    rates : (cell,) where the counts are effective ones, of which these are not the ratios.
    """
    p = successes / trials if rates is None else rates
    drawn = rng.binomial(trials, p, size=(n_resamples, len(trials)))
    unit = np.eye(len(trials))
    spared = np.maximum(trials - 1, 1)
    without_success = np.where(unit > 0, np.maximum(successes - 1, 0) / spared, p)
    without_failure = np.where(unit > 0, np.minimum(successes, spared) / spared, p)
    return Replicates(
        value=statistic(p[None])[0],
        resamples=statistic(drawn / trials),
        jackknife=statistic(np.concatenate([without_success, without_failure])),
        blocks=np.concatenate([successes, trials - successes]).astype(np.float64),
    )


def bca(replicates: Replicates) -> tuple[Floats, Floats]:
    """Bias-corrected and accelerated 95 % interval, for each element of the statistic.

    Where the sample's value lies far from the middle of its own resamples (a statistic that noise
    can only raise, such as a largest gap that is near zero), the basic interval is given instead,
    2 value − the quantiles. It forgets that the value may be too small as well, so it is joined
    with the quantiles moved by their mean's distance from the value.

    Returns low, high : of the shape of the value; equal to it where all resamples are.

    Reference: Efron 1987, doi:10.1080/01621459.1987.10478410; Davison & Hinkley 1997, section 5.2.
    """
    from scipy.special import ndtr

    bias = _bias(replicates)
    acceleration = _acceleration(replicates)
    shift = replicates.value - replicates.resamples.mean(axis=0)
    ends = []
    for z in (-Z95, Z95):
        shifted = bias + z
        level = ndtr(bias + shifted / np.maximum(1 - acceleration * shifted, 1e-3))
        accelerated = _quantiles(replicates.resamples, level)
        plain = np.full_like(level, ndtr(z))
        basic = 2 * replicates.value - _quantiles(replicates.resamples, 1 - plain)
        moved = _quantiles(replicates.resamples, plain) + shift
        wider = np.minimum(basic, moved) if z < 0 else np.maximum(basic, moved)
        ends.append(np.where(np.abs(bias) > _MOST_BIAS, wider, accelerated))
    return np.minimum(ends[0], replicates.value), np.maximum(ends[1], replicates.value)


def _bias(replicates: Replicates) -> Floats:
    from scipy.special import ndtri

    equal = np.isclose(replicates.resamples, replicates.value, rtol=1e-12, atol=1e-14)
    below = ((replicates.resamples < replicates.value) & ~equal).mean(axis=0)
    ties = equal.mean(axis=0)
    n = len(replicates.resamples)
    return np.asarray(ndtri(np.clip(below + ties / 2, 0.5 / n, 1 - 0.5 / n)))


def _acceleration(replicates: Replicates) -> Floats:
    times = replicates.blocks.reshape(-1, *[1] * replicates.value.ndim)
    mean = (times * replicates.jackknife).sum(axis=0) / times.sum()
    gap = mean - replicates.jackknife
    cubes = (times * gap**3).sum(axis=0)
    squares = (times * gap**2).sum(axis=0)
    return np.where(squares > 0, cubes / (6 * np.maximum(squares, 1e-150) ** 1.5), 0.0)


def _quantiles(resamples: Floats, levels: Floats) -> Floats:
    ordered = np.sort(resamples.reshape(len(resamples), -1), axis=0)
    place = np.clip(np.ravel(levels) * len(ordered) - 0.5, 0, len(ordered) - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, len(ordered) - 1)
    columns = np.arange(ordered.shape[1])
    part = place - below
    quantiles = ordered[below, columns] * (1 - part) + ordered[above, columns] * part
    return np.asarray(quantiles.reshape(np.shape(levels)))


def permuted_counts(
    sizes: Ints, successes: int, n_permutations: int, rng: np.random.Generator
) -> Ints:
    """Successes per group when the groups are dealt out by chance: multivariate hypergeometric.

    The same as shuffling the group labels, without touching a single instance.

    Returns (permutation, group) counts, each row sums to `successes`.
    """
    return rng.multivariate_hypergeometric(
        sizes, successes, size=n_permutations, method="marginals"
    )


def permutation_p_value(null: Floats, value: float) -> float:
    """Share of the null at least as great as the value, counting the value itself: in (0, 1].

    >>> permutation_p_value(np.array([0.1, 0.2, 0.3]), 0.3)
    0.5
    """
    return float((1 + np.count_nonzero(null >= value - 1e-12)) / (1 + len(null)))


def bootstrapped(
    replicates: Replicates,
    n: int,
    seed: int,
    bounds: tuple[float, float] = SHARE,
    drawn: Drawn = "instances",
) -> Estimate:
    """A value with its interval, and how it was made."""
    low, high = replicates.interval(*bounds)
    method = replicates.describe(
        bootstrap_method(replicates.method, len(replicates.resamples), seed, drawn)
    )
    return Estimate(float(replicates.value), float(low), float(high), n, method)


def bootstrap_method(kind: str, resamples: int, seed: int, drawn: Drawn = "instances") -> Message:
    """How an interval was made: `kind` is "BCa" or "basic", see `Replicates.method`."""
    return message(
        "interval_methods.bootstrap", kind=kind, resamples=resamples, seed=seed, drawn=drawn
    )


def stratified_order(labels: Ints, rng: np.random.Generator) -> Ints:
    """An order of all instances whose every beginning has the classes in nearly their shares.

    It is the same whatever numbers the classes have.

    >>> labels = np.array([0, 0, 0, 0, 1, 1])
    >>> labels[stratified_order(labels, np.random.default_rng(0))][:3].sum()
    np.int64(1)
    """
    place, drawn = np.empty(len(labels)), rng.permutation(len(labels))
    for label in np.unique(labels):
        members = drawn[labels[drawn] == label]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(place, kind="stable")


@dataclass(frozen=True)
class Studentized:
    """A number with its standard error, on the sample and on its resamples.

    The distance from the sample's number, in standard errors of the resample, is nearly the same
    whatever the data, so that its quantiles give an interval that allows for skewness.

    value, error : of the sample. values, errors : (resample,).

    Reference: Hall 1988, doi:10.1214/aos/1176350933; Davison & Hinkley 1997, section 5.2.1.
    """

    value: float
    error: float
    values: Floats
    errors: Floats

    @property
    def is_defined(self) -> bool:
        """Whether the sample and every resample have a number that varies with the cases."""
        numbers = np.append(self.values, self.value)
        errors = np.append(self.errors, self.error)
        return bool(np.isfinite(numbers).all() and (errors > 1e-9 * abs(self.error)).all())

    def interval(self, level: float) -> tuple[float, float]:
        """The ends of an interval of a nominal level in (0, 1); the value lies within.

        >>> draws = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
        >>> Studentized(0.0, 0.5, draws, np.ones(5)).interval(0.5)
        (-0.5, 0.5)
        """
        distances = (self.values - self.value) / self.errors
        low, high = np.quantile(distances, [(1 - level) / 2, (1 + level) / 2])
        ends = self.value - max(high, 0.0) * self.error, self.value - min(low, 0.0) * self.error
        return float(ends[0]), float(ends[1])


def kurtosis(values: Floats) -> float:
    """Mean fourth power of the standardised values, 3 for normal ones; NaN where none vary.

    >>> round(kurtosis(np.array([-1.0, 1.0, -1.0, 1.0])), 2)
    1.0
    """
    centred = values - values.mean()
    variance = float(np.mean(centred**2))
    return float(np.mean(centred**4)) / variance**2 if variance > 0 else float("nan")
