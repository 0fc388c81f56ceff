"""How far answers are from the truth: decisions and probabilities, and predicted numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.score import Direction
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.intervals import mean_of_rates, mean_p_value, rate
from deepseek_report.statistics.ranking import average_precision_statistic, one_vs_rest
from deepseek_report.statistics.resampling import (
    Replicates,
    Resampling,
    Studentized,
    bootstrap,
    bootstrap_rates,
    bootstrapped,
    kurtosis,
)


def require_both(labels: Ints) -> None:
    """Refuse labels of one class only, with the reason."""
    if len(np.unique(labels)) < 2:
        raise NotApplicableError(message("refusals.one_class", rows=len(labels)))


def balanced_accuracy(
    labels: Ints, decisions: Ints, n_resamples: int, seed: int, resampling: Resampling | None = None
) -> Estimate:
    """Mean over the classes that occur of the share decided correctly; 1/classes is guessing.

    Where a class is always or never decided correctly, resamples of it do not vary, and the
    intervals of the classes are joined instead. Entities are drawn whatever their classes.
    """
    drawn = resampling or Resampling(len(labels))
    member = labels[:, None] == np.unique(labels)
    hits = member & (labels == decisions)[:, None]
    trials, right = member.sum(axis=0), hits.sum(axis=0)
    if np.any((right == 0) | (right == trials)):
        effective = [drawn.counts(own, among) for own, among in zip(hits.T, member.T, strict=True)]
        successes, tried = np.array(effective).T
        joined = mean_of_rates(successes, tried)
        value = float(np.mean(right / trials))
        return replace(joined, value=value, n=len(labels), method=drawn.describe(joined.method))
    rng = np.random.default_rng(seed)
    if drawn.units is None:
        replicates = bootstrap_rates(
            right, trials, lambda rates: rates.mean(axis=1), n_resamples, rng
        )
        return bootstrapped(replicates, len(labels), seed, drawn="within_classes")

    def statistic(weights: Floats) -> Floats:
        return np.asarray((weights @ hits / np.maximum(weights @ member, 1e-9)).mean(axis=1))

    return bootstrapped(bootstrap(statistic, drawn, n_resamples, rng), len(labels), seed)


def brier_errors(labels: Ints, probabilities: Floats, explained: int) -> Floats:
    """(instance,) squared error of the probabilities.

    With two classes (p − y)² of the explained class, in [0, 1]; with more the sum over classes, in
    [0, 2].

    Reference: Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

    >>> probabilities = np.array([[0.2, 0.8], [0.5, 0.5]])
    >>> brier_errors(np.array([1, 0]), probabilities, explained=1).round(2).tolist()
    [0.04, 0.25]
    """
    truth = labels[:, None] == np.arange(probabilities.shape[1])
    squares = (probabilities - truth) ** 2
    if probabilities.shape[1] == 2:
        return np.asarray(squares[:, explained])
    return np.asarray(squares.sum(axis=1))


def average_precision_and_brier(
    labels: Ints,
    probabilities: Floats,
    explained: int,
    n_resamples: int,
    seed: int,
    resampling: Resampling | None = None,
) -> tuple[Estimate, Estimate]:
    """Average precision (macro over classes beyond two) and mean Brier error, on the same draws.

    Where the order is perfect, or no probability is off at all, resamples do not vary: the open end
    is then that of a rate's exact interval, for as many trials as the rarest class has instances,
    and for all instances.
    """
    rankings = [
        average_precision_statistic(*ranking)
        for ranking in one_vs_rest(labels, probabilities, explained)
    ]
    errors = brier_errors(labels, probabilities, explained)

    def statistic(weights: Floats) -> Floats:
        ranked = np.mean([statistic_of(weights) for statistic_of in rankings], axis=0)
        brier = weights @ errors / weights.sum(axis=1)
        return np.stack([ranked, brier], axis=1)

    drawn = resampling or Resampling(len(labels))
    replicates = bootstrap(statistic, drawn, n_resamples, seed)
    n, worst = len(labels), float(probabilities.shape[1] - 1 if probabilities.shape[1] == 2 else 2)
    ranked = bootstrapped(replicates.of(0), n, seed)
    if ranked.value == 1.0:
        fewest = drawn.smallest_class(labels)
        method = drawn.describe(message("interval_methods.blaker_smaller_class"))
        ranked = replace(rate(fewest, fewest), n=n, method=method)
    return ranked, brier_estimate(replicates.of(1), errors, seed, (0.0, worst))


def brier_estimate(
    replicates: Replicates, errors: Floats, seed: int, bounds: tuple[float, float]
) -> Estimate:
    """The mean of (instance,) Brier errors with its interval; exact where none is off at all."""
    if not errors.any():
        drawn = replicates.resampling or Resampling(len(errors))
        return drawn.rate(np.zeros(len(errors), bool))
    return bootstrapped(replicates, len(errors), seed, bounds)


def equal_mass_bins(scores: Floats, n_bins: int) -> tuple[Ints, Floats]:
    """Bins that hold equally many scores; equal scores share a bin.

    Returns bins : (instance,) 0, 1, …; edges : (bin + 1,) ascending, fewer bins where scores are
        tied.

    >>> bins, edges = equal_mass_bins(np.array([0.1, 0.2, 0.6, 0.9]), 2)
    >>> bins.tolist()
    [0, 0, 1, 1]
    """
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, n_bins + 1)))
    if len(edges) == 1:
        return np.zeros(len(scores), np.int64), np.repeat(edges, 2)
    bins = np.searchsorted(edges[1:-1], scores, side="left")
    return bins, edges


def calibration_error(
    happened: Bools, scores: Floats, bins: Ints, weights: Floats | None = None
) -> Floats:
    """Expected calibration error Σ_b (n_b / n) |mean of y − mean of p in b|, L1.

    happened, scores, bins : (instance,). weights : (resample, instance), or None for one of each.

    Returns (resample,) in [0, 1]; 0 means that the mean prediction in each bin comes true.

    Reference: Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602; equal mass: Nixon et al. 2019,
    arXiv:1904.01685.

    >>> happened, scores = np.array([True, False]), np.array([0.8, 0.8])
    >>> calibration_error(happened, scores, np.array([0, 0])).round(2).tolist()
    [0.3]
    """
    if weights is None:
        weights = np.ones((1, len(scores)))
    gaps = (happened - scores)[:, None] * (bins[:, None] == np.arange(bins.max() + 1))
    return np.asarray(np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1))


def cross_entropy(logits: Floats, labels: Ints) -> Floats:
    """(instance,) −log p of the label, in nats.

    >>> cross_entropy(np.array([[0.0, 0.0]]), np.array([1])).round(4).tolist()  # −log ½
    [0.6931]
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(axis=1))
    return np.asarray(log_total - shifted[np.arange(len(labels)), labels])


