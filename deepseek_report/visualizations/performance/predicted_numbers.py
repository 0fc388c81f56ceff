"""Predicted numbers beside true ones: values, errors, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import NUMBER_TASKS
from deepseek_report.findings.rules_calibration import CoverageVerdict, coverage_verdict, leaning
from deepseek_report.findings.severity import SIGNIFICANT
from deepseek_report.metrics.performance.performance_rows import IntervalCoverage
from deepseek_report.metrics.performance.residuals import PredictionBin
from deepseek_report.statistics.intervals import Z95
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import (
    caption,
    evenly,
    in_unit,
    spoken,
    unit_label,
)
from deepseek_report.visualizations.drawing.read_results import (
    estimate_columns,
    known_estimate,
    required,
)
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, on_sheets, sheets_of
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording import estimates
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- Every predicted number against the true one --------------------------------------------------


@dataclass(frozen=True)
class PredictedVsTruePicture(OnePicture):
    """Draws every predicted number against the true one, with the line where both are equal.

    most : dots that are drawn, evenly over the true numbers.
    """

    reveals = "rows"
    section = "performance"
    needs = frozenset({"predictions"})
    also = frozenset({"measures/r2", "measures/mae", "measures/prediction_intervals"})
    tasks = NUMBER_TASKS

    most: Annotated[int, Field(ge=100, le=5000)] = 1000

    def picture(self, results: Results) -> Picture:
        view = _View.of(results, self.most)
        return sheets_of(
            view,
            "predicted_vs_true",
            4.4,
            how_to_read=caption("predicted_vs_true.how_to_read", has_band=bool(view.half)),
        )


@dataclass(frozen=True)
class _View:
    """What is drawn: the numbers, their name and unit, and what was measured of them."""

    true: Floats
    predicted: Floats
    n: int
    label: str
    unit: str | None
    r2: Estimate | None
    mae: Estimate | None
    half: float | None
    level: float | None
    words: Wording

    @classmethod
    def of(cls, results: Results, most: int) -> _View:
        p, target = results.predictions, results.schema.target
        shown = evenly(p.labels, most)
        half, level = _interval(results)
        return cls(
            true=np.asarray(p.labels[shown], dtype=np.float64),
            predicted=p.values[shown],
            n=len(p),
            label=spoken(target.label),
            unit=target.unit,
            r2=known_estimate(results.score("r2")),
            mae=known_estimate(results.score("mae")),
            half=half,
            level=level,
            words=words_of(results),
        )

    def paint(self, sheet: Sheet) -> None:
        axes = sheet.axes(0.95, 0.6, 0.3, 0.3)
        low = float(min(self.true.min(), self.predicted.min()))
        high = float(max(self.true.max(), self.predicted.max()))
        pad = 0.04 * (high - low or 1.0)
        ends = np.array([low - pad, high + pad])
        if self.half is not None:
            axes.fill_between(
                ends, ends - self.half, ends + self.half, color=LIGHT.grid, linewidth=0, alpha=0.6
            )
        axes.plot(ends, ends, color=LIGHT.context, linewidth=1, linestyle=(0, (3, 3)))
        marks.dots(axes, self.true, self.predicted, SERIES[0])
        axes.set(xlim=tuple(ends), ylim=tuple(ends))
        marks.grid(axes, "both")
        marks.value_ticks(axes, "x", self.words)
        marks.value_ticks(axes, "y", self.words)
        across = self.words.text("pictures.predicted_vs_true.across", label=self.label)
        axes.set_xlabel(in_unit(across, self.unit, self.words))
        axes.set_ylabel(
            in_unit(self.words.text("pictures.common.predicted"), self.unit, self.words)
        )
        _scores(axes, self)

    def title(self) -> Message:
        if self.mae is None:
            return caption("predicted_vs_true.title_plain", n=self.n, label=self.label)
        values = {"label": self.label, "mae": self.mae, "unit": self.unit, "r2": self.r2}
        return caption("predicted_vs_true.title", **values)

    def alt(self) -> Message:
        return caption(
            "predicted_vs_true.alt",
            n=self.n,
            actual=[self.true.min(), self.true.max()],
            predicted=[self.predicted.min(), self.predicted.max()],
            mae=self.mae,
            r2=self.r2,
            half=self.half if self.level is not None else None,
            level=self.level,
        )


def _interval(results: Results) -> tuple[float | None, float | None]:
    """Half the width of the interval around a prediction, and the share that it is to hold."""
    table = results.rows("prediction_intervals", "coverage", IntervalCoverage)
    width = known_estimate(results.score("prediction_interval_width"))
    if not table or width is None:
        return None, None
    half = width.value / 2
    return half, min(table, key=lambda row: abs(row.half_width - half)).level


def _scores(axes: Axes, view: _View) -> None:
    scores = {"r2": view.r2, "mae": view.mae}
    text = "\n".join(
        view.words.text(f"pictures.common.with_{name}", score=score)
        for name, score in scores.items()
        if score is not None
    )
    marks.note(axes, text, (0, 1), (8, -6), xycoords="axes fraction", ha="left", va="top")


# --- By how much predicted numbers are off along their range --------------------------------------


@dataclass(frozen=True)
class ResidualsByPredictionPicture(OnePicture):
    """Draws the error of every prediction, and its mean along the range of predictions.

    most : dots that are drawn, evenly over the predictions.
    """

    reveals = "rows"
    section = "performance"
    needs = frozenset({"measures/residuals", "predictions"})
    tasks = NUMBER_TASKS

    most: Annotated[int, Field(ge=100, le=5000)] = 1000

    def picture(self, results: Results) -> Picture:
        bins = required(results, "residuals", "bins", PredictionBin)
        parts = [
            caption("residuals.alt_part", predicted=each.predicted, error=each.mean_error)
            for each in bins
        ]
        unit = results.schema.target.unit
        return on_sheets(
            "residuals",
            3.9,
            lambda sheet: _paint_residuals(sheet, results, bins, self.most),
            title=_title_residuals(bins, unit, next(leaning(results), None)),
            alt=caption(
                "residuals.alt", unit=unit or "", n=sum(each.n for each in bins), parts=parts
            ),
        )


def _paint_residuals(
    sheet: Sheet, results: Results, bins: Sequence[PredictionBin], most: int
) -> None:
    axes = sheet.axes(0.95, 0.6, 0.3, 0.3)
    p, unit, words = results.predictions, results.schema.target.unit, words_of(results)
    shown = evenly(p.values, most)
    axes.axhline(0, color=LIGHT.context, linewidth=1)
    marks.dots(axes, p.values[shown], p.errors[shown], LIGHT.context, 2.8)
    placed = ((each.predicted, each.mean_error) for each in bins)
    marks.intervals(axes, placed, marks.MarkStyle(SERIES[1]), upright=True)
    most_off = float(np.abs(p.errors).max()) * 1.06 or 1.0
    width = float(np.ptp(p.values)) or 1.0
    axes.set_xlim(float(p.values.min()) - 0.03 * width, float(p.values.max()) + 0.03 * width)
    axes.set_ylim(-most_off, most_off)
    marks.grid(axes, "y")
    marks.value_ticks(axes, "x", words)
    marks.value_ticks(axes, "y", words)
    axes.set_xlabel(in_unit(words.text("pictures.common.predicted"), unit, words))
    axes.set_ylabel(in_unit(words.text("pictures.residuals.upright"), unit, words))


def _title_residuals(
    bins: Sequence[PredictionBin], unit: str | None, leans: Finding | None
) -> Message:
    """The part of the range that is off most, else what is concluded of the whole range."""
    sure = _beyond_chance(bins)
    if not sure and leans:
        lean = leans.values
        return caption("residuals.title_leaning", mean=lean["mean"], up=lean["up"], unit=unit)
    if not sure:
        return caption("residuals.title_right")
    worst = max(sure, key=lambda each: abs(each.mean_error.value))
    values = {"start": worst.start, "end": worst.end, "error": worst.mean_error}
    return caption("residuals.title", **values, unit=unit)


def _beyond_chance(bins: Sequence[PredictionBin]) -> list[PredictionBin]:
    """Those with an error, by its interval widened for so many bins (Bonferroni)."""
    wider = NormalDist().inv_cdf(1 - SIGNIFICANT / (2 * len(bins))) / Z95
    mean, low, high = estimate_columns(each.mean_error for each in bins)
    sure = (mean - wider * (mean - low) > 0) | (mean + wider * (high - mean) < 0)
    return [each for each, beyond in zip(bins, sure, strict=True) if beyond]


# --- Whether intervals around predicted numbers hold the truth as often as they say ---------------


@dataclass(frozen=True)
class IntervalCoveragePicture(OnePicture):
    """Draws how often intervals of several levels hold the true number, against what they say."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/prediction_intervals"})
    tasks = NUMBER_TASKS

    def picture(self, results: Results) -> Picture:
        table = required(results, "prediction_intervals", "coverage", IntervalCoverage)
        unit, words = results.schema.target.unit, words_of(results)
        return on_sheets(
            "interval_coverage",
            Sheet.heights(len(table), row=0.42),
            lambda sheet: _paint_coverage(sheet, table, unit, words),
            title=_title_coverage(coverage_verdict(results)),
            alt=_alt_coverage(table, unit),
        )


