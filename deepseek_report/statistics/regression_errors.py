"""How far predicted numbers are from the true ones: mean, squared and median error, R²."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.score import Direction
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.intervals import mean_p_value
from deepseek_report.statistics.resampling import (
    Replicates,
    Resampling,
    Studentized,
    bootstrap,
    bootstrapped,
    kurtosis,
)

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
