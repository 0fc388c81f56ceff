"""Intervals of errors of predicted numbers, and of the log loss, where the truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from statistics import NormalDist

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.metrics.explanations.explanation_plugin import bootstrap_mean, ratio_of_means
from deepseek_report.statistics.answer_errors import MEASURES, cross_entropy, error_estimates
from deepseek_report.statistics.gaps import largest_mean_gap
from deepseek_report.statistics.intervals import blaker, mean_interval, rate_difference, rate_ratio
from deepseek_report.statistics.ranking import auc_influence, delong, paired_difference

from .trials import Plan, Table, repeat, share

_RESAMPLES = 500
#: So many cases that what holds for them is the truth.
_POPULATION = 2_000_000
Draw = Callable[[int, np.random.Generator], Floats]


@dataclass(frozen=True)
class Noise:
    """What the labels have beyond the prediction, of this variance and a mean of 0."""

    draw: Draw
    variance: float = 1.0


def _normal(n: int, rng: np.random.Generator) -> Floats:
    return rng.normal(size=n)


def _student(freedom: int, n: int, rng: np.random.Generator) -> Floats:
    """Student's t of unit variance; with 4 degrees of freedom its kurtosis is infinite."""
    return rng.standard_t(freedom, n) / math.sqrt(freedom / (freedom - 2))


def _skewed(n: int, rng: np.random.Generator) -> Floats:
    """Lognormal about its mean: a few true numbers lie far above what is predicted."""
    return rng.lognormal(0, 0.7, n) - math.exp(0.7**2 / 2)


NOISES: Mapping[str, Noise] = {
    "normal": Noise(_normal),
    "Student's t, 5": Noise(partial(_student, 5)),
    "Student's t, 4": Noise(partial(_student, 4)),
    "skewed (lognormal, 0.7)": Noise(_skewed, (math.exp(0.7**2) - 1) * math.exp(0.7**2)),
}
SIZES = (100, 300, 1000)
_LEAN = 0.1


