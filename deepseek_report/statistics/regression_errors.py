"""How far predicted numbers are from the true ones: mean, squared and median error, R²."""

from __future__ import annotations

import math

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.score import Direction
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.intervals import Z95, mean_interval
from deepseek_report.statistics.resampling import (
    Replicates,
    as_one,
    bootstrap,
    bootstrapped,
)

#: What is computed of errors, and which way is better.
MEASURES: dict[str, Direction] = {
    "mae": "lower",
    "rmse": "lower",
    "r2": "higher",
    "median_absolute_error": "lower",
}


def weighted_errors(weights: Floats, labels: Floats, values: Floats) -> Floats:
    """(resample, 4) the measures of `MEASURES`, in that order, of weighted instances.

    MAE = Σ w|e| / Σ w; RMSE = √(Σ w e² / Σ w); R² = 1 − Σ w e² / Σ w (y − ȳ)², NaN where the
    labels do not vary; the median of |e| is the plain one for equal weights.

    Parameters
    ----------
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


def error_estimates(
    labels: Floats, values: Floats, n_resamples: int, seed: int
) -> dict[str, Estimate]:
    """Every measure of `MEASURES` with its interval, all on the same resamples.

    Raises
    ------
    NotApplicableError : fewer than two instances.
    """
    n = len(labels)
    if n < 2:
        raise NotApplicableError(message("refusals.one_row", rows=n))
    replicates = bootstrap(
        lambda weights: weighted_errors(weights, labels, values),
        as_one(n),
        n_resamples,
        np.random.default_rng(seed),
    )
    return {
        name: _estimate(
            replicates.of(k), n, seed, bounds=(-np.inf, 1.0) if name == "r2" else (0.0, np.inf)
        )
        for k, name in enumerate(MEASURES)
    }


def _estimate(replicates: Replicates, n: int, seed: int, bounds: tuple[float, float]) -> Estimate:
    if np.isfinite(replicates.resamples).all() and np.isfinite(replicates.jackknife).all():
        return bootstrapped(replicates, n, seed, bounds)
    return Estimate(float(replicates.value), None, None, n, "")


def paired_gain(own: Floats, theirs: Floats) -> tuple[Estimate, float]:
    """Mean of |their error| − |own error| over instances, its normal interval and p-value."""
    gains = np.abs(theirs) - np.abs(own)
    mean, low, high = (float(number) for number in mean_interval(gains))
    half = (high - low) / 2
    estimate = Estimate(mean, low, high, len(gains), message("interval_methods.normal_of_pairs"))
    if not half > 0:
        return estimate, 1.0 if mean == 0 else 0.0
    return estimate, math.erfc(abs(mean) * Z95 / half / math.sqrt(2))
