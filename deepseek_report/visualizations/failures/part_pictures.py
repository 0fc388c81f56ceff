"""How well the model does in parts of the data: attributes, cohorts, periods, slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.error_budget import level_of
from deepseek_report.findings.rules_bottlenecks import unexpected_slice
from deepseek_report.findings.rules_parts import (
    CohortVerdict,
    PeriodVerdict,
    cohort_verdict,
    period_verdict,
    surest_part_gaps,
)
from deepseek_report.metrics.failures.failure_rows import Cohort, PartLevel, PeriodLevel, Slice
from deepseek_report.metrics.fairness.fairness_rows import GapTest
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import Loss
from deepseek_report.tasks.task import Drawn
from deepseek_report.visualizations.drawing import marks, twin
from deepseek_report.visualizations.drawing.labels import caption, short, spoken, wrapped
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import (
    OnePicture,
    RowPanels,
    Sheet,
    on_sheets,
    over_all,
    picture_of,
    sheets_of,
)
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes

# --- How well the model does in parts of the data: attributes, cohorts, periods -------------------

_Columns = Sequence[tuple[Drawn, marks.Scale]]


@dataclass(frozen=True)
class PartPerformancePicture(OnePicture):
    """Draws how well the model does in each part of the data that is no group of people."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/part_performance"})

    def picture(self, results: Results) -> Picture:
        table = required(results, "part_performance", "parts", PartLevel)
        drawn = task_of(results.schema.target).parts_drawn
        columns = [(column, marks.Scale.of(column, results)) for column in drawn]
        return on_sheets(
            "part_performance",
            Sheet.heights(len(table), row=0.36, narrow=0.52),
            lambda sheet: _paint(sheet, table, columns),
            title=_title(results, table, columns),
            alt=_alt(table, columns),
        )


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
        marks.rows(axes, names if not place else [""] * len(table))
        _points(axes, table, column, SERIES[place])
        scale.ticks(axes, "x", *((2 if sheet.is_narrow else 4,) if len(columns) > 1 else ()))
        axes.set_xlabel(scale.label(words.text(f"pictures.common.columns.{column.key}")))
    cases = words.text("pictures.common.cases")
    marks.beside(axes, (words.numbers.count(row.n) for row in table), cases, 44)


def _points(axes: Axes, table: Sequence[PartLevel], column: Drawn, colour: str) -> None:
    centre = 0.0 if column.signed else over_all(table, column)
    axes.axvline(centre, color=LIGHT.context, linewidth=1.4)
    placed = [(at, column.of(row.cells), row.too_few) for at, row in enumerate(table)]
    for hollow in (False, True):
        own = [(at, value) for at, value, too_few in placed if too_few == hollow]
        marks.intervals(axes, own, marks.MarkStyle(colour, hollow=hollow))
    marks.grid(axes, "x")


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


def _compared(columns: _Columns, metric: str) -> tuple[Drawn, marks.Scale]:
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


# --- Cohorts side by side: how well each is predicted, how it is decided, what was stated ---------

#: What is drawn besides where something is decided.
_OF_DECISIONS = (
    Drawn("decided", "decided", is_share=True),
    Drawn("calibration_gap", "calibration_gap", is_share=True, signed=True),
)
#: Letters of the name of a slice in a title.
_LETTERS = 130


@dataclass(frozen=True)
class CohortsPicture(OnePicture):
    """Draws cohorts that a person declares beside the best and the worst that were found."""

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/cohorts"})

    def picture(self, results: Results) -> Picture:
        view = _View.of(results)
        return picture_of(view, "cohorts")


