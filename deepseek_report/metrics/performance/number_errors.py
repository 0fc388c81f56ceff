"""How far predicted numbers are from the true ones: mean, squared and median error, R²."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Bounds, Category, Measurement
from deepseek_report.metrics.shared.plugin import NumberMetric, Resamples
from deepseek_report.statistics.regression_errors import MEASURES, Tails, error_estimates
from deepseek_report.statistics.resampling import Resampling

#: Below so many cases the interval of a squared error falls short where the tails are heavy.
_FEW = 300


@dataclass(frozen=True)
class ErrorMetric(NumberMetric):
    """Defaults of one measure of the errors; `name` is one of `MEASURES`."""

    counts_entities: ClassVar[bool] = True
    category: ClassVar[Category] = "performance"
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset", "seed"})
    name: ClassVar[str] = ""
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p, target = context.predictions, context.dataset.schema.target
        drawn = Resampling.of(p)
        estimates = error_estimates(p.labels, p.values, self.n_resamples, context.seed, drawn)
        estimate = estimates[self.name]
        score = estimate.score(
            self.name,
            "performance",
            MEASURES[self.name],
            unit="" if self.name == "r2" else target.unit or "",
            bounds=(None, 1.0) if self.name == "r2" else (0.0, None),
            note=self._note(Tails.of(p.labels, p.values), len(p)),
        )
        return Measurement((score,))

    def _note(self, tails: Tails, n: int) -> Text:
        """What R² compares with, and what heavy tails do to a squared error."""
        if self.name in ("rmse", "r2") and tails.are_heavy:
            return message(
                "notes.r2.heavy_tails",
                name=self.name,
                kurtosis=tails.kurtosis,
                level=tails.level(self.name),
                few=n < _FEW,
            )
        return message("notes.r2.against_mean") if self.name == "r2" else ""


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


@dataclass(frozen=True)
class MedianAbsoluteError(ErrorMetric):
    """Half of the predictions are nearer to the true number than this, in the target's unit."""

    reveals: ClassVar[Reveals] = "aggregate"
    bounds: ClassVar[Bounds] = {"median_absolute_error": (0.0, None)}
    name: ClassVar[str] = "median_absolute_error"
