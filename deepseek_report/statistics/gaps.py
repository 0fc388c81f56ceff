"""The largest gap between levels: of a rate or a mean, with what chance alone would give."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.statistics.intervals import (
    SHARE,
    Z95,
    enough_events,
    newcombe,
)
from deepseek_report.statistics.resampling import (
    bootstrap_method,
    bootstrap_rates,
    permutation_p_value,
    permuted_counts,
)

_CHUNK = 100


@dataclass(frozen=True)
class RateTable:
    """Counts of one rate per level: `hits` of `trials`, each (level,)."""

    hits: Ints
    trials: Ints

    @property
    def rates(self) -> Floats:
        return np.asarray(self.hits / np.maximum(self.trials, 1))

    def enough(self, min_cell: int, min_events: int) -> Bools:
        """(level,) whether there are cases enough, and events enough if all rates were equal."""
        overall = self.hits.sum() / max(self.trials.sum(), 1)
        return (self.trials >= min_cell) & enough_events(self.trials, overall, min_events)


@dataclass(frozen=True)
class Gap:
    """The largest gap between two levels, and what chance alone would give."""

    estimate: Estimate
    null_mean: float
    null_high: float
    p_value: float
    highest: int
    lowest: int


def largest_gap(tables: Sequence[RateTable], n_resamples: int, seed: int) -> Gap:
    """Greatest difference of any of these rates between two levels.

    max over tables of (max over levels − min over levels). Noise alone raises it, so the null
    distribution is given too: levels are dealt out by chance among the cases of each table.

    Parameters
    ----------
    tables : one for a plain gap; true and false positive rates for equalized odds.

    Returns
    -------
    Gap. Of one rate and two levels the interval is Newcombe's, folded at zero. Otherwise it is BCa,
    from a bootstrap within the cells. It begins at 0 where chance alone may explain the gap (the
    permutation test). Where one of the two levels is never or always favoured, its resamples do
    not vary, so the interval is joined with Newcombe's. `null_high` is the null's 95 % quantile.
    """
    rng = np.random.default_rng(seed)
    k = len(tables[0].trials)

    def statistic(rates: Floats) -> Floats:
        parts = np.split(rates, len(tables), axis=1)
        return np.asarray(np.max([np.ptp(part, axis=1) for part in parts], axis=0))

    rates = np.concatenate([table.rates for table in tables])
    value = float(statistic(rates[None])[0])
    null = statistic(_null_rates(tables, n_resamples, rng))
    p_value = permutation_p_value(null, value)
    widest = max(tables, key=lambda table: np.ptp(table.rates))
    ends = [int(np.argmax(widest.rates)), int(np.argmin(widest.rates))]
    if len(tables) == 1 and k == 2:
        estimate = _folded(tables[0], value)
    else:
        estimate = _resampled(tables, statistic, n_resamples, seed)
        estimate = _widened(estimate, widest, ends, by_chance=p_value > 0.05)
    return Gap(
        estimate=estimate,
        null_mean=float(null.mean()),
        null_high=float(np.quantile(null, 0.95)),
        p_value=p_value,
        highest=ends[0],
        lowest=ends[1],
    )


def _widened(
    resampled: Estimate, table: RateTable, ends: list[int], *, by_chance: bool
) -> Estimate:
    """The interval with what resamples cannot show; see `largest_gap`."""
    low, high, method = resampled.low, resampled.high, resampled.method
    if set(table.rates[ends]) & {0.0, 1.0}:
        pair = newcombe(*(x for end in ends for x in (table.hits[end], table.trials[end])))
        low, high = min(low or 0.0, float(pair[0])), max(high or 0.0, float(pair[1]))
        method = message("interval_methods.joined_with_newcombe", method=method)
    if by_chance and low:
        low, method = 0.0, message("interval_methods.from_zero", method=method)
    return replace(resampled, low=max(low or 0.0, 0.0), high=high, method=method)


def _null_rates(tables: Sequence[RateTable], n: int, rng: np.random.Generator) -> Floats:
    dealt = [
        permuted_counts(table.trials, int(table.hits.sum()), n, rng) / table.trials
        for table in tables
    ]
    return np.concatenate(dealt, axis=1)


def _folded(table: RateTable, value: float) -> Estimate:
    (x, other), (n, other_n) = table.hits, table.trials
    low, high = (float(end) for end in newcombe(x, n, other, other_n))
    ends = (min(abs(low), abs(high)), max(abs(low), abs(high)))
    least = 0.0 if low <= 0 <= high else ends[0]
    return Estimate(
        value, least, ends[1], int(n + other_n), message("interval_methods.newcombe_folded")
    )


def _resampled(
    tables: Sequence[RateTable],
    statistic: Callable[[Floats], Floats],
    n_resamples: int,
    seed: int,
) -> Estimate:
    hits = np.concatenate([table.hits for table in tables])
    trials = np.concatenate([table.trials for table in tables])
    rng = np.random.default_rng(seed)
    replicates = bootstrap_rates(hits, trials, statistic, n_resamples, rng)
    low, high = replicates.interval(*SHARE)
    method = bootstrap_method(replicates.method, n_resamples, seed, "cases_within_groups")
    return Estimate(float(replicates.value), float(low), float(high), int(trials.sum()), method)


def widest_means(values: Floats, codes: Ints, levels: Ints) -> Floats:
    """(draw,) largest difference between the means of the groups.

    Parameters
    ----------
    values : (draw, instance). codes : (instance,). levels : the groups that are compared.
    """
    member = (codes[:, None] == levels).astype(np.float64)
    means = values @ member / member.sum(axis=0)
    return np.asarray(means.max(axis=1) - means.min(axis=1))


def _null_means(
    values: Floats, codes: Ints, levels: Ints, n_permutations: int, rng: np.random.Generator
) -> Floats:
    """(permutation,) the largest gap where the values are dealt out to the groups by chance."""
    chunks = []
    for first in range(0, n_permutations, _CHUNK):
        rows = min(_CHUNK, n_permutations - first)
        shuffled = rng.permuted(np.tile(values, (rows, 1)), axis=1)
        chunks.append(widest_means(shuffled, codes, levels))
    return np.concatenate(chunks)


def largest_mean_gap(
    values: Floats, codes: Ints, n_permutations: int, rng: np.random.Generator
) -> Gap:
    """Greatest difference of a mean between two groups, tested by dealing out the values by chance.

    Parameters
    ----------
    values : (instance,). codes : (instance,) group 0, 1, …; −1 is in none and is left out.

    Returns
    -------
    Gap. The interval is the normal one of two groups named in advance, not below 0. `null_high` is
    the null's 95 % quantile.
    """
    values, codes = values[codes >= 0], codes[codes >= 0]
    levels = np.unique(codes)
    null = _null_means(values, codes, levels, n_permutations, rng)
    parts = [values[codes == level] for level in levels]
    means = np.array([part.mean() for part in parts])
    highest, lowest = int(means.argmax()), int(means.argmin())
    gap = float(means[highest] - means[lowest])
    variance = sum(float(parts[k].var(ddof=1)) / len(parts[k]) for k in (highest, lowest))
    half = Z95 * math.sqrt(variance)
    method = message("interval_methods.normal_of_furthest")
    return Gap(
        estimate=Estimate(gap, max(gap - half, 0.0), gap + half, len(values), method),
        null_mean=float(null.mean()),
        null_high=float(np.quantile(null, 0.95)),
        p_value=permutation_p_value(null, gap),
        highest=int(levels[highest]),
        lowest=int(levels[lowest]),
    )
