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
from deepseek_report.metrics.explanations.faithfulness import ratio_of_means
from deepseek_report.metrics.explanations.instance_means import bootstrap_mean
from deepseek_report.statistics.classification_errors import cross_entropy
from deepseek_report.statistics.intervals import mean_interval, wilson
from deepseek_report.statistics.ranking import auc_influence, delong, paired_difference
from deepseek_report.statistics.regression_errors import MEASURES, error_estimates

from .trials import Plan, Share, Table, repeat, share

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


#: Cases of a part of the data or a group, of which mean errors are told.
PARTS = (30, 100, 300)
#: How many explained cases a mean is taken over.
EXPLAINED = (60, 200)
#: Numbers of single cases between 0 and 1, as explanations are measured by; mean of each.
OF_CASES: Mapping[str, tuple[tuple[float, float], float]] = {
    "mostly low (beta, 2 and 8)": ((2, 8), 0.2),
    "mostly near 1 (beta, 8 and 1)": ((8, 1), 8 / 9),
}


def mean_covered(noise: str, n: int, repeats: int, seed: int) -> tuple[Share, Share]:
    """How often the interval of the mean error of n cases, and of the absolute one, holds it."""
    drawn = NOISES[noise].draw(n * repeats, np.random.default_rng([seed, n])).reshape(n, repeats)
    known = NOISES[noise].draw(_POPULATION, np.random.default_rng(10**6))
    shares = []
    for values, mean in ((drawn, 0.0), (np.abs(drawn), float(np.abs(known).mean()))):
        _, low, high = mean_interval(values)
        shares.append(Share(int(np.sum((low <= mean) & (mean <= high))), repeats))
    return shares[0], shares[1]


def case_mean_covered(kind: str, n: int, seed: int) -> bool:
    """Whether the bootstrap interval of a mean over explained cases holds it."""
    (a, b), mean = OF_CASES[kind]
    values = np.random.default_rng([seed, n]).beta(a, b, n)
    _, low, high = bootstrap_mean(values, _RESAMPLES, seed)
    return bool(low <= mean <= high)


def means(repeats: int, plan: Plan) -> list[Table]:
    """Coverage of intervals of means over cases."""
    of_errors = [
        (noise, n, *mean_covered(noise, n, repeats, plan.first_seed))
        for noise in NOISES
        for n in PARTS
    ]
    of_cases = [
        (kind, n, share(repeat(partial(case_mean_covered, kind, n), repeats, plan)))
        for kind in OF_CASES
        for n in EXPLAINED
    ]
    return [
        Table(
            "Intervals of mean errors of parts and groups",
            f"{repeats} samples each; mean_interval, of slices, periods, groups and paired gains. "
            "Where errors are strongly skewed and a part has some tens of cases, that of the "
            "absolute error holds its mean less often.",
            ("noise", "cases", "mean error", "mean absolute error"),
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


#: True rates in percent and trials of them, and cases of areas: the class is one fifth of them.
RATES, TRIALS, RANKED = (5, 30), (30, 100, 1000), (100, 300)


def rate_covered(chance: float, n: int, repeats: int, seed: int) -> Share:
    """How often Wilson's interval holds a rate."""
    hits = np.random.default_rng([seed, n]).binomial(n, chance, repeats)
    low, high = wilson(hits, np.full(repeats, n))
    return Share(int(np.sum((low <= chance) & (chance <= high))), repeats)


def ranking_covered(n: int, seed: int) -> tuple[bool, bool]:
    """Whether the intervals of an area and of the gain over a worse score hold the truth.

    Scores are normal, 1 apart in the two classes, and 0.7 apart in the worse one.
    """
    rng = np.random.default_rng([seed, n, 3])
    happened = np.arange(n) < n // 5
    shared = rng.normal(size=n)
    ranked = [
        auc_influence(happened, apart * happened + 0.8 * shared + 0.6 * rng.normal(size=n))
        for apart in (1.0, 0.7)
    ]
    areas = [NormalDist().cdf(apart / math.sqrt(2)) for apart in (1.0, 0.7)]
    own, (gain, _) = delong(*ranked[0], n // 5), paired_difference(ranked[0], ranked[1])
    return _holds(own, areas[0]), _holds(gain, areas[0] - areas[1])


def _holds(estimate: Estimate, truth: float) -> bool:
    ends = estimate.ends
    return ends is not None and ends[0] <= truth <= ends[1]


def share_covered(n: int, seed: int) -> bool:
    """Whether the interval of a ratio of means over explained cases holds it: a third."""
    rng = np.random.default_rng([seed, n, 4])
    own, others = rng.gamma(1.5, 1.0, n), rng.gamma(3.0, 1.0, n)
    _, low, high = ratio_of_means(own, own + others, _RESAMPLES, seed)
    return low is not None and high is not None and low <= 1 / 3 <= high


def others(repeats: int, plan: Plan) -> Table:
    """Coverage of intervals of rates, areas, gains and ratios."""
    seed = plan.first_seed
    rows: list[tuple[object, ...]] = [
        (f"rate of {percent} % (Wilson)", n, rate_covered(percent / 100, n, repeats, seed))
        for percent in RATES
        for n in TRIALS
    ]
    for n in RANKED:
        outcomes = repeat(partial(ranking_covered, n), repeats, plan)
        names = ("ROC AUC (DeLong, logit scale)", "gain in ROC AUC (paired DeLong)")
        rows += [
            (name, n, share([outcome[k] for outcome in outcomes])) for k, name in enumerate(names)
        ]
    rows += [
        ("ratio of means (BCa)", n, share(repeat(partial(share_covered, n), repeats, plan)))
        for n in EXPLAINED
    ]
    return Table(
        "Intervals of rates, areas, gains and ratios",
        f"{repeats} samples each. One fifth of the ranked cases is of the class. Wilson's interval "
        "of a rare event and few trials is conservative, as counts are whole numbers.",
        ("number", "cases", "interval holds the truth"),
        rows,
    )


def tables(plan: Plan) -> list[Table]:
    """Coverage of each interval."""
    repeats = plan.times(2000, 50)
    rows: list[tuple[object, ...]] = []
    for noise in NOISES:
        for n in SIZES:
            outcomes = repeat(partial(covered, noise, n), repeats, plan)
            rows.append(
                (noise, n, *(share([outcome[name] for outcome in outcomes]) for name in MEASURES))
            )
    losses = [(n, share(repeat(partial(log_loss_covered, n), repeats, plan))) for n in SIZES]
    return [
        Table(
            "Intervals of errors of predicted numbers",
            f"How often the 95 % interval holds the truth, in {repeats} samples each, with "
            f"{_RESAMPLES} draws of the bootstrap (the default is 1 000). Where tails are heavy, "
            "the intervals of RMSE and R² are made at a nominal level above 95 %, and the report "
            "says so beside the figure. The kurtosis of Student's t with 4 degrees of freedom is "
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
        others(repeats, plan),
    ]
