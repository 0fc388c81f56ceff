"""Differences of two predictors on the same rows, and of two methods over their seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.statistics.intervals import blaker
from deepseek_report.statistics.resampling import Resampling

#: Seeds of each of two methods from which on they are compared as methods.
FEWEST_SEEDS = 5
#: How surely a number of seeds is to tell a difference as large as the one seen, and the most
#: seeds that are thought of.
POWER = 0.8
_MOST_SEEDS = 1000


def influence_difference(
    first: tuple[float, Floats], other: tuple[float, Floats], resampling: Resampling | None = None
) -> tuple[Estimate, float]:
    """First − other on the same rows with Student's 95 % interval, and the two-sided p-value.

    first, other : a value, and what each row adds to its error: (row,), squares add up to its
        variance.
    resampling : what the rows are of; influences are added up within entities.

    >>> influences = np.array([0.3, -0.4])
    >>> estimate, p = influence_difference((1.0, influences), (0.5, np.zeros(2)))
    >>> estimate.value, round(estimate.low, 2), round(p, 3)
    (0.5, -5.85, 0.5)
    """
    value, spread = first[0] - other[0], first[1] - other[1]
    drawn = resampling or Resampling(len(spread))
    method, each = (
        drawn.describe(message("interval_methods.paired_student")),
        drawn.influences(spread),
    )
    return judged(value, math.sqrt(float(each @ each)), drawn.n, method, max(len(each) - 1, 1))


def judged(
    value: float, error: float, n: int, method: Text, freedom: float
) -> tuple[Estimate, float]:
    """A value with its 95 % interval by its standard error, and the two-sided p-value that it is 0.

    freedom : degrees of freedom of Student's distribution.

    >>> estimate, p = judged(1.0, 0.5, 20, message("interval_methods.paired_student"), freedom=9)
    >>> round(estimate.low, 2), round(p, 2)
    (-0.13, 0.08)
    """
    from scipy.special import stdtr, stdtrit

    half = float(stdtrit(freedom, 0.975)) * error
    estimate = Estimate(value, value - half, value + half, n, method)
    if error == 0:
        return estimate, 1.0 if value == 0 else 0.0
    return estimate, float(2 * stdtr(freedom, -abs(value) / error))


def share_difference(
    first: Bools, other: Bools, resampling: Resampling | None = None
) -> tuple[Estimate, float]:
    """Share of first − that of other over the same rows, with interval and p-value.

    The interval is Newcombe's for paired shares with exact ends, the p-value McNemar's mid-p. Of
    dependent rows both are Student's of the differences, by entity.

    Reference: Newcombe 1998,
    doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C, method 10; Fagerland,
    Lydersen & Laake 2013, doi:10.1186/1471-2288-13-91.

    >>> first = np.array([True] * 43 + [False] * 7)
    >>> other = np.array([True] * 36 + [False] * 14)
    >>> estimate, p = share_difference(first, other)  # 7 rows differ, all in one direction
    >>> round(estimate.value, 2), round(p, 4)
    (0.14, 0.0078)
    """
    n = len(first)
    if resampling is not None and resampling.units is not None:
        return _share_difference_of_entities(first, other, resampling)
    both, neither = int((first & other).sum()), int((~first & ~other).sum())
    gained, lost = int((first & ~other).sum()), int((other & ~first).sum())
    shares = ((both + gained) / n, (both + lost) / n)
    (low, other_low), (high, other_high) = blaker((both + gained, both + lost), n)
    together = _phi(both, gained, lost, neither)
    value = shares[0] - shares[1]
    below, above = shares[0] - float(low), float(other_high) - shares[1]
    under, over = shares[1] - float(other_low), float(high) - shares[0]
    estimate = Estimate(
        value,
        value - math.sqrt(max(below**2 - 2 * together * below * above + above**2, 0.0)),
        value + math.sqrt(max(under**2 - 2 * together * under * over + over**2, 0.0)),
        n,
        message("interval_methods.difference_paired"),
    )
    return estimate, mcnemar(gained, lost)


def _share_difference_of_entities(
    first: Bools, other: Bools, resampling: Resampling
) -> tuple[Estimate, float]:
    """The same by entities; where no row differs, as far as a rate of 0 of so many may reach."""
    method = resampling.describe(message("interval_methods.paired_student"))
    if not (first != other).any():
        reach = float(blaker(0, resampling.n_units)[1])
        return Estimate(0.0, -reach, reach, len(first), method), 1.0
    each = resampling.per_unit(first.astype(np.float64) - other)
    error = float(each.std(ddof=1)) / math.sqrt(len(each))
    return judged(float(each.mean()), error, len(first), method, len(each) - 1)


def balanced_accuracy_difference(
    labels: Ints, first: Bools, other: Bools, resampling: Resampling | None = None
) -> Estimate:
    """Mean over the classes of the share that is right by the first, less that by the other.

    The paired intervals of the classes, which are independent, are joined in squares; of dependent
    rows, where an entity may have rows of several classes, it is Student's by entity.

    labels : (row,) classes. first, other : (row,) whether the decisions of each are right.
    resampling : what the rows are of.

    Reference: Zou & Donner 2008, doi:10.1002/sim.3095 (method of variance estimates recovery).

    >>> labels = np.repeat([0, 1], 10)
    >>> change = balanced_accuracy_difference(labels, np.ones(20, bool), labels == 0)
    >>> change.value
    0.5
    """
    classes = np.unique(labels)
    gains = [share_difference(first[labels == k], other[labels == k])[0] for k in classes]
    value = float(np.mean([gain.value for gain in gains]))
    if resampling is not None and resampling.units is not None:
        influence = np.zeros(len(labels))
        for k, gain in zip(classes, gains, strict=True):
            inside = labels == k
            apart = first[inside].astype(np.float64) - other[inside] - gain.value
            influence[inside] = apart / inside.sum() / len(gains)
        return influence_difference((value, influence), (0.0, 0 * influence), resampling)[0]
    ends = [gain.ends or (gain.value, gain.value) for gain in gains]
    pairs = list(zip(gains, ends, strict=True))
    below = math.hypot(*(gain.value - low for gain, (low, _) in pairs)) / len(gains)
    above = math.hypot(*(high - gain.value for gain, (_, high) in pairs)) / len(gains)
    method = message("interval_methods.difference_paired")
    return Estimate(value, value - below, value + above, len(labels), method)


def _phi(both: int, gained: int, lost: int, neither: int) -> float:
    """Correlation of two paired shares, with Newcombe's continuity correction."""
    product = (both + gained) * (lost + neither) * (both + lost) * (gained + neither)
    if not product:
        return 0.0
    top = float(both * neither - gained * lost)
    if top > 0:
        top = max(top - (both + gained + lost + neither) / 2, 0)
    return float(top / math.sqrt(product))


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided mid-p value that changes in the two directions are equally likely.

    >>> mcnemar(0, 0), round(mcnemar(1, 7), 4)
    (1.0, 0.0391)
    """
    from scipy.special import bdtr

    changed, fewer = gained + lost, min(gained, lost)
    if not changed:
        return 1.0
    point = math.comb(changed, fewer) / 2**changed
    return float(min(2 * bdtr(fewer, changed, 0.5) - point, 1.0))


@dataclass(frozen=True)
class SeedRuns:
    """One method, trained from several seeds and judged on the same rows each time.

    values : (seed,) what a measure gave. influences : (seed, row) what each row adds to its error.
    """

    values: Floats
    influences: Floats

    def __len__(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def spread(self) -> float:
        """Standard deviation over seeds; NaN for one."""
        return float(self.values.std(ddof=1)) if len(self) > 1 else math.nan

    @property
    def noise(self) -> float:
        """What chance of the seeds adds to the squares of the mean influences; it is in the
        variance over seeds already.
        """
        return float(self.influences.var(axis=0, ddof=1).sum()) / len(self)

    @classmethod
    def of(cls, runs: Sequence[tuple[float, Floats]]) -> SeedRuns:
        return cls(np.array([value for value, _ in runs]), np.stack([each for _, each in runs]))


@dataclass(frozen=True)
class MethodGap:
    """The difference of two methods, over seeds and rows.

    difference : with its 95 % interval. p_value : two-sided. error, freedom : standard error of the
    difference, and the degrees of freedom of Student's t. rows_error : the part of the error that
    more rows would lower, and no number of seeds. seed_variance : of one seed of each.
    """

    difference: Estimate
    p_value: float
    error: float
    freedom: float
    rows_error: float
    seed_variance: float

    def within(self, region: float) -> float:
        """Probability that the difference is smaller than ± region, given these runs.

        By Student's t around the difference, which is the posterior for flat priors; 0 or 1 where
        neither seeds nor rows move it.

        Reference: Benavoli et al. 2017, jmlr.org/papers/v18/16-305.html (region of practical
        equivalence).
        """
        from scipy.special import stdtr

        if self.error == 0:
            return float(abs(self.difference.value) < region)
        low, high = ((end - self.difference.value) / self.error for end in (-region, region))
        return float(stdtr(self.freedom, high) - stdtr(self.freedom, low))

    @property
    def seeds_needed(self) -> int | None:
        """Seeds of each method that would tell this difference in 80 % of studies on these rows.

        None where more rows are needed instead, or more than a thousand seeds.
        """
        for seeds in range(2, _MOST_SEEDS + 1):
            part = self.seed_variance / seeds
            error = math.sqrt(part + self.rows_error**2)
            freedom = error**4 * 2 * (seeds - 1) / part**2 if part > 0 else math.inf
            if abs(self.difference.value) >= tellable(error, freedom):
                return seeds
        return None


def tellable(error: float, freedom: float) -> float:
    """The difference that Student's test at 5 % tells in 80 % of studies with this error.

    >>> round(tellable(1.0, float("inf")), 2), round(tellable(1.0, 8), 2)
    (2.8, 3.19)
    """
    from scipy.special import ndtri, stdtrit

    if math.isinf(freedom):
        return float(error * (ndtri(0.975) + ndtri(POWER)))
    return float(error * (stdtrit(freedom, 0.975) + stdtrit(freedom, POWER)))


def method_gap(first: SeedRuns, other: SeedRuns) -> MethodGap:
    """First − other for new seeds and new rows: Welch's interval, the rows' own error added.

    Both methods were judged on the same rows; their seeds are independent.

    Reference: Welch 1947, doi:10.1093/biomet/34.1-2.28; Bouthillier et al. 2021,
    arXiv:2103.03098 (sources of variance of a benchmark).

    Raises ValueError: a method has fewer than two seeds.
    """
    from scipy.special import stdtr, stdtrit

    if min(len(first), len(other)) < 2:
        raise ValueError("a method needs at least two seeds")
    parts = [float(runs.values.var(ddof=1)) / len(runs) for runs in (first, other)]
    between = first.influences.mean(axis=0) - other.influences.mean(axis=0)
    rows = float((between**2).sum()) - first.noise - other.noise
    rows = max(rows, 0.0)
    total = sum(parts) + rows
    weights = [part**2 / (len(runs) - 1) for part, runs in zip(parts, (first, other), strict=True)]
    weights.append(rows**2 / max(between.size - 1, 1))
    value, error = first.mean - other.mean, math.sqrt(total)
    freedom = total**2 / sum(weights) if total > 0 else math.inf
    half = float(stdtrit(freedom, 0.975)) * error if error > 0 else 0.0
    p = 2 * float(stdtr(freedom, -abs(value) / error)) if error > 0 else float(value == 0)
    return MethodGap(
        Estimate(
            value,
            value - half,
            value + half,
            len(first) + len(other),
            message("interval_methods.seeds_and_rows"),
        ),
        p,
        error,
        freedom,
        math.sqrt(rows),
        parts[0] * len(first) + parts[1] * len(other),
    )


#: (fit, row) decisions -> (row,) numbers whose mean is estimated.
PerRow = Callable[[Ints], Floats]


def ambiguity_of(own: Ints) -> PerRow:
    """(fit, row) decisions -> (row,) 1 where at least one fit decides otherwise than `own` does.

    >>> ambiguity_of(np.array([0, 1]))(np.array([[0, 1], [1, 1]])).tolist()
    [1.0, 0.0]
    """
    return lambda decisions: np.asarray((decisions != own).any(axis=0), dtype=np.float64)


def self_consistency(decisions: Ints) -> Floats:
    """(fit, row) decisions -> (row,) share of the pairs of fits that decide alike.

    1 means that all fits agree; of two classes it is about 1/2 where each decides like a coin.

    >>> self_consistency(np.array([[0, 1], [1, 1], [1, 1]])).round(3).tolist()
    [0.333, 1.0]
    """
    fits = len(decisions)
    alike = np.zeros(decisions.shape[1])
    for level in np.unique(decisions):
        n = (decisions == level).sum(axis=0)
        alike += n * (n - 1)
    return np.asarray(alike / (fits * (fits - 1)))


def over_rows_and_fits(per_row: PerRow, decisions: Ints, rows: Resampling) -> Estimate:
    """The mean over rows with a 95 % interval for other rows and other fits.

    decisions : (fit, row) of at least three fits.
    """
    from scipy.special import stdtrit

    values, fits = per_row(decisions), len(decisions)
    units = rows.per_unit(values)
    of_rows = float(units.var(ddof=1) / len(units)) if len(units) > 1 else 0.0
    without = [float(per_row(np.delete(decisions, fit, axis=0)).mean()) for fit in range(fits)]
    of_fits = float((fits - 1) * np.var(without))
    value, variance = float(values.mean()), of_rows + of_fits
    squares = of_rows**2 / max(len(units) - 1, 1) + of_fits**2 / max(fits - 1, 1)
    degrees = variance**2 / squares if squares > 0 else 1.0  # Satterthwaite's
    half = float(stdtrit(max(degrees, 1.0), 0.975)) * np.sqrt(variance)
    method = rows.describe(message("interval_methods.rows_and_fits"))
    return Estimate(value, max(value - half, 0.0), min(value + half, 1.0), rows.n, method)


#: Weight of the pseudo-observation of no difference, and draws from the posterior.
_PRIOR, _DRAWS = 0.5, 20_000


@dataclass(frozen=True)
class SignedRank:
    """Posterior probabilities that add up to one: of which of the three is the likeliest.

    less, more : that the differences of another data set lie below or above the region of no
    practical size. alike : that they lie within it.
    """

    less: float
    alike: float
    more: float


def signed_rank(differences: Floats, region: float) -> SignedRank:
    """The Bayesian signed-rank test of one difference a data set.

    The weights of the data sets have a Dirichlet posterior, with a pseudo-observation of no
    difference of weight 0.5; of the means of all pairs of differences, three shares lie below,
    within and above the region. Counted is which share is the largest.

    differences : (data set,), first − other. region : half width, in their unit.

    Reference: Benavoli, Corani, Demšar & Zaffalon 2017, jmlr.org/papers/v18/16-305.html, section 4.

    >>> signed_rank(np.full(8, 0.1), 0.01).more > 0.99
    True
    >>> signed_rank(np.zeros(8), 0.01).alike
    1.0
    """
    values = np.concatenate([[0.0], np.asarray(differences, dtype=float)])
    prior = np.ones(len(values))
    prior[0] = _PRIOR
    weights = np.random.default_rng(0).dirichlet(prior, _DRAWS)
    sums = values[:, None] + values[None, :]
    more = ((weights @ (sums > 2 * region)) * weights).sum(axis=1)
    less = ((weights @ (sums < -2 * region)) * weights).sum(axis=1)
    largest = np.argmax(np.stack([less, 1 - less - more, more]), axis=0)
    shares = np.bincount(largest, minlength=3) / _DRAWS
    return SignedRank(*map(float, shares))


def mean_ranks(values: Floats, *, higher_is_better: bool) -> Floats:
    """(method,) the mean rank over data sets; 1 is the best, ties share their ranks.

    values : (data set, method).

    >>> mean_ranks(np.array([[0.9, 0.8, 0.8], [0.7, 0.6, 0.5]]), higher_is_better=True)
    array([1.  , 2.25, 2.75])
    """
    from scipy.stats import rankdata

    signed = -np.asarray(values) if higher_is_better else np.asarray(values)
    return np.asarray(rankdata(signed, axis=1).mean(axis=0))


def critical_difference(methods: int, data_sets: int) -> float:
    """The distance of two mean ranks that chance exceeds in 5 % of studies of equal methods.

    Nemenyi's test, corrected for all pairs.

    Reference: Demšar 2006, jmlr.org/papers/v7/demsar06a.html, equation 6 and table 5.

    >>> round(critical_difference(5, 14), 2)  # q of 2.728, sqrt(5 * 6 / (6 * 14))
    1.63
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(0.95, methods, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(methods * (methods + 1) / (6 * data_sets))
