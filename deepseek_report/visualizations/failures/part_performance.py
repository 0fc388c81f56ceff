"""In which parts of the data the model does better or worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.rules_parts import surest_part_gaps
from deepseek_report.metrics.failures.failure_rows import PartLevel
from deepseek_report.metrics.fairness.fairness_rows import GapTest
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Drawn
from deepseek_report.visualizations.drawing.labels import caption, spoken, wrapped
from deepseek_report.visualizations.drawing.marks import (
    MarkStyle,
    Scale,
    beside,
    grid,
    intervals,
    rows,
)
from deepseek_report.visualizations.drawing.part_rows import over_all
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes

_ROW, _ROW_NARROW = 0.36, 0.52
_Columns = Sequence[tuple[Drawn, Scale]]


@dataclass(frozen=True)
class PartPerformancePicture(PicturePart):
    """Draws how well the model does in each part of the data that is no group of people."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/part_performance"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "part_performance", "parts", PartLevel)
        drawn = task_of(results.schema.target).parts_drawn
        columns = [(column, Scale.of(column, results)) for column in drawn]
        heights = 0.95 + _ROW * len(table), 0.95 + _ROW_NARROW * len(table)
        return [
            on_sheets(
                "part_performance",
                heights,
                lambda sheet: _paint(sheet, table, columns),
                title=_title(results, table, columns),
                alt=_alt(table, columns),
            )
        ]


def _paint(sheet: Sheet, table: Sequence[PartLevel], columns: _Columns) -> None:
    left, most = (2.6 if len(columns) == 1 else 2.1), 34
    if sheet.is_narrow:
        left, most = 1.5, 18
    width, words = (sheet.width - 0.8 - left) / len(columns), columns[0][1].words
    lines = 3 if sheet.is_narrow else 2
    names = [wrapped(f"{row.attribute_label}: {row.level}", most, lines) for row in table]
    for place, (column, scale) in enumerate(columns):
        start = left + place * width
        right = sheet.width - start - width + (0.15 if place else 0)
        axes = sheet.axes(start, 0.55, right, 0.3)
        rows(axes, names if not place else [""] * len(table))
        _points(axes, table, column, SERIES[place])
        scale.ticks(axes, "x", *((2 if sheet.is_narrow else 4,) if len(columns) > 1 else ()))
        axes.set_xlabel(scale.label(words.text(f"pictures.common.columns.{column.key}")))
    cases = words.text("pictures.common.cases")
    beside(axes, (words.numbers.count(row.n) for row in table), cases, 44)


def _points(axes: Axes, table: Sequence[PartLevel], column: Drawn, colour: str) -> None:
    centre = 0.0 if column.signed else over_all(table, column)
    axes.axvline(centre, color=LIGHT.context, linewidth=1.4)
    placed = [(at, column.of(row.cells), row.too_few) for at, row in enumerate(table)]
    for hollow in (False, True):
        own = [(at, value) for at, value, too_few in placed if too_few == hollow]
        intervals(axes, own, MarkStyle(colour, hollow=hollow))
    grid(axes, "x")


def _title(results: Results, table: Sequence[PartLevel], columns: _Columns) -> Message:
    """The two parts that the first finding on parts names."""
    gaps = surest_part_gaps(results)
    if not gaps:
        tests = results.rows("part_performance", "tests", GapTest)
        few = not any(test.value.is_defined for test in tests)
        return caption(f"part_performance.{'title_too_few' if few else 'title_none'}")
    surest = gaps[0]
    column, scale = _compared(columns, surest.metric)
    levels = {row.level: row for row in table if row.attribute == surest.attribute}
    high, low = levels[surest.highest], levels[surest.lowest]
    return caption(
        f"part_performance.titles.{column.key}",
        attribute=spoken(high.attribute_label),
        low=spoken(low.level),
        low_value=scale.full(column.of(low.cells)),
        high=spoken(high.level),
        high_value=scale.full(column.of(high.cells)),
    )


def _compared(columns: _Columns, metric: str) -> tuple[Drawn, Scale]:
    """The drawn column whose gap was tested, such as `mae` by `mae_gap`; else the first one."""
    drawn = (pair for pair in columns if pair[0].key == metric.removesuffix("_gap"))
    return next(drawn, columns[0])


def _alt(table: Sequence[PartLevel], columns: _Columns) -> Message:
    parts = [
        caption(
            "part_performance.alt_part",
            attribute=spoken(row.attribute_label),
            level=spoken(row.level),
            values=[scale.with_interval(column.of(row.cells)) for column, scale in columns],
            n=row.n,
        )
        for row in table
    ]
    first, scale = columns[0]
    overall = scale.full(Estimate(over_all(table, first)))
    return caption("part_performance.alt", overall=overall, parts=parts)
