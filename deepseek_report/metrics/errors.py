"""How far predicted numbers are from the true ones: mean, squared and median error, R²."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Bounds, Category, Direction, Measurement
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.performance import bootstrapped
from deepseek_report.metrics.plugin import NumberMetric, Resamples
from deepseek_report.statistics.resampling import Replicates, as_one, bootstrap

Floats = NDArray[np.float64]
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
    """(resample,) the median where each value counts as often as its weight says."""
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
        raise NotApplicableError(f"errors need two test rows, but there is {n}")
    found = bootstrap(
        lambda weights: weighted_errors(weights, labels, values),
        as_one(n),
        n_resamples,
        np.random.default_rng(seed),
    )
    return {
        name: _estimate(found, k, n, seed, bounds=(-np.inf, 1.0) if name == "r2" else (0.0, np.inf))
        for k, name in enumerate(MEASURES)
    }


def _estimate(
    found: Replicates, k: int, n: int, seed: int, bounds: tuple[float, float]
) -> Estimate:
    one = Replicates(found.value[k], found.resamples[:, k], found.jackknife[:, k], found.blocks)
    if not np.isfinite(one.resamples).all() or not np.isfinite(one.jackknife).all():
        return Estimate(float(one.value), None, None, n, "")
    return bootstrapped(one, n, seed, bounds)


@dataclass(frozen=True)
class ErrorMetric(NumberMetric):
    """Defaults of one measure of the errors; `name` is one of `MEASURES`."""

    category: ClassVar[Category] = "performance"
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset", "seed"})
    name: ClassVar[str] = ""
    note: ClassVar[str] = ""
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p, target = context.predictions, context.dataset.schema.target
        found = error_estimates(p.labels, p.values, self.n_resamples, context.seed)[self.name]
        score = found.score(
            self.name,
            "performance",
            MEASURES[self.name],
            unit="" if self.name == "r2" else target.unit or "",
            bounds=(None, 1.0) if self.name == "r2" else (0.0, None),
            note=self.note,
        )
        return Measurement((score,))


@dataclass(frozen=True)
class MeanAbsoluteError(ErrorMetric):
    """Mean distance between the predicted and the true number, in the target's unit."""

    reveals: ClassVar[Reveals] = "aggregate"
    bounds: ClassVar[Bounds] = {"mae": (0.0, None)}
    name: ClassVar[str] = "mae"


@dataclass(frozen=True)
class RootMeanSquaredError(ErrorMetric):
    """Root of the mean squared error, in the target's unit; large errors weigh more."""

    reveals: ClassVar[Reveals] = "aggregate"
    bounds: ClassVar[Bounds] = {"rmse": (0.0, None)}
    name: ClassVar[str] = "rmse"


@dataclass(frozen=True)
class RSquared(ErrorMetric):
    """Share of the variance of the test labels that is predicted; 0 is what their mean gives."""

    reveals: ClassVar[Reveals] = "aggregate"
    bounds: ClassVar[Bounds] = {"r2": (None, 1.0)}
    name: ClassVar[str] = "r2"
    note: ClassVar[str] = "Against the mean of the test labels; below 0 is worse than that mean."


@dataclass(frozen=True)
class MedianAbsoluteError(ErrorMetric):
    """Half of the predictions are nearer to the true number than this, in the target's unit."""

    reveals: ClassVar[Reveals] = "aggregate"
    bounds: ClassVar[Bounds] = {"median_absolute_error": (0.0, None)}
    name: ClassVar[str] = "median_absolute_error"
