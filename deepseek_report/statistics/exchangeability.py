"""Whether new values go on like earlier ones, judged again after every value, at one error rate.

A conformal p-value is the rank of a new value among all before it; while the values are
exchangeable, these are independent and uniform, whatever their distribution and however few the
earlier ones are. A test martingale bets that they are not. Its capital is at least 1/α at any time
with probability at most α (Ville), so that it may be looked at after every batch, for ever.

References
----------
Vovk, Gammerman & Shafer 2022, Algorithmic Learning in a Random World, chapter 8,
doi:10.1007/978-3-031-06649-8; Shafer et al. 2011, doi:10.1214/10-STS347 (p-values from capital);
Holm 1979, jstor.org/stable/4615733.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from deepseek_report.artifacts.array_types import Floats

#: Legendre polynomials are bet on with these slopes: shifts, changes of spread and of skew.
_SLOPES = (-0.8, -0.4, 0.4, 0.8)
_DEGREES = (1, 2, 3)
#: Odds of an interval are bet to be multiplied by these.
_ODDS = (1 / 3, 3.0, 12.0)
#: Equal intervals of values that are many, and intervals at both ends.
_EQUAL, _TAIL = 8, 1 / 64
#: At most so many different values have an interval each.
MOST_VALUES = 16


@dataclass(frozen=True)
class Bets:
    """What is bet on the p-values of one quantity: densities on [0, 1] with integral 1.

    low, high : (interval,) whose odds are bet on. weights : (bet,) shares of the starting capital.
    """

    low: Floats
    high: Floats
    weights: Floats

    @classmethod
    def on(cls, reference: Floats) -> Bets:
        """Half of the capital on smooth changes, half on intervals of the p-values.

        Parameters
        ----------
        reference : (value,) NaN is missing. Of at most `MOST_VALUES` different values each has an
            interval, as a category needs; else there are `_EQUAL` equal ones. Both ends, and
            missing values, have one besides.
        """
        values, counts = np.unique(_ranked(reference), return_counts=True)
        if len(values) <= MOST_VALUES:
            ends = np.concatenate([[0.0], np.cumsum(counts[::-1]) / counts.sum()])
        else:
            ends = np.linspace(0, 1, _EQUAL + 1)
        missing = float(np.isnan(reference).mean())
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

    highest : the largest capital after any value so far, of 1 at the start.
    """

    bets: Bets
    rng: np.random.Generator
    highest: float = 1.0
    n_batches: int = 0
    _sorted: list[float] = field(default_factory=list, repr=False)
    _stakes: Floats = field(default_factory=lambda: np.zeros(0), repr=False)

    @classmethod
    def of(cls, reference: Floats, seed: Sequence[int]) -> Monitor:
        """A monitor that has seen the reference (value,); NaN is missing, and larger than any.

        seed : of the random numbers by which ties are broken.
        """
        bets = Bets.on(reference)
        known = np.sort(_ranked(reference)).tolist()
        stakes = np.zeros(len(bets.weights))
        return cls(bets, np.random.default_rng(seed), 1.0, 0, known, stakes)

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
        p = np.array([self._conformal(value) for value in _ranked(values).tolist()])
        stakes = self._stakes * np.cumprod(self.bets.densities(p), axis=0)
        self.highest = max(self.highest, float(stakes.sum(axis=1).max()) + idle)
        self._stakes = stakes[-1]

    def _conformal(self, value: float) -> float:
        """Rank of a value from above among all so far, ties broken at random; then it is one."""
        first, last = bisect_left(self._sorted, value), bisect_right(self._sorted, value)
        above, alike = len(self._sorted) - last, last - first + 1
        p = (above + float(self.rng.random()) * alike) / (len(self._sorted) + 1)
        self._sorted.insert(last, value)
        return p


def _ranked(values: Floats) -> Floats:
    """The values by which ranks are taken: what is missing lies above all."""
    return np.where(np.isnan(values), np.inf, np.asarray(values, np.float64))


def stability_index(
    reference: Floats, values: Floats, ordered: bool, bins: int = 10
) -> tuple[float, float]:
    """How far a sample is from another one, and how far chance alone takes it.

    The population stability index Σ (q − p) ln(q / p) over `bins` parts of the reference of like
    size, or over the values where they are categories; missing values are a part of their own.
    Half a case is added to each part. Where both samples come from one distribution the index is
    near a χ² variable times the sum of 1 / n of both, and below that where parts hold few cases.

    Parameters
    ----------
    reference, values : (value,) NaN is missing. ordered : whether they are numbers.

    Returns
    -------
    The index, 0 where shares are equal, and its 95 % quantile without any difference.

    References
    ----------
    Yurdakul & Naranjo 2020, doi:10.21314/JRMV.2020.227.

    >>> rng = np.random.default_rng(1)
    >>> index, chance = stability_index(rng.normal(size=5000), rng.normal(size=100), True)
    >>> round(index, 2), round(chance, 2)
    (0.03, 0.17)
    """
    from scipy.stats import chi2

    known = reference[~np.isnan(reference)]
    distinct = np.unique(known)
    if ordered and len(distinct) > bins:
        inner = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="higher"))
        places = [np.searchsorted(inner, sample, side="right") for sample in (reference, values)]
        n_parts = len(inner) + 1
    else:
        distinct = np.unique(np.concatenate([known, values[~np.isnan(values)]]))
        places = [np.searchsorted(distinct, sample) for sample in (reference, values)]
        n_parts = max(len(distinct), 1)
    counts = [
        np.bincount(np.where(np.isnan(sample), n_parts, place), minlength=n_parts + 1)
        for sample, place in zip((reference, values), places, strict=True)
    ]
    some = counts[0] + counts[1] > 0
    p, q = ((count[some] + 0.5) / (count[some] + 0.5).sum() for count in counts)
    index = float(((q - p) * np.log(q / p)).sum())
    scale = 1 / max(len(reference), 1) + 1 / max(len(values), 1)
    return index, float(chi2.ppf(0.95, max(int(some.sum()) - 1, 1)) * scale)
