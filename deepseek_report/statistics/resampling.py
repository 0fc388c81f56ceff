"""Bootstrap of instances, bias-corrected intervals, and permutation of groups, all by counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message, message
from deepseek_report.statistics.intervals import SHARE, Z95

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


@dataclass(frozen=True)
class Replicates:
    """A statistic on the sample, on its resamples, and with parts of the sample left out.

    value : (…). resamples : (resample, …). jackknife : (block, …), each counted `blocks` times.
    """

    value: Floats
    resamples: Floats
    jackknife: Floats
    blocks: Floats

    def of(self, k: int) -> Replicates:
        """Those of the k-th of several values."""
        return Replicates(self.value[k], self.resamples[:, k], self.jackknife[:, k], self.blocks)

    def interval(self, least: float = -np.inf, greatest: float = np.inf) -> tuple[Floats, Floats]:
        """95 % BCa interval within the bounds; see `bca`."""
        low, high = bca(self)
        return np.clip(low, least, greatest), np.clip(high, least, greatest)

    @property
    def method(self) -> str:
        """Which interval `bca` gives for a single value."""
        return "BCa" if abs(float(_bias(self))) <= _MOST_BIAS else "basic"


#: What a bootstrap draws anew.
Drawn = Literal["instances", "within_classes", "within_groups", "cases_within_groups"]


def as_one(n: int) -> Ints:
    """(instance,) one stratum: the share of each class is left to chance, as it was in the data.

    Within classes the bootstrap would hide how much a mean error, an average precision or a
    calibration error owes to the number of positives that happened to be drawn.
    """
    return np.zeros(n, np.int64)


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


def _counts(instances: NDArray[Any], n: int) -> Floats:
    """(resample, instance) how often each of n instances is among the (resample, draw) drawn."""
    flat = instances + n * np.arange(len(instances))[:, None]
    counts = np.bincount(flat.ravel(), minlength=len(instances) * n)
    return counts.reshape(-1, n).astype(np.float64)


def bootstrap(
    statistic: Statistic, strata: Ints, n_resamples: int, rng: np.random.Generator
) -> Replicates:
    """Stratified bootstrap of instances for a statistic that takes weights.

    Parameters
    ----------
    statistic : (resample, instance) weights -> (resample, …).
    strata : (instance,) instances are drawn within these, such as the labels.
    n_resamples : how many resamples.

    Returns
    -------
    Replicates; its jackknife leaves out one of at most 200 seeded blocks at a time.
    """
    n = len(strata)
    blocks = rng.permutation(n) % min(_JACKKNIFE_BLOCKS, n)
    resampled = [statistic(chunk) for chunk in draw_weights(strata, n_resamples, rng)]
    left_out = [statistic(chunk) for chunk in _leave_out(blocks)]
    return Replicates(
        value=statistic(np.ones((1, n)))[0],
        resamples=np.concatenate(resampled),
        jackknife=np.concatenate(left_out),
        blocks=np.ones(int(blocks.max()) + 1),
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
) -> Replicates:
    """The same for a statistic of rates: resampled counts are binomial, the jackknife is exact.

    Parameters
    ----------
    successes, trials : (cell,) with trials > 0; instances are drawn within each cell.
    statistic : (resample, cell) rates -> (resample,).
    """
    p = successes / trials
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

    Returns
    -------
    low, high : of the shape of the value; equal to it where all resamples are.

    References
    ----------
    Efron 1987, doi:10.1080/01621459.1987.10478410; Davison & Hinkley 1997, section 5.2.
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

    Returns
    -------
    (permutation, group) counts, each row sums to `successes`.
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
    method = bootstrap_method(replicates.method, len(replicates.resamples), seed, drawn)
    return Estimate(float(replicates.value), float(low), float(high), n, method)


def bootstrap_method(kind: str, resamples: int, seed: int, drawn: Drawn = "instances") -> Message:
    """How an interval was made: `kind` is "BCa" or "basic", see `Replicates.method`."""
    return message(
        "interval_methods.bootstrap", kind=kind, resamples=resamples, seed=seed, drawn=drawn
    )


def stratified_order(labels: Ints, rng: np.random.Generator) -> Ints:
    """An order of all instances whose every beginning has the classes in nearly their shares.

    >>> labels = np.array([0, 0, 0, 0, 1, 1])
    >>> labels[stratified_order(labels, np.random.default_rng(0))][:3].sum()
    np.int64(1)
    """
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(place, kind="stable")