def _paint_coverage(
    sheet: Sheet, table: Sequence[IntervalCoverage], unit: str | None, words: Wording
) -> None:
    axes = sheet.axes(0.7 if sheet.is_narrow else 1.2, 0.55, 1.6, 0.3)
    marks.rows(axes, [words.numbers.declared(row.level, as_percent=True) for row in table])
    levels = enumerate(Estimate(row.level) for row in table)
    marks.intervals(axes, levels, marks.MarkStyle(LIGHT.context, "D"))
    coverages = [row.coverage for row in table]
    marks.intervals(axes, enumerate(coverages), marks.MarkStyle(SERIES[0]))
    marks.grid(axes, "x")
    least = min((each.low for each in coverages if each.low is not None), default=0.0)
    axes.set_xlim(max(0.0, least - 0.05), 1.01)
    marks.percent_ticks(axes, "x", words)
    axes.set_xlabel(words.text("pictures.interval_coverage.axis"))
    for place, row in enumerate(table):
        where = {"xycoords": ("axes fraction", "data"), "ha": "left", "va": "center"}
        marks.note(
            axes,
            f"± {words.numbers.quantity(row.half_width, unit_label(unit))}",
            (1, place),
            (8, 0),
            **where,
        )


def _title_coverage(verdict: CoverageVerdict | None) -> Message:
    """What is concluded at the level that the config asks for."""
    if verdict is None:
        return caption("interval_coverage.title_open")
    coverage = estimates.of_score(verdict.coverage)
    values = {"level": verdict.level, "coverage": coverage, "kind": verdict.kind}
    return caption("interval_coverage.title", **values)


def _alt_coverage(table: Sequence[IntervalCoverage], unit: str | None) -> Message:
    levels = [
        caption(
            "interval_coverage.alt_level",
            level=row.level,
            coverage=row.coverage,
            half_width=row.half_width,
            unit=unit or "",
        )
        for row in table
    ]
    return caption("interval_coverage.alt", levels=levels)
