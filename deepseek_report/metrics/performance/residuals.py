"""Where predicted numbers are off, by how much, and the intervals that hold the true number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import WHOLE, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import PARTS, PEOPLE
from deepseek_report.artifacts.table import OF_TARGET, Column, TableType, columns_of
from deepseek_report.artifacts.table_rows import BARE_ENDS, HIDDEN, Cell
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.fairness.groups import Grouping, MinCell, groupings
from deepseek_report.metrics.performance import performance_rows
from deepseek_report.metrics.plugin import EntityMetric, NumberMetric, Resamples
from deepseek_report.statistics.answer_errors import MEASURES, Tails, error_estimates
from deepseek_report.statistics.intervals import SHARE, compare_rates, holm
from deepseek_report.statistics.resampling import Resampling

#: Below so many cases the interval of a squared error falls short where the tails are heavy.
_FEW = 300


@dataclass(frozen=True)
class ErrorMetric(EntityMetric, NumberMetric):
    """Defaults of one measure of the errors; `name` is one of `MEASURES`."""

    category = "performance"
    reads = frozenset({"predictions", "dataset", "seed"})
    name = ""
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p, target = context.predictions, context.dataset.schema.target
        drawn = Resampling.of(p)
        estimates = error_estimates(p.labels, p.values, self.n_resamples, context.seed, drawn)
        score = self.score(
            self.name,
            estimates[self.name],
            MEASURES[self.name],
            unit="" if self.name == "r2" else target.unit or "",
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
class PredictionBin(performance_rows.OfBin):
    """Cases with like predictions: a row of `residuals.bins`."""

    bin: Annotated[int, "place", HIDDEN]
    start: Annotated[float, Cell(column="from")]
    end: Annotated[float, Cell(column="to")]
    n: int
    predicted: float
    observed: float
    mean_error: Annotated[Estimate, BARE_ENDS]
    mae: Annotated[float, HIDDEN]


@dataclass(frozen=True)
class Residuals(EntityMetric, NumberMetric):
    """The mean error, the error along the range of predictions, and the largest errors.

    An error is the predicted number minus the true one: above 0 is too high.

    bins : parts of equal size of the predictions. most : largest errors that are listed.
    """

    reveals = "aggregate"
    tables = {
        "bins": TableType.of(
            PredictionBin,
            "performance",
            folded=True,
            release=TableRelease(counts=("n",), lines=((),), ends=("from", "to")),
        ),
        "largest": TableType(
            (
                Column("instance_id", "row"),
                *columns_of("label:quantity prediction:quantity error:quantity", unit=OF_TARGET),
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
        values, errors = p.values[inside], p.errors[inside]
        rows.append(
            (
                *(number, values.min(), values.max(), int(inside.sum()), values.mean()),
                *(p.labels[inside].mean(), mean, np.abs(errors).mean()),
            )
        )
    return Residuals.frame("bins", rows)


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


Level = Annotated[float, Field(gt=0, lt=1)]
_REFERENCE = "doi:10.1080/01621459.2017.1307116"


def half_width(errors: Floats, level: float) -> float:
    """Half the width of the split-conformal interval: a quantile of held-out absolute errors.

    The ⌈(n + 1) · level⌉-th smallest of n absolute errors. Where the held-out rows and a new row
    are exchangeable, prediction ± this holds the true number with a probability of at least
    `level`, and of at most `level` + 1/(n + 1) where errors are never tied, whatever the model.

    errors : (instance,) of rows that the model was not fitted to.
    level : in (0, 1).

    Returns in the unit of the errors; infinite where n is too small for the level.

    Reference: Vovk, Gammerman & Shafer 2005, doi:10.1007/b106715; Lei et al. 2018, theorem 2.2,
    doi:10.1080/01621459.2017.1307116.
    """
    place = _place(len(errors), level)
    return float(np.sort(np.abs(errors))[place - 1]) if place <= len(errors) else math.inf


def _place(n: int, level: float) -> int:
    return math.ceil((n + 1) * level - 1e-9)


def coverage_p_value(covered: int, trials: int, n_held_out: int, level: float) -> float:
    """Two-sided test that held-out and new cases are exchangeable, by how many intervals hold.

    The number is beta-binomial: the half width is one of the held-out errors, so that its true
    coverage is itself drawn. A test against `level` alone would call every sixth sound one off.

    covered, trials : new cases that are held, of so many. n_held_out : errors that the half width
        was taken from. level : see `half_width`.

    Reference: Vovk 2012, doi:10.1007/s10994-013-5355-6.

    >>> coverage_p_value(90, 100, 99, 0.9) > 0.9
    True
    """
    from scipy.stats import betabinom

    place = _place(n_held_out, level)
    held = betabinom(trials, place, n_held_out + 1 - place)
    return float(min(2 * min(held.cdf(covered), held.sf(covered - 1)), 1.0))


@dataclass(frozen=True)
class PredictionIntervals(EntityMetric, NumberMetric):
    """How often split-conformal intervals hold the true number, and how wide they are.

    level : share of true numbers that the interval is to hold. levels : further ones for the
    table. min_cell : a group with fewer test rows is not judged.
    """

    reveals = "aggregate"
    tables = {
        "coverage": TableType.of(performance_rows.IntervalCoverage, "performance", release=WHOLE),
        "by_group": TableType.of(
            performance_rows.GroupCoverage,
            "performance",
            folded=True,
            release=TableRelease(counts=("n",), lines=(("attribute",),)),
        ),
    }
    category = "calibration"
    reads = frozenset({"predictions", "validation_predictions", "dataset"})
    bounds = {"prediction_interval_coverage": SHARE, "prediction_interval_width": (0.0, None)}
    level: Level = 0.9
    levels: tuple[Level, ...] = (0.5, 0.8, 0.95)
    min_cell: MinCell = 30

    def measure(self, context: MeasureContext) -> Measurement:
        p, target = context.predictions, context.dataset.schema.target
        held_out = context.validation_predictions.errors
        half = half_width(held_out, self.level)
        if not math.isfinite(half):
            raise NotApplicableError(
                message("refusals.few_held_out", share=self.level, rows=len(held_out))
            )
        inside = np.abs(p.errors) <= half
        compared = list(self._by_group(context, inside))
        drawn = Resampling.of(p)
        chance = math.nan  # the chance of a number of rows held is known of independent ones alone
        if drawn.units is None:
            chance = coverage_p_value(int(inside.sum()), len(p), len(held_out), self.level)
        corrected = holm([chance, *(p_value for *_, p_value in compared)])
        covered = self.score(
            "prediction_interval_coverage",
            drawn.rate(inside),
            "none",
            unit="share",
            p_value=None if math.isnan(corrected[0]) else float(corrected[0]),
            reference=_REFERENCE,
            note=message("notes.prediction_intervals.promised", level=self.level),
        )
        width = self.score(
            "prediction_interval_width",
            Estimate(2 * half, n=len(held_out)),
            "lower",
            unit=target.unit or "",
            note=message("notes.prediction_intervals.width", level=self.level),
        )
        tables = {"coverage": self._coverage(held_out, p)}
        if compared:
            tables["by_group"] = self.frame(
                "by_group",
                (
                    (
                        *(grouping.name, grouping.label, level, covered, covered.n),
                        *(covered.n < self.min_cell, p_value, adjusted),
                    )
                    for (grouping, level, covered, p_value), adjusted in zip(
                        compared, corrected[1:], strict=True
                    )
                ),
            )
        return Measurement(
            (covered, width),
            tables,
            notes=(
                message("notes.prediction_intervals.made", n=len(held_out)),
                message("notes.prediction_intervals.stopping"),
            ),
        )

    def _coverage(self, held_out: Floats, p: Predictions) -> pd.DataFrame:
        drawn = Resampling.of(p)
        rows = []
        for level in sorted({self.level, *self.levels}):
            half = half_width(held_out, level)
            if math.isfinite(half):
                covered = drawn.rate(np.abs(p.errors) <= half)
                rows.append((level, half, covered, covered.n))
        return self.frame("coverage", rows)

    def _by_group(
        self, context: MeasureContext, inside: Bools
    ) -> Iterator[tuple[Grouping, str, Estimate, float]]:
        """Coverage in each group: an interval that holds on the whole need not hold in a group."""
        p = context.predictions
        drawn = Resampling.of(p)
        try:
            compared = groupings(
                context.dataset.schema, p, crossings=False, min_cell=1, kinds=PEOPLE | PARTS
            )
        except NotApplicableError:
            return
        for grouping in compared:
            for code, level in enumerate(grouping.levels):
                among = grouping.codes == code
                p_value = self._p_value(inside, among, drawn)
                yield grouping, level, drawn.rate(inside, among), p_value

    def _p_value(self, inside: Bools, among: Bools, drawn: Resampling) -> float:
        """Whether a group is held as often as all others are; NaN where it is not judged."""
        n, rest = int(among.sum()), int((~among).sum())
        if min(n, rest) < self.min_cell:
            return math.nan
        return compare_rates(*drawn.counts(inside, among), *drawn.counts(inside, ~among))[1]
