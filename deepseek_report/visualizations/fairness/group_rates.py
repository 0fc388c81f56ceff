"""What each group gets: favourable decisions and wrong ones, or errors of predicted numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.findings import rules_groups
from deepseek_report.findings.rules_groups import told_gap
from deepseek_report.metrics.fairness.fairness_rows import GapTest, GroupLevel, GroupPair
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Drawn
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, extent, short, spoken, wrapped
from deepseek_report.visualizations.drawing.read_results import estimate_columns, grouped, required
from deepseek_report.visualizations.drawing.sheet import Sheet, over_all, sheets_of
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL, Axes
from deepseek_report.wording.words import Wording

_ROW = 0.25


@dataclass(frozen=True)
class GroupRatesPicture(PicturePart):
    """Draws decisions and their errors, or errors of numbers, group by group, with intervals."""

    reveals = "aggregate"
    section = "bias"
    needs = frozenset({"measures/group_rates", "predictions"})
    also = frozenset({"measures/impact_ratio"})

    def draw(self, results: Results) -> Sequence[Picture]:
        groups = required(results, "group_rates", "groups", GroupLevel)
        table, target = list(map(_with_errors, groups)), results.schema.target
        panels = tuple(
            (column, marks.Scale.of(column, results)) for column in task_of(target).groups_drawn
        )
        favourable = short(target.favourable_class, 20) if target.is_judged else ""
        line = _overall(results, table)
        parts = {
            name: _foremost([row for row in table if row.is_crossing == crossed], panels[0][0].key)
            for name, crossed in (("group_rates", False), ("group_rates_crossings", True))
        }
        return [
            _picture(
                name,
                _View(
                    part,
                    panels,
                    favourable,
                    line,
                    NamedPair.of(results, panels[0][0], crossings=name != "group_rates"),
                    rules_groups.declared_ratio(results),
                ),
            )
            for name, part in parts.items()
            if part
        ]


@dataclass(frozen=True)
class _View:
    """The groups of one picture, in the order of the table, and the rates over all."""

    table: list[GroupLevel]
    panels: tuple[tuple[Drawn, marks.Scale], ...]
    favourable: str
    overall: dict[str, float]
    pair: NamedPair | None
    bound: float

    def row(self, attribute: str, level: str) -> GroupLevel | None:
        """The row of a group; None where the picture has none."""
        rows = (row for row in self.table if (row.attribute, row.level) == (attribute, level))
        return next(rows, None)

    @property
    def words(self) -> Wording:
        return self.panels[0][1].words

    def heading(self, column: Drawn) -> str:
        """What a panel shows; of decisions on two lines, the second for which one."""
        name = self.words.text(f"pictures.common.columns.{column.key}")
        if not self.favourable:
            return name
        favourable = self.words.text("pictures.common.quoted", text=short(self.favourable, 15))
        return f"{name}\n{favourable}"

    @property
    def attributes(self) -> dict[str, list[GroupLevel]]:
        return grouped(self.table, lambda row: row.attribute)

    @property
    def places(self) -> list[float]:
        """The height of each row; an attribute's heading takes a row of its own."""
        order = {name: place for place, name in enumerate(self.attributes)}
        return [at + 1.35 * (1 + order[row.attribute]) - 0.35 for at, row in enumerate(self.table)]

    def paint(self, sheet: Sheet) -> None:
        count, narrow = self.words.numbers.count, sheet.is_narrow
        level, attribute, room = (20, 24, 1.9) if narrow else (26, 34, 2.9)
        labels = [f"{short(row.level, level)}  ({count(row.n)})" for row in self.table]
        heads = [short(own[0].attribute_label, attribute) for own in self.attributes.values()]
        left = min(max(extent(labels), extent(heads) * 1.08) + 0.15, room)
        width = (sheet.width - left - 0.05) / len(self.panels)
        for place, (column, scale) in enumerate(self.panels):
            begin = left + place * width
            right = sheet.width - begin - width + (0.1 if narrow else 0.3)
            axes = sheet.axes(begin, 0.35, right, 0.8 if narrow else 0.7)
            _points(axes, self, column, scale)
            size = SMALL - 1.5 * narrow
            axes.tick_params(axis="x", labelsize=size)
            marks.keep_ticks_apart(axes, size)
            heading = scale.label(self.heading(column))
            axes.set_title(wrapped(heading, int(width * 15), 3), fontsize=SMALL - narrow)
            _row_labels(axes, self, labels if place == 0 else None, attribute)

    def title(self) -> Message:
        (column, scale), pair = self.panels[0], self.pair
        ends = (pair.first, pair.other) if pair else ()
        rows = [row for level in ends if pair and (row := self.row(pair.attribute, level))]
        if pair is None or len(rows) < 2:
            return caption("group_rates.title_open", favourable=self.favourable)
        low, high = sorted(rows, key=lambda row: column.of(row.cells).value)
        low_value, high_value = (column.of(row.cells).value for row in (low, high))
        return caption(
            "group_rates.title",
            favourable=self.favourable,
            attribute=spoken(low.attribute_label),
            low=spoken(low.level),
            low_value=scale.plain(Estimate(low_value)),
            high=spoken(high.level),
            high_value=scale.plain(Estimate(high_value)),
            gap=scale.distance(high_value - low_value),
            verdict=pair.verdict,
            bound=self.bound,
            by_chance=pair.by_chance,
        )

    def alt(self) -> Message:
        column, scale = self.panels[0]
        attributes = []
        for own in self.attributes.values():
            levels = [
                caption(
                    "group_rates.alt_level",
                    level=spoken(row.level),
                    value=scale.with_interval(column.of(row.cells)),
                )
                for row in own
            ]
            label = spoken(own[0].attribute_label)
            attributes.append(caption("group_rates.alt_attribute", attribute=label, levels=levels))
        return caption(
            "group_rates.alt",
            favourable=self.favourable,
            overall=scale.full(Estimate(self.overall[column.key])),
            attributes=attributes,
        )


