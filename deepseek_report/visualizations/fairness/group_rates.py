"""What each group gets: favourable decisions and wrong ones, or errors of predicted numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.table_rows import read_rows
from deepseek_report.findings import rules_groups
from deepseek_report.findings.rules_groups import told_gap
from deepseek_report.metrics.fairness.fairness_rows import GapTest, GroupLevel, GroupPair
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Drawn
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, extent, short, spoken, wrapped
from deepseek_report.visualizations.drawing.marks import Scale
from deepseek_report.visualizations.drawing.part_rows import over_all
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
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
        table = _with_errors(required(results, "group_rates", "groups"))
        target = results.schema.target
        panels = tuple(
            (column, Scale.of(column, results)) for column in task_of(target).groups_drawn
        )
        favourable = short(target.favourable_class, 20) if target.is_judged else ""
        line = _overall(results, table)
        crossed = table["crossing"].astype(bool)
        parts = {
            "group_rates": _foremost(table[~crossed], panels[0][0].key),
            "group_rates_crossings": _foremost(table[crossed], panels[0][0].key),
        }
        return [
            _picture(
                name,
                _View(
                    part.reset_index(drop=True),
                    panels,
                    favourable,
                    line,
                    NamedPair.of(results, panels[0][0], crossings=name != "group_rates"),
                    rules_groups.declared_ratio(results),
                ),
            )
            for name, part in parts.items()
            if len(part)
        ]


@dataclass(frozen=True)
class _View:
    """The groups of one picture, in the order of the table, and the rates over all."""

    table: pd.DataFrame
    panels: tuple[tuple[Drawn, Scale], ...]
    favourable: str
    overall: dict[str, float]
    pair: NamedPair | None
    bound: float

    def row(self, attribute: str, level: str) -> pd.Series | None:
        """The row of a group; None where the picture has none."""
        table = self.table
        rows = table[(table["attribute"] == attribute) & (table["level"] == level)]
        return None if rows.empty else rows.iloc[0]

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
    def attributes(self) -> list[str]:
        return list(dict.fromkeys(self.table["attribute"]))

    @property
    def places(self) -> list[float]:
        """The height of each row; an attribute's heading takes a row of its own."""
        order = {name: place for place, name in enumerate(self.attributes)}
        return [
            row + 1.35 * (1 + order[name]) - 0.35
            for row, name in enumerate(self.table["attribute"])
        ]


