"""By how much predicted numbers are off along their range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import NUMBER_TASKS
from deepseek_report.findings.rules_calibration import leaning
from deepseek_report.findings.severity import SIGNIFICANT
from deepseek_report.metrics.performance.residuals import PredictionBin
from deepseek_report.statistics.intervals import Z95
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, evenly, in_unit
from deepseek_report.visualizations.drawing.read_results import estimate_columns, required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES
from deepseek_report.wording.of_results import words_of


@dataclass(frozen=True)
class ResidualsByPredictionPicture(PicturePart):
    """Draws the error of every prediction, and its mean along the range of predictions.

    most : dots that are drawn, evenly over the predictions.
    """

    reveals = "rows"
    section = "performance"
    needs = frozenset({"measures/residuals", "predictions"})
    tasks = NUMBER_TASKS

    most: Annotated[int, Field(ge=100, le=5000)] = 1000

    def draw(self, results: Results) -> Sequence[Picture]:
        bins = required(results, "residuals", "bins", PredictionBin)
        unit = results.schema.target.unit
        return [
            on_sheets(
                "residuals",
                3.9,
                lambda sheet: _paint(sheet, results, bins, self.most),
                title=_title(bins, unit, next(leaning(results), None)),
                alt=_alt(bins, unit),
            )
        ]


def _paint(sheet: Sheet, results: Results, bins: Sequence[PredictionBin], most: int) -> None:
    axes = sheet.axes(0.95, 0.6, 0.3, 0.3)
    p, unit, words = results.predictions, results.schema.target.unit, words_of(results)
    shown = evenly(p.values, most)
    axes.axhline(0, color=LIGHT.context, linewidth=1)
    marks.dots(axes, p.values[shown], p.errors[shown], LIGHT.context, 2.8)
    placed = ((each.predicted, each.mean_error) for each in bins)
    marks.upright_intervals(axes, placed, marks.MarkStyle(SERIES[1]))
    most_off = float(np.abs(p.errors).max()) * 1.06 or 1.0
    width = float(np.ptp(p.values)) or 1.0
    axes.set_xlim(float(p.values.min()) - 0.03 * width, float(p.values.max()) + 0.03 * width)
    axes.set_ylim(-most_off, most_off)
    marks.grid(axes, "y")
    marks.value_ticks(axes, "x", words)
    marks.value_ticks(axes, "y", words)
    axes.set_xlabel(in_unit(words.text("pictures.common.predicted"), unit, words))
    axes.set_ylabel(in_unit(words.text("pictures.residuals.upright"), unit, words))


def _title(bins: Sequence[PredictionBin], unit: str | None, leans: Finding | None) -> Message:
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


def _alt(bins: Sequence[PredictionBin], unit: str | None) -> Message:
    parts = [
        caption("residuals.alt_part", predicted=each.predicted, error=each.mean_error)
        for each in bins
    ]
    return caption("residuals.alt", unit=unit or "", n=sum(each.n for each in bins), parts=parts)