def _foremost(table: Sequence[GroupLevel], key: str) -> list[GroupLevel]:
    """The rows that are drawn: of an attribute with many levels the worst and the best."""
    kept = rules_groups.worst_and_best(table, key)
    shown = {(row.attribute, row.level) for row in kept}
    return [row for row in table if (row.attribute, row.level) in shown]


def _with_errors(row: GroupLevel) -> GroupLevel:
    """With the rate of wrong denials, 1 − tpr, where something is decided."""
    if "tpr" not in row.cells:
        return row
    wrong = Drawn("tpr", "tpr").of(row.cells).complement().cells("fnr", "fnr")
    return replace(row, cells={**row.cells, **wrong})


def _overall(results: Results, table: Sequence[GroupLevel]) -> dict[str, float]:
    """The value over all cases of every column that is drawn; of a signed one 0."""
    target = results.schema.target
    if target.is_judged:
        rates = results.predicted.classes[target.declared_favourable]
        return {"selection_rate": rates.decided, "fnr": rates.missed, "fpr": rates.flagged}
    return {
        column.key: 0.0 if column.signed else over_all(table, column)
        for column in task_of(target).groups_drawn
    }


def _picture(name: str, view: _View) -> Picture:
    height = 1.1 + _ROW * (view.places[-1] + 1)
    return sheets_of(
        view, name, (height, height + 0.1), how_to_read=caption("group_rates.how_to_read")
    )


def _points(axes: Axes, view: _View, column: Drawn, scale: marks.Scale) -> None:
    axes.axvline(view.overall[column.key], color=LIGHT.context, linewidth=1.4)
    places = view.places
    for hollow in (False, True):
        own = [
            (place, column.of(row.cells))
            for place, row in zip(places, view.table, strict=True)
            if row.too_few == hollow
        ]
        look = marks.MarkStyle(LIGHT.context if hollow else SERIES[0], hollow=hollow)
        marks.intervals(axes, own, look)
    marks.grid(axes, "x")
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.set_xlim(*_limits(view, column))
    scale.ticks(axes, "x", 2 if len(view.panels) > 2 else 4)


def _limits(view: _View, column: Drawn) -> tuple[float, float]:
    """All intervals of the groups that can be judged, with a little room; rates inside [0, 1]."""
    sure = [row for row in view.table if not row.too_few] or view.table
    shown = estimate_columns(column.of(row.cells) for row in sure)
    ends = np.append(shown[np.isfinite(shown)], view.overall[column.key])
    ends = ends[np.isfinite(ends)] if np.isfinite(ends).any() else np.array([0.0, 1.0])
    room = 0.12 * float(np.ptp(ends))
    if not column.is_share:
        return float(ends.min()) - room, float(ends.max()) + room
    room = max(room, 0.02)
    return max(float(ends.min()) - room, -0.01), min(float(ends.max()) + room, 1.01)


def _row_labels(axes: Axes, view: _View, labels: list[str] | None, most: int) -> None:
    if labels is None:
        axes.set_yticks([])
        return
    axes.set_yticks(view.places, labels, color=LIGHT.ink)
    for own in view.attributes.values():
        marks.note(
            axes,
            short(own[0].attribute_label, most),
            (0, view.places[view.table.index(own[0])] - 1),
            (-4, 0),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="center",
            fontweight="bold",
            color=LIGHT.ink,
        )


@dataclass(frozen=True)
class NamedPair:
    """The two groups that the title names: those of the conclusion on all groups.

    verdict : on their ratio; empty of predicted numbers. by_chance : whether chance may explain it.
    """

    attribute: str
    first: str
    other: str
    verdict: str
    by_chance: bool

    @classmethod
    def of(cls, results: Results, column: Drawn, *, crossings: bool) -> NamedPair | None:
        if task_of(results.schema.target).decides:
            return cls._of_pair(results, rules_groups.told_pair(results, crossings=crossings))
        return cls._of_gap(results, None if crossings else told_gap(results, f"{column.key}_gap"))

    @classmethod
    def _of_pair(cls, results: Results, row: GroupPair | None) -> NamedPair | None:
        if row is None:
            return None
        by_chance = not rules_groups.is_beyond_chance(results, row)
        return cls(row.attribute, row.level, row.reference, row.verdict, by_chance)

    @classmethod
    def _of_gap(cls, results: Results, row: GapTest | None) -> NamedPair | None:
        if row is None:
            return None
        by_chance = not rules_groups.is_beyond_chance(results, row)
        return cls(row.attribute, row.highest, row.lowest, "", by_chance)