def _foremost(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows that are drawn: of an attribute with many levels the worst and the best."""
    kept = rules_groups.worst_and_best(read_rows(table, GroupLevel), key)
    shown = {(row.attribute, row.level) for row in kept}
    pairs = zip(table["attribute"], table["level"], strict=True)
    return table[[pair in shown for pair in pairs]]


def _with_errors(table: pd.DataFrame) -> pd.DataFrame:
    """With the rate of wrong denials, 1 − tpr, where something is decided."""
    if "tpr" not in table:
        return table
    return table.assign(
        fnr=1 - table["tpr"], fnr_low=1 - table["tpr_high"], fnr_high=1 - table["tpr_low"]
    )


def _overall(results: Results, table: pd.DataFrame) -> dict[str, float]:
    """The value over all cases of every column that is drawn; of a signed one 0."""
    target = results.schema.target
    if target.is_judged:
        rates = results.predicted.classes[target.declared_favourable]
        return {"selection_rate": rates.decided, "fnr": rates.missed, "fpr": rates.flagged}
    return {
        column.key: 0.0 if column.signed else over_all(table, column.key)
        for column in task_of(target).groups_drawn
    }


def _picture(name: str, view: _View) -> Picture:
    height = 1.1 + _ROW * (view.places[-1] + 1)
    return on_sheets(
        name,
        (height, height + 0.1),
        lambda sheet: _paint(sheet, view),
        title=_title(view),
        alt=_alt(view),
        how_to_read=caption("group_rates.how_to_read"),
    )


def _paint(sheet: Sheet, view: _View) -> None:
    count, narrow = view.words.numbers.count, sheet.is_narrow
    level, attribute, room = (20, 24, 1.9) if narrow else (26, 34, 2.9)
    labels = [f"{short(row.level, level)}  ({count(row.n)})" for row in view.table.itertuples()]
    heads = [short(label, attribute) for label in dict.fromkeys(view.table["attribute_label"])]
    left = min(max(extent(labels), extent(heads) * 1.08) + 0.15, room)
    width = (sheet.width - left - 0.05) / len(view.panels)
    for place, (column, scale) in enumerate(view.panels):
        begin = left + place * width
        right = sheet.width - begin - width + (0.1 if narrow else 0.3)
        axes = sheet.axes(begin, 0.35, right, 0.8 if narrow else 0.7)
        _points(axes, view, column, scale)
        size = SMALL - 1.5 * narrow
        axes.tick_params(axis="x", labelsize=size)
        marks.keep_ticks_apart(axes, size)
        heading = scale.label(view.heading(column))
        axes.set_title(wrapped(heading, int(width * 15), 3), fontsize=SMALL - narrow)
        _row_labels(axes, view, labels if place == 0 else None, attribute)


def _points(axes: Axes, view: _View, column: Drawn, scale: Scale) -> None:
    axes.axvline(view.overall[column.key], color=LIGHT.context, linewidth=1.4)
    few = view.table["too_few"].astype(bool).to_numpy()
    places = np.array(view.places)
    for hollow in (False, True):
        part = view.table[few == hollow]
        look = marks.MarkStyle(LIGHT.context if hollow else SERIES[0], hollow=hollow)
        low, high = column.interval
        marks.intervals(
            axes, places[few == hollow], part[column.key], (part[low], part[high]), look
        )
    marks.grid(axes, "x")
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.set_xlim(*_limits(view, column))
    scale.ticks(axes, "x", 2 if len(view.panels) > 2 else 4)


def _limits(view: _View, column: Drawn) -> tuple[float, float]:
    """All intervals of the groups that can be judged, with a little room; rates inside [0, 1]."""
    sure = view.table[~view.table["too_few"].astype(bool)]
    shown = (sure if len(sure) else view.table)[[column.key, *column.interval]].to_numpy(float)
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
    table = view.table
    for name in view.attributes:
        first = int(table.index[table["attribute"] == name][0])
        marks.note(
            axes,
            short(table["attribute_label"][first], most),
            (0, view.places[first] - 1),
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


def _title(view: _View) -> Message:
    (column, scale), pair = view.panels[0], view.pair
    rows = [] if pair is None else [view.row(pair.attribute, pair.first)]
    rows += [] if pair is None else [view.row(pair.attribute, pair.other)]
    if pair is None or any(row is None for row in rows):
        return caption("group_rates.title_open", favourable=view.favourable)
    low, high = sorted((row for row in rows if row is not None), key=lambda row: row[column.key])
    return caption(
        "group_rates.title",
        favourable=view.favourable,
        attribute=spoken(low["attribute_label"]),
        low=spoken(low["level"]),
        low_value=scale.plain(low[column.key]),
        high=spoken(high["level"]),
        high_value=scale.plain(high[column.key]),
        gap=scale.distance(float(high[column.key] - low[column.key])),
        verdict=pair.verdict,
        bound=view.bound,
        by_chance=pair.by_chance,
    )


def _alt(view: _View) -> Message:
    column, scale = view.panels[0]
    attributes = []
    for name in view.attributes:
        part = view.table[view.table["attribute"] == name]
        levels = [
            caption(
                "group_rates.alt_level",
                level=spoken(row["level"]),
                value=scale.with_interval(row[column.key], *(row[end] for end in column.interval)),
            )
            for row in part.to_dict("records")
        ]
        label = spoken(part["attribute_label"].iloc[0])
        attributes.append(caption("group_rates.alt_attribute", attribute=label, levels=levels))
    return caption(
        "group_rates.alt",
        favourable=view.favourable,
        overall=scale.full(view.overall[column.key]),
        attributes=attributes,
    )
