"""Where predicted numbers are off: too high or too low on the whole, along the range, and worst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table import OF_TARGET, Column, TableType, columns_of, estimate
from deepseek_report.artifacts.table_rows import From
from deepseek_report.metrics.plugin import NumberMetric, Resamples
from deepseek_report.statistics.regression_errors import MEASURES, Tails, error_estimates
from deepseek_report.statistics.resampling import Resampling

#: Below so many cases the interval of a squared error falls short where the tails are heavy.
_FEW = 300


@dataclass(frozen=True)
class ErrorMetric(NumberMetric):
    """Defaults of one measure of the errors; `name` is one of `MEASURES`."""

    counts_entities = True
    category = "performance"
    reads = frozenset({"predictions", "dataset", "seed"})
    name = ""
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

    reveals = "aggregate"
    bounds = {"mae": (0.0, None)}
    name = "mae"


@dataclass(frozen=True)
class RootMeanSquaredError(ErrorMetric):
    """Root of the mean squared error, in the target's unit; large errors weigh more."""

    reveals = "aggregate"
    bounds = {"rmse": (0.0, None)}
    name = "rmse"


@dataclass(frozen=True)
class RSquared(ErrorMetric):
    """Share of the variance of the test labels that is predicted; 0 is what their mean gives."""

    reveals = "aggregate"
    bounds = {"r2": (None, 1.0)}
    name = "r2"


@dataclass(frozen=True)
class MedianAbsoluteError(ErrorMetric):
    """Half of the predictions are nearer to the true number than this, in the target's unit."""

    reveals = "aggregate"
    bounds = {"median_absolute_error": (0.0, None)}
    name = "median_absolute_error"


@dataclass(frozen=True)
class PredictionBin:
    """Cases with like predictions, from `start` to `end`: a row of `residuals.bins`."""

    start: Annotated[float, From("from")]
    end: Annotated[float, From("to")]
    n: int
    predicted: float
    mean_error: Estimate


@dataclass(frozen=True)
class Residuals(NumberMetric):
    """The mean error, the error along the range of predictions, and the largest errors.

    An error is the predicted number minus the true one: above 0 is too high.

    bins : parts of equal size of the predictions. most : largest errors that are listed.
    """

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "bins": TableType(
            (
                Column("bin", "place", shown=False),
                *columns_of("from:number to:number n:count predicted:number observed:number"),
                estimate("mean_error"),
                Column("mae", "number", shown=False),
            ),
            section="performance",
            folded=True,
            release=TableRelease(counts=("n",), lines=((),), ends=("from", "to")),
            row=PredictionBin,
        ),
        "largest": TableType(
            (
                Column("instance_id", "row"),
                Column("label", "quantity", unit=OF_TARGET),
                Column("prediction", "quantity", unit=OF_TARGET),
                Column("error", "quantity", unit=OF_TARGET),
            ),
            section="performance",
            folded=True,
        ),
    }
    category = "calibration"
    reads = frozenset({"predictions", "dataset"})
    bounds = {"mean_error": (None, None)}
    bins: Annotated[int, Field(ge=2, le=50)] = 8
    most: Annotated[int, Field(ge=1, le=100)] = 10

    def measure(self, context: MeasureContext) -> Measurement:
        p, target = context.predictions, context.dataset.schema.target
        method = message("interval_methods.students_of_mean_error")
        score = self.score(
            "mean_error",
            Resampling.of(p).mean(p.errors, method),
            "zero",
            unit=target.unit or "",
            note=message("notes.residuals.mean_error"),
        )
        return Measurement(
            (score,), {"bins": error_bins(p, self.bins), "largest": largest_errors(p, self.most)}
        )


def error_bins(p: Predictions, bins: int) -> pd.DataFrame:
    """Errors in parts of equal size by the prediction; fewer parts where predictions are tied."""
    edges = np.unique(np.quantile(p.values, np.arange(1, bins) / bins))
    place = np.searchsorted(edges, p.values, side="right")
    rows, drawn = [], Resampling.of(p)
    for number, code in enumerate(np.unique(place)):
        inside = place == code
        mean = drawn.take(inside).mean(p.errors[inside], "", among=p.errors)
        rows.append(
            {
                "bin": number,
                "from": float(p.values[inside].min()),
                "to": float(p.values[inside].max()),
                "n": int(inside.sum()),
                "predicted": float(p.values[inside].mean()),
                "observed": float(p.labels[inside].mean()),
                **mean.cells("mean_error"),
                "mae": float(np.abs(p.errors[inside]).mean()),
            }
        )
    return pd.DataFrame(rows)


def largest_errors(p: Predictions, most: int) -> pd.DataFrame:
    """The instances with the largest errors in either direction, largest first."""
    order = np.argsort(-np.abs(p.errors), kind="stable")[:most]
    return pd.DataFrame(
        {
            "instance_id": p.instance_ids[order],
            "label": p.labels[order],
            "prediction": p.values[order],
            "error": p.errors[order],
        }
    )