def predicted(noise: str, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """(instance,) true and predicted numbers; R² is about 0.5, and the predictions lean by 0.1."""
    values = rng.normal(size=n)
    return values - _LEAN + NOISES[noise].draw(n, rng), values


@cache
def truth(noise: str) -> dict[str, float]:
    """What every measure is: of squares by the variances, else over a population."""
    labels, values = predicted(noise, _POPULATION, np.random.default_rng(10**6))
    errors = np.abs(values - labels)
    variance = NOISES[noise].variance
    squared = variance + _LEAN**2
    return {
        "mae": float(errors.mean()),
        "rmse": math.sqrt(squared),
        "r2": 1 - squared / (1 + variance),
        "median_absolute_error": float(np.median(errors)),
    }


def covered(noise: str, n: int, seed: int) -> dict[str, bool]:
    """Whether each interval of one sample holds the truth."""
    labels, values = predicted(noise, n, np.random.default_rng([seed, n]))
    estimates, known = error_estimates(labels, values, _RESAMPLES, seed), truth(noise)
    return {
        name: estimate.low <= known[name] <= estimate.high
        for name, estimate in estimates.items()
        if estimate.low is not None and estimate.high is not None
    }


def _stated(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """(instance, class) log-odds against the first class, and what happened; slightly too sure."""
    signal = 1.2 * rng.normal(size=n) - 1
    happened = rng.random(n) < 1 / (1 + np.exp(-signal))
    return np.column_stack([np.zeros(n), 1.2 * signal]), happened.astype(np.int64)


@cache
def _log_loss() -> float:
    logits, happened = _stated(_POPULATION, np.random.default_rng(10**6))
    return float(cross_entropy(logits, happened).mean())


def log_loss_covered(n: int, seed: int) -> bool:
    logits, happened = _stated(n, np.random.default_rng([seed, n]))
    _, low, high = mean_interval(cross_entropy(logits, happened))
    return bool(low <= _log_loss() <= high)


#: Cases of a part of the data or a group, of which mean errors are told, and of all of them.
PARTS, WHOLE = (20, 30, 60, 100, 300), 1000
#: How many explained cases a mean is taken over.
EXPLAINED = (60, 200)
#: Numbers of single cases between 0 and 1, as explanations are measured by; mean of each.
OF_CASES: Mapping[str, tuple[tuple[float, float], float]] = {
    "mostly low (beta, 2 and 8)": ((2, 8), 0.2),
    "mostly near 1 (beta, 8 and 1)": ((8, 1), 8 / 9),
}


@cache
def _mean_distance(noise: str) -> float:
    """Mean absolute error where the mean error is 0."""
    drawn = NOISES[noise].draw(_POPULATION, np.random.default_rng(10**6))
    return float(np.abs(drawn).mean())


def mean_covered(noise: str, n: int, seed: int) -> tuple[bool, bool, bool]:
    """Whether the intervals of n of all cases hold the mean error and the absolute one, and that of
    a gap in the absolute error its own, where the others have half the errors.
    """
    errors = NOISES[noise].draw(WHOLE, np.random.default_rng([seed, n]))
    distance = _mean_distance(noise)
    outcomes = []
    for values, mean in ((errors, 0.0), (np.abs(errors), distance)):
        _, low, high = mean_interval(values[:n], among=values)
        outcomes.append(bool(low <= mean <= high))
    codes = (np.arange(WHOLE) >= n).astype(np.int64)
    others = np.abs(np.where(codes == 1, errors / 2, errors))
    gap = largest_mean_gap(others, codes, _RESAMPLES, np.random.default_rng(seed))
    return outcomes[0], outcomes[1], _holds(gap.estimate, distance / 2)


def case_mean_covered(kind: str, n: int, seed: int) -> bool:
    """Whether the bootstrap interval of a mean over explained cases holds it."""
    (a, b), mean = OF_CASES[kind]
    values = np.random.default_rng([seed, n]).beta(a, b, n)
    _, low, high = bootstrap_mean(values, _RESAMPLES, seed)
    return bool(low <= mean <= high)


def means(repeats: int, plan: Plan) -> list[Table]:
    """Coverage of intervals of means over cases."""
    of_errors = []
    for noise in NOISES:
        for n in PARTS:
            outcomes = repeat(partial(mean_covered, noise, n), repeats, plan)
            of_errors.append((noise, n, *map(share, zip(*outcomes, strict=True))))
    of_cases = [
        (kind, n, share(repeat(partial(case_mean_covered, kind, n), repeats, plan)))
        for kind in OF_CASES
        for n in EXPLAINED
    ]
    return [
        Table(
            "Intervals of mean errors of parts and groups",
            f"{repeats} samples each: a part, slice, period or group of {WHOLE} cases. Some tens "
            "of cases show little of a tail, so that the skewness of all cases is averaged with "
            "their own (`mean_interval`). The gap is that to all other cases, whose errors are "
            "half as large.",
            ("noise", "cases", "mean error", "mean absolute error", "gap in it"),
            of_errors,
        ),
        Table(
            "Intervals of means over explained cases",
            f"{repeats} samples each, BCa with {_RESAMPLES} draws: faithfulness, stability, "
            "agreement and whatever else is a mean over explained cases.",
            ("numbers of single cases", "cases", "interval holds the mean"),
            of_cases,
        ),
    ]


#: True rates in percent, and trials of them.
RATES, TRIALS = (0.5, 5, 30), (30, 100, 1000)
#: Ranked cases, those of the class, and by how many standard deviations their scores lie apart.
RANKED = ((100, 20, 1.0), (300, 60, 1.0), (300, 9, 1.0), (300, 9, 2.0))
#: Trials of two groups whose rates are compared, and the rates.
TWO_TRIALS = ((30, 30), (30, 100), (100, 100))
TWO_RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95)


def rates_covered(chances: Floats, n: int) -> Floats:
    """How often the interval of n trials holds each (rate,): exact, over all counts."""
    from scipy.stats import binom

    hits = np.arange(n + 1)
    low, high = blaker(hits, n)
    inside = (low <= chances[:, None]) & (chances[:, None] <= high)
    return np.asarray((binom.pmf(hits, n, chances[:, None]) * inside).sum(axis=1))


def rates() -> Table:
    """Exact coverage of rates, which swings with the rate since counts are whole numbers."""
    rows = []
    for percent in RATES:
        nearby = np.linspace(0.75, 1.25, 201) * percent / 100
        for n in TRIALS:
            held = rates_covered(nearby, n)
            cells = (held[len(held) // 2], held.mean(), held.min())
            rows.append((f"{percent} %", n, *(f"{100 * cell:.1f} %" for cell in cells)))
    return Table(
        "Intervals of rates",
        "Blaker's, computed exactly. As counts are whole numbers, the share swings from one rate "
        "to the next. It never falls below 95 %, and so lies above 97 % where trials are few or "
        "the event is rare. The mean and the least are over rates from a quarter below to a "
        "quarter above it.",
        ("rate", "trials", "interval holds it", "mean nearby", "least nearby"),
        rows,
    )


def two_rates_covered(trials: tuple[int, int]) -> tuple[Floats, Floats]:
    """(rate, other rate) how often the intervals of difference and ratio hold them: exact."""
    from scipy.stats import binom

    n, m = trials
    first, other = np.indices((n + 1, m + 1))
    of_gap = rate_difference(first, n, other, m)
    of_ratio = np.array([[rate_ratio(x, n, y, m) for y in range(m + 1)] for x in range(n + 1)])
    held = np.zeros((2, len(TWO_RATES), len(TWO_RATES)))
    for i, j in np.ndindex(held.shape[1:]):
        p, q = TWO_RATES[i], TWO_RATES[j]
        chances = np.outer(binom.pmf(np.arange(n + 1), n, p), binom.pmf(np.arange(m + 1), m, q))
        inside = (
            (of_gap[0] <= p - q) & (p - q <= of_gap[1]),
            (of_ratio[..., 0] <= p / q) & (p / q <= of_ratio[..., 1]),
        )
        held[:, i, j] = [chances[within].sum() for within in inside]
    return held[0], held[1]


def two_rates() -> Table:
    """Exact coverage of differences and ratios of two rates."""
    rows = []
    for trials in TWO_TRIALS:
        for name, held in zip(("difference", "ratio"), two_rates_covered(trials), strict=True):
            cells = (held.min(), held.mean(), np.mean(held > 0.97))
            rows.append((name, *trials, *(f"{100 * cell:.1f} %" for cell in cells)))
    return Table(
        "Intervals of differences and ratios of rates",
        f"Of two groups, computed exactly for all pairs of {len(TWO_RATES)} rates from 0.5 to "
        "95 %. The exact intervals of both rates are joined; they are conservative where those "
        "are: with few trials and rare events.",
        ("number", "trials", "trials of the other", "least", "mean", "pairs above 97 %"),
        rows,
    )


def ranking_covered(n: int, few: int, apart: float, seed: int) -> tuple[bool, bool]:
    """Whether the intervals of an area and of the gain over a worse score hold the truth.

    Scores are normal, so far apart in the two classes, and 0.7 times as far in the worse one.
    """
    rng = np.random.default_rng([seed, n, 3])
    happened = np.arange(n) < few
    shifts = (apart, 0.7 * apart)
    shared = rng.normal(size=n)
    ranked = [
        auc_influence(happened, shift * happened + 0.8 * shared + 0.6 * rng.normal(size=n))
        for shift in shifts
    ]
    areas = [NormalDist().cdf(shift / math.sqrt(2)) for shift in shifts]
    own, (gain, _) = delong(*ranked[0], happened), paired_difference(ranked[0], ranked[1], happened)
    return _holds(own, areas[0]), _holds(gain, areas[0] - areas[1])


def _holds(estimate: Estimate, truth: float) -> bool:
    ends = estimate.ends
    return ends is not None and ends[0] <= truth <= ends[1]


def share_covered(n: int, seed: int) -> bool:
    """Whether the interval of a ratio of means over explained cases holds it: a third."""
    rng = np.random.default_rng([seed, n, 4])
    own, others = rng.gamma(1.5, 1.0, n), rng.gamma(3.0, 1.0, n)
    return _holds(ratio_of_means(own, own + others, _RESAMPLES, seed), 1 / 3)


def others(repeats: int, plan: Plan) -> Table:
    """Coverage of intervals of areas, gains and ratios."""
    rows: list[tuple[object, ...]] = []
    for n, few, apart in RANKED:
        outcomes = repeat(partial(ranking_covered, n, few, apart), repeats, plan)
        names = (f"ROC AUC, scores {apart:g} apart", f"gain in ROC AUC, scores {apart:g} apart")
        rows += [
            (name, n, few, share([outcome[k] for outcome in outcomes]))
            for k, name in enumerate(names)
        ]
    rows += [
        (
            "ratio of means (studentized bootstrap)",
            n,
            "–",
            share(repeat(partial(share_covered, n), repeats, plan)),
        )
        for n in EXPLAINED
    ]
    return Table(
        "Intervals of areas, gains and ratios",
        f"{repeats} samples each. An area's interval is DeLong's widened to Hanley and McNeil's, "
        "and conservative where a class has few cases, as either alone holds some areas too "
        "seldom; that of a gain is DeLong's by Student's distribution, widened where a class "
        "has few.",
        ("number", "cases", "of the class", "interval holds the truth"),
        rows,
    )


def errors_row(noise: str, n: int, repeats: int, plan: Plan) -> tuple[object, ...]:
    """Coverage of each measure's interval for one kind of noise and number of cases."""
    outcomes = repeat(partial(covered, noise, n), repeats, plan)
    return noise, n, *(share([outcome[name] for outcome in outcomes]) for name in MEASURES)


def tables(plan: Plan) -> list[Table]:
    """Coverage of each interval."""
    repeats = plan.times(2000, 50)
    rows = [errors_row(noise, n, repeats, plan) for noise in NOISES for n in SIZES]
    losses = [(n, share(repeat(partial(log_loss_covered, n), repeats, plan))) for n in SIZES]
    return [
        Table(
            "Intervals of errors of predicted numbers",
            f"How often the 95 % interval holds the truth, in {repeats} samples each, with "
            f"{_RESAMPLES} draws of the bootstrap (the default is 1 000). Where tails are heavy, "
            "the intervals of RMSE and R² are made at a nominal level above 95 %, and the report "
            "says so beside the figure; they are then conservative with Student's t and some "
            "hundred cases. The kurtosis of Student's t with 4 degrees of freedom is "
            "infinite.",
            ("noise", "cases", *MEASURES),
            rows,
        ),
        Table(
            "Intervals of the log loss",
            f"{repeats} samples each of two classes.",
            ("cases", "interval holds the truth"),
            losses,
        ),
        *means(repeats, plan),
        rates(),
        two_rates(),
        others(repeats, plan),
    ]