#: What is computed of errors, and which way is better.
MEASURES: dict[str, Direction] = {
    "mae": "lower",
    "rmse": "lower",
    "r2": "higher",
    "median_absolute_error": "lower",
}
#: Kurtosis of the errors beyond which their tails are heavy.
_HEAVY = 3.3
#: Nominal levels of the intervals, where the tails are light and where they are heavy.
_LEVELS = {"mae": (0.95, 0.96), "rmse": (0.96, 0.985), "r2": (0.95, 0.98)}
#: From the logarithm that is resampled to the measure, in the order of `MEASURES`.
_FROM_LOG: Mapping[str, Callable[[float], float]] = {
    "mae": math.exp,
    "rmse": lambda log: math.exp(log / 2),
    "r2": lambda log: 1 - math.exp(log),
}


def weighted_errors(weights: Floats, labels: Floats, values: Floats) -> Floats:
    """(resample, 4) the measures of `MEASURES`, in that order, of weighted instances.

    MAE = Σ w|e| / Σ w; RMSE = √(Σ w e² / Σ w); R² = 1 − Σ w e² / Σ w (y − ȳ)², NaN where the
    labels do not vary; the median of |e| is the plain one for equal weights.

    weights : (resample, instance), how often each instance counts.
    labels, values : (instance,) the true and the predicted number, in one unit.
    """
    errors = values - labels
    total = weights.sum(axis=1)
    squared = weights @ errors**2 / total
    mean = weights @ labels / total
    variance = weights @ labels**2 / total - mean**2
    scale = float(np.var(labels)) or 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = np.where(variance > 1e-12 * scale, 1 - squared / variance, np.nan)
    absolute = weights @ np.abs(errors) / total
    middle = weighted_median(np.abs(errors), weights)
    return np.stack([absolute, np.sqrt(squared), explained, middle], axis=1)


