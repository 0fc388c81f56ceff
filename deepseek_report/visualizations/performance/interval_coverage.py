"""Whether intervals around predicted numbers hold the truth as often as they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import NUMBER_TASKS
from deepseek_report.findings.rules_calibration import CoverageVerdict, coverage_verdict
from deepseek_report.metrics.performance.performance_rows import IntervalCoverage
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, unit_label
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES
from deepseek_report.wording import estimates
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_ROW = 0.42


@dataclass(frozen=True)
class IntervalCoveragePicture(PicturePart):
    """Draws how often intervals of several levels hold the true number, against what they say."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/prediction_intervals"})
    tasks = NUMBER_TASKS

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "prediction_intervals", "coverage", IntervalCoverage)
        unit, words = results.schema.target.unit, words_of(results)
        height = 0.95 + _ROW * len(table)
        return [
            on_sheets(
                "interval_coverage",
                height,
                lambda sheet: _paint(sheet, table, unit, words),
                title=_title(coverage_verdict(results)),
                alt=_alt(table, unit),
            )
        ]


def _paint(
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


def _title(verdict: CoverageVerdict | None) -> Message:
    """What is concluded at the level that the config asks for."""
    if verdict is None:
        return caption("interval_coverage.title_open")
    coverage = estimates.of_score(verdict.coverage)
    values = {"level": verdict.level, "coverage": coverage, "kind": verdict.kind}
    return caption("interval_coverage.title", **values)


def _alt(table: Sequence[IntervalCoverage], unit: str | None) -> Message:
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