@dataclass(frozen=True)
class _View:
    """The table, and the columns that are drawn of it, the first of which says how well.

    decided : the class whose share of all decisions is drawn.
    """

    table: Sequence[Cohort]
    verdict: CohortVerdict
    columns: Sequence[tuple[Drawn, marks.Scale]]
    decided: str

    @classmethod
    def of(cls, results: Results) -> _View:
        task = task_of(results.schema.target)
        drawn = [*task.parts_drawn, *(_OF_DECISIONS if task.decides else ())]
        columns = [(column, marks.Scale.of(column, results)) for column in drawn]
        table, target = required(results, "cohorts", "cohorts", Cohort), results.schema.target
        return cls(table, cohort_verdict(results), columns, target.classes[target.counted_class])

    def drawn(self, page: float) -> str:
        words = self.columns[0][1].words
        labels = [words.say(self._name(row)) for row in self.table]
        panels: list[Callable[[Axes], None]] = [
            partial(self._points, column=column, scale=scale) for column, scale in self.columns
        ]
        counts = [row.n for row in self.table]
        return RowPanels(labels, counts, panels, words, (30, 20)).drawn("cohorts", page)

    def _points(self, axes: Axes, column: Drawn, scale: marks.Scale) -> None:
        overall = next(column.of(row.cells).value for row in self.table if row.origin == "all")
        axes.axvline(0.0 if column.signed else overall, color=LIGHT.context, linewidth=1.4)
        for hollow in (False, True):
            for searched in (False, True):
                own = [
                    (at, column.of(row.cells))
                    for at, row in enumerate(self.table)
                    if row.too_few == hollow and (row.origin in {"worst", "best"}) == searched
                ]
                marks.intervals(
                    axes, own, marks.MarkStyle(SERIES[1 if searched else 0], hollow=hollow)
                )
        scale.ticks(axes, "x", 3)
        axes.set_xlabel(
            scale.label(scale.words.text(_AXES[column.key], name=short(self.decided, 16)))
        )

    @staticmethod
    def _name(row: Cohort) -> Message:
        return caption("cohorts.row", origin=row.origin, name=short(row.cohort, 130))

    def title(self) -> Message:
        """The declared cohort that surely differs, else the worst and the best slice."""
        verdict = self.verdict
        values: dict[str, object] = {"overall": self._value(verdict.everyone)}
        if verdict.declared:
            surest = verdict.declared[0]
            values |= {"name": surest.cohort, "value": self._value(surest)}
            return caption("cohorts.title_declared", **values)
        for end, row in (("worst", verdict.worst), ("best", verdict.best)):
            name = short(row.cohort, _LETTERS) if row else ""
            values |= {end: name, f"{end}_value": self._value(row)}
        some = verdict.worst or verdict.best
        return caption("cohorts.title_found" if some else "cohorts.title_none", **values)

    def _value(self, row: Cohort | None) -> Message | str:
        if row is None:
            return ""
        (column, scale), *_ = self.columns
        return scale.full(column.of(row.cells))

    def alt(self) -> Message:
        """The numbers of every cohort."""
        parts = [
            caption(
                "cohorts.alt_part",
                name=self._name(row),
                n=row.n,
                values=[
                    caption(
                        "cohorts.alt_value",
                        what=column.key,
                        value=scale.full(Estimate(column.of(row.cells).value)),
                    )
                    for column, scale in self.columns
                ],
            )
            for row in self.table
        ]
        return caption("cohorts.alt", parts=parts)


#: What the axis of each column says.
_AXES = {
    "accuracy": "pictures.common.columns.accuracy",
    "mae": "pictures.common.columns.mae",
    "mean_error": "pictures.common.columns.mean_error",
    "decided": "pictures.cohorts.decided",
    "calibration_gap": "pictures.cohorts.calibration_gap",
}


# --- How well each period is predicted, and beside it what the model states and what happened -----