def weighted_median(values: Floats, weights: Floats) -> Floats:
    """(resample,) the median where each value counts as often as its weight says.

    >>> weights = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 3.0]])
    >>> weighted_median(np.array([1.0, 2.0, 9.0]), weights).tolist()
    [2.0, 9.0]
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[:, order], axis=1)
    half = reached[:, -1:] / 2
    low = np.argmax(reached >= half - 1e-9, axis=1)
    high = np.argmax(reached > half + 1e-9, axis=1)
    return np.asarray((values[order][low] + values[order][high]) / 2)


@dataclass(frozen=True)
class Tails:
    """How far the errors of single cases reach, and so how few of them make a squared error.

    kurtosis : of the errors, 3 for normal ones.
    """

    kurtosis: float

    @classmethod
    def of(cls, labels: Floats, values: Floats) -> Tails:
        """Those of (instance,) true and predicted numbers."""
        return cls(kurtosis(values - labels))

    @property
    def are_heavy(self) -> bool:
        return self.kurtosis > _HEAVY

    def level(self, name: str) -> float:
        """The nominal level at which the interval of a measure holds the truth in 95 of 100.

        A sample shows its tails only in part, so that the bootstrap covers too little where they
        are heavy; the levels are calibrated in simulations (docs/conclusions.md).
        """
        return _LEVELS[name][self.are_heavy]


def _with_errors(weights: Floats, labels: Floats, values: Floats) -> Floats:
    """(resample, 3, 2) logarithms of MAE, of MSE and of 1 − R², and the standard error of each.

    The standard errors are those of the delta method, from the moments of weighted instances.
    """
    scale = float(labels.std()) or 1.0
    y, squares = (labels - labels.mean()) / scale, ((values - labels) / scale) ** 2
    moments = (np.sqrt(squares), squares, squares**2, y, y**2, y**3, y**4, squares * y)
    columns = np.column_stack([*moments, squares * y**2])
    total = weights.sum(axis=1)
    ae, e2, e4, y1, y2, y3, y4, e2y, e2y2 = (weights @ columns / total[:, None]).T
    spread = y2 - y1**2
    fourth = y4 - 4 * y1 * y3 + 6 * y1**2 * y2 - 3 * y1**4
    mixed = e2y2 - 2 * y1 * e2y + y1**2 * e2
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(ae * scale), np.log(e2 * scale**2), np.log(e2 / spread)
        variances = (
            e2 / ae**2 - 1,
            e4 / e2**2 - 1,
            e4 / e2**2 + fourth / spread**2 - 2 * mixed / (e2 * spread),
        )
    errors = np.sqrt(np.maximum(variances, 0.0) / total)
    return np.stack([np.stack(logs), errors]).transpose(2, 1, 0)


def error_estimates(
    labels: Floats,
    values: Floats,
    n_resamples: int,
    seed: int,
    resampling: Resampling | None = None,
) -> dict[str, Estimate]:
    """Every measure of `MEASURES` with its interval, all on the same resamples.

    MAE, RMSE and R² by the studentized bootstrap of the logarithm of what they are made of; the
    median, what has no spread, and all of entities by BCa.

    Raises NotApplicableError: fewer than two instances.
    """
    n, tails = len(labels), Tails.of(labels, values)
    if n < 2:
        raise NotApplicableError(message("refusals.one_row", rows=n))

    def statistic(weights: Floats) -> Floats:
        logs = _with_errors(weights, labels, values).reshape(len(weights), -1)
        return np.concatenate([weighted_errors(weights, labels, values), logs], axis=1)

    drawn = resampling or Resampling(n)
    replicates = bootstrap(statistic, drawn, n_resamples, seed)
    estimates = {}
    for k, name in enumerate(MEASURES):
        by_rows = name in _FROM_LOG and drawn.units is None  # errors are those of single rows
        plain, log = replicates.of(k), _log_of(replicates, k) if by_rows else None
        if log is not None and log.is_defined:
            level = tails.level(name)
            ends = sorted(map(_FROM_LOG[name], log.interval(level)))
            method = message(
                "interval_methods.studentized", resamples=n_resamples, seed=seed, level=level
            )
            estimates[name] = Estimate(float(plain.value), ends[0], ends[1], n, method)
        else:
            bounds = (-np.inf, 1.0) if name == "r2" else (0.0, np.inf)
            estimates[name] = _estimate(plain, n, seed, bounds)
    return estimates


def _log_of(replicates: Replicates, k: int) -> Studentized:
    """The logarithm behind the k-th measure, which stands behind all measures with its error."""
    log, error = (replicates.of(len(MEASURES) + 2 * k + end) for end in (0, 1))
    return Studentized(float(log.value), float(error.value), log.resamples, error.resamples)


def _estimate(replicates: Replicates, n: int, seed: int, bounds: tuple[float, float]) -> Estimate:
    if np.isfinite(replicates.resamples).all() and np.isfinite(replicates.jackknife).all():
        return bootstrapped(replicates, n, seed, bounds)
    return Estimate(float(replicates.value), None, None, n, "")


def paired_gain(
    own: Floats, theirs: Floats, resampling: Resampling | None = None
) -> tuple[Estimate, float]:
    """Mean of |their error| − |own error| over instances, its interval and p-value."""
    gains = np.abs(theirs) - np.abs(own)
    drawn = resampling or Resampling(len(gains))
    gain = drawn.mean(gains, message("interval_methods.students_of_pairs"))
    return gain, mean_p_value(drawn.per_unit(gains))