@dataclass(frozen=True)
class PerformanceByPeriod(OnePicture):
    """Draws how well each period is predicted, and what is stated and happens in each."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/part_performance", "measures/period_drift"})

    def picture(self, results: Results) -> Picture:
        view = _PeriodsView.of(results)
        return picture_of(view, "performance_by_period")


@dataclass(frozen=True)
class _PeriodsView:
    """The periods of which the test part has cases, in order.

    parts : {level: what `part_performance` says of it}, with that of rows of no known period.
    quality : the column by which periods are judged. scale, stated : how its values are written,
    and those of what is stated.
    """

    periods: list[PeriodLevel]
    parts: dict[str, PartLevel]
    verdict: PeriodVerdict
    quality: Drawn
    scale: marks.Scale
    stated: marks.Scale

    @classmethod
    def of(cls, results: Results) -> _PeriodsView:
        periods = required(results, "period_drift", "periods", PeriodLevel)
        attribute = periods[0].attribute
        parts = required(results, "part_performance", "parts", PartLevel)
        task = task_of(results.schema.target)
        quality = task.parts_drawn[0]
        shown = Drawn("stated", "stated", is_share=task.decides)
        return cls(
            [period for period in periods if period.attribute == attribute and period.n > 0],
            {part.level: part for part in parts if part.attribute == attribute},
            period_verdict(results, attribute),
            quality,
            marks.Scale.of(quality, results),
            marks.Scale.of(shown, results),
        )

    def drawn(self, page: float) -> str:
        levels = [period.level for period in self.periods]
        counts = [period.n for period in self.periods]
        panels = RowPanels(levels, counts, (self._quality, self._scores), self.scale.words)
        return panels.drawn("performance_by_period", page)

    def _measured(self, level: str) -> Estimate:
        """How well a period is predicted."""
        return self.quality.of(self.parts[level].cells) if level in self.parts else UNDEFINED

    def _quality(self, axes: Axes) -> None:
        values = [self._measured(period.level) for period in self.periods]
        weights = [period.n for period in self.periods]
        overall = float(np.average([value.value for value in values], weights=weights))
        axes.axvline(overall, color=LIGHT.context, linewidth=1.4)
        few = [p.level not in self.parts or self.parts[p.level].too_few for p in self.periods]
        for hollow in (False, True):
            own = [(at, value) for at, value in enumerate(values) if few[at] == hollow]
            marks.intervals(axes, own, marks.MarkStyle(SERIES[0], hollow=hollow))
        self._axis(axes, self.scale, f"pictures.common.columns.{self.quality.key}")

    def _scores(self, axes: Axes) -> None:
        stated = [(at - 0.13, period.stated) for at, period in enumerate(self.periods)]
        happened = [(at + 0.13, period.happened) for at, period in enumerate(self.periods)]
        marks.intervals(axes, stated, marks.MarkStyle(SERIES[0]))
        marks.intervals(axes, happened, marks.MarkStyle(LIGHT.muted, "D", size=4.5))
        self._axis(axes, self.stated, "pictures.performance_by_period.axis")

    def _axis(self, axes: Axes, scale: marks.Scale, text: str) -> None:
        scale.ticks(axes, "x", 4)
        axes.set_xlabel(scale.label(scale.words.text(text)))

    def title(self) -> Message:
        """What is concluded: which period is decided worse, and whether the scores drift."""
        values: dict[str, object] = {"drifts": self.verdict.drifts, **self._ends()}
        if self.verdict.gap is not None:
            gap = self.verdict.gap.values
            values |= {"lean": gap["lean"]}
            for end in ("worst", "best"):
                name = str(gap[end])
                value = self.scale.full(self._measured(name))
                values |= {end: spoken(name), f"{end}_value": value}
            return caption("performance_by_period.title_gap", **values)
        if not self.verdict.judged:
            return caption("performance_by_period.title_too_few", **values)
        return caption("performance_by_period.title_none", **values)

    def _ends(self) -> dict[str, object]:
        """The periods of the lowest and the highest stated mean."""
        values: dict[str, object] = {}
        known = sorted(
            (period for period in self.periods if period.stated.is_defined),
            key=lambda period: period.stated.value,
        )
        for end, period in zip(("low", "high"), (*known[:1], *known[-1:]), strict=False):
            stated = self.stated.full(period.stated)
            values |= {end: spoken(period.level), f"{end}_stated": stated}
        return values

    def alt(self) -> Message:
        """The numbers of every period."""
        parts = [
            caption(
                "performance_by_period.alt_part",
                level=spoken(period.level),
                value=self.scale.with_interval(self._measured(period.level)),
                stated=self.stated.full(Estimate(period.stated.value)),
                happened=self.stated.full(Estimate(period.happened.value)),
                n=period.n,
            )
            for period in self.periods
        ]
        return caption("performance_by_period.alt", parts=parts)


# --- Where the model does worse than elsewhere ----------------------------------------------------


@dataclass(frozen=True)
class SlicesPicture(OnePicture):
    """Draws the error of the worst slices against that of the rest.

    most : slices shown, worst first.
    """

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/slices"})

    most: Annotated[int, Field(ge=1, le=20)] = 10

    def picture(self, results: Results) -> Picture:
        loss, level = task_of(results.schema.target).loss, level_of(results, "slices")
        table = required(results, "slices", "slices", Slice)
        named = {row.slice: row for row in reversed(table)}
        once = [row for row in table if named[row.slice] is row][: self.most]
        score = results.find("slices_examined")
        view = _SlicesView(
            [_DrawnSlice.of(row, loss, level) for row in once],
            marks.Scale.of(loss, results),
            int(score[0].value) if score else len(once),
            unexpected_slice(results),
        )
        return sheets_of(
            view,
            "slices",
            Sheet.heights(len(once), row=0.46, narrow=0.56),
            how_to_read=caption("slices.how_to_read", examined=view.examined),
            interactive=view.interactive(),
        )


@dataclass(frozen=True)
class _DrawnSlice:
    """A slice of the picture.

    rest : what it should have: the loss that is expected, and that elsewhere where nothing is
    stated. p : adjusted; 1 where it has many errors, as expected. is_sure : whether it is beyond
    chance.
    """

    name: str
    n: int
    value: Estimate
    rest: float
    p: float
    is_sure: bool

    @classmethod
    def of(cls, row: Slice, loss: Loss, level: float) -> _DrawnSlice:
        expected, p = row.expected(loss.key), row.p_adjusted if row.kind == "unexpected" else 1.0
        return cls(
            row.slice,
            row.n,
            row.loss(loss.key),
            row.rest(loss.key) if expected is None else expected,
            math.nan if p is None else p,
            p is not None and p < level,
        )


@dataclass(frozen=True)
class _SlicesView:
    """The slices of the picture, worst first, and how they are written.

    worst : the one that the report concludes on.
    """

    slices: list[_DrawnSlice]
    scale: marks.Scale
    examined: int
    worst: Slice | None

    def paint(self, sheet: Sheet) -> None:
        """A point and its interval for each slice, hollow where it may be chance, and the rest."""
        left, columns = (1.75, 22) if sheet.is_narrow else (3.4, 44)
        axes = sheet.axes(left, 0.55, 0.8, 0.35)
        marks.rows(axes, [wrapped(part.name, columns, 3) for part in self.slices])
        rest = enumerate(Estimate(part.rest) for part in self.slices)
        marks.intervals(axes, rest, marks.MarkStyle(LIGHT.context, "D", size=4.5))
        for sure in (True, False):
            own = [(at, part.value) for at, part in enumerate(self.slices) if part.is_sure == sure]
            marks.intervals(axes, own, marks.MarkStyle(SERIES[1], hollow=not sure))
        marks.grid(axes, "x")
        axes.set_xlim(left=-0.02 * axes.get_xlim()[1])
        self.scale.ticks(axes, "x")
        words = self.scale.words
        axes.set_xlabel(self.scale.label(words.text("pictures.slices.axis")))
        counts = (words.numbers.count(part.n) for part in self.slices)
        marks.beside(axes, counts, words.text("pictures.common.cases"), 44)

    def title(self) -> Message:
        if self.worst is None:
            return caption("slices.title_none")
        worst = next(part for part in self.slices if part.name == self.worst.slice)
        low, high = (None, None) if self.scale.is_share else (worst.value.low, worst.value.high)
        return caption(
            "slices.title",
            slice=short(worst.name, 130),
            error=self.scale.full(Estimate(worst.value.value, low, high)),
            n=worst.n,
            elsewhere=self.scale.plain(Estimate(worst.rest, low, high)),
        )

    def alt(self) -> Message:
        slices = [_part("slices.alt_slice", part, self.scale) for part in self.slices[:5]]
        return caption("slices.alt", examined=self.examined, slices=slices)

    def interactive(self) -> dict[str, object]:
        parts, scale, words = self.slices, self.scale, self.scale.words
        places = range(len(parts))
        filled = ["circle" if part.is_sure else "circle-open" for part in parts]
        fields: twin.Trace = {
            "text": [_hover(part, scale) for part in parts],
            "error_x": twin.error_bars(part.value for part in parts),
            "name": words.text("pictures.slices.slice"),
        }
        diamond = {"symbol": "diamond", "size": 8}
        others = words.text("pictures.slices.others")
        rests, values = [part.rest for part in parts], [part.value.value for part in parts]
        rest = twin.points(rests, places, LIGHT.context, diamond, name=others)
        layout = {
            "xaxis": scale.axis(words.text("pictures.slices.axis"), rangemode="tozero"),
            "yaxis": twin.row_axis([wrapped(part.name, 38, 3) for part in parts]),
        }
        traces = [rest, twin.points(values, places, SERIES[1], {"symbol": filled}, **fields)]
        return twin.twin(traces, layout, words, height=120 + 52 * len(parts))


def _part(name: str, part: _DrawnSlice, scale: marks.Scale) -> Message:
    return caption(
        name,
        slice=short(part.name, 130),
        error=scale.with_interval(part.value),
        n=part.n,
        elsewhere=scale.plain(Estimate(part.rest)),
    )


def _hover(part: _DrawnSlice, scale: marks.Scale) -> str:
    words = scale.words
    error = words.say(_part("slices.hover_error", part, scale))
    elsewhere = words.say(_part("slices.hover_elsewhere", part, scale))
    p = words.text("pictures.slices.hover_p", p=part.p)
    return f"{twin.text(short(part.name, 130))}<br>{error}<br>{elsewhere}<br>{twin.text(p)}"
