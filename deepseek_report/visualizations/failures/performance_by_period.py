"""How well each period is predicted, and beside it what the model states and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.rules_parts import PeriodVerdict, period_verdict
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Drawn
from deepseek_report.visualizations.drawing.labels import caption, spoken
from deepseek_report.visualizations.drawing.marks import MarkStyle, Scale, intervals
from deepseek_report.visualizations.drawing.part_rows import RowPanels, over_all
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import picture_of
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes

_STATED = Drawn("stated", "stated", is_share=True)
_HAPPENED = Drawn("happened", "happened", is_share=True)


@dataclass(frozen=True)
class PerformanceByPeriod(PicturePart):
    """Draws how well each period is predicted, and what is stated and happens in each."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/part_performance", "measures/period_drift"})

    def draw(self, results: Results) -> Sequence[Picture]:
        view = _View.of(results)
        return [picture_of(view, "performance_by_period")]


@dataclass(frozen=True)
class _View:
    """The periods in order, with what both metrics say of each.

    parts : {level: what `part_performance` says of it}, with that of rows of no known period.
    quality : the column by which periods are judged. scale, stated : how its values are written,
    and those of what is stated.
    """

    table: pd.DataFrame
    parts: pd.DataFrame
    verdict: PeriodVerdict
    quality: Drawn
    scale: Scale
    stated: Scale

    @classmethod
    def of(cls, results: Results) -> _View:
        periods = required(results, "period_drift", "periods")
        attribute = str(periods["attribute"].iloc[0])
        parts = required(results, "part_performance", "parts")
        own = parts[parts["attribute"] == attribute].drop(columns=["n", "attribute_label"])
        stated = periods[periods["attribute"] == attribute].drop(columns=["too_few"])
        task = task_of(results.schema.target)
        quality = task.parts_drawn[0]
        shown = Drawn("stated", "stated", is_share=task.decides)
        return cls(
            stated.merge(own, on=["attribute", "level"], how="left", validate="one_to_one"),
            own.set_index("level"),
            period_verdict(results, attribute),
            quality,
            Scale.of(quality, results),
            Scale.of(shown, results),
        )

    def drawn(self, page: float) -> str:
        levels = list(map(str, self.table["level"]))
        counts = [int(n) for n in self.table["n"]]
        panels = RowPanels(levels, counts, (self._quality, self._scores), self.scale.words)
        return panels.drawn("performance_by_period", page)

    def _quality(self, axes: Axes) -> None:
        table, few = self.table, self.table["too_few"].fillna(True).to_numpy(dtype=bool)
        axes.axvline(over_all(table, self.quality.key), color=LIGHT.context, linewidth=1.4)
        low, high = self.quality.interval
        places = np.arange(len(table))
        for hollow in (False, True):
            part = table[few == hollow]
            ends = (part[low], part[high])
            look = MarkStyle(SERIES[0], hollow=hollow)
            intervals(axes, places[few == hollow], part[self.quality.key], ends, look)
        self._axis(axes, self.scale, f"pictures.common.columns.{self.quality.key}")

    def _scores(self, axes: Axes) -> None:
        table = self.table
        places = np.arange(len(table))
        for drawn, shift, look in (
            (_STATED, -0.13, MarkStyle(SERIES[0])),
            (_HAPPENED, 0.13, MarkStyle(LIGHT.muted, "D", size=4.5)),
        ):
            low, high = drawn.interval
            intervals(axes, places + shift, table[drawn.key], (table[low], table[high]), look)
        self._axis(axes, self.stated, "pictures.performance_by_period.axis")

    def _axis(self, axes: Axes, scale: Scale, text: str) -> None:
        scale.ticks(axes, "x", 4)
        axes.set_xlabel(scale.label(scale.words.text(text)))

    def title(self) -> Message:
        """What is concluded: which period is decided worse, and whether the scores drift."""
        values: dict[str, Any] = {"drifts": self.verdict.drifts, **self._ends()}
        if self.verdict.gap is not None:
            values["lean"] = self.verdict.gap.values["lean"]
            for end in ("worst", "best"):
                name = str(self.verdict.gap.values[end])
                values |= {end: spoken(name), f"{end}_value": self._value(self.parts.loc[name])}
            return caption("performance_by_period.title_gap", **values)
        if not self.verdict.judged:
            return caption("performance_by_period.title_too_few", **values)
        return caption("performance_by_period.title_none", **values)

    def _ends(self) -> dict[str, Any]:
        """The periods of the lowest and the highest stated mean."""
        known = self.table[self.table["stated"].notna()]
        if known.empty:
            return {}
        ends = {"low": known["stated"].idxmin(), "high": known["stated"].idxmax()}
        return {
            key: value
            for end, place in ends.items()
            for key, value in (
                (end, spoken(str(known.loc[place, "level"]))),
                (f"{end}_stated", self._stated(known.loc[place])),
            )
        }

    def _value(self, row: pd.Series) -> Message:
        low, high = self.quality.interval
        return self.scale.full(row[self.quality.key], row[low], row[high])

    def _stated(self, row: pd.Series) -> Message:
        return self.stated.full(row["stated"], row["stated_low"], row["stated_high"])

    def alt(self) -> Message:
        """The numbers of every period."""
        low, high = self.quality.interval
        parts = [
            caption(
                "performance_by_period.alt_part",
                level=spoken(str(row["level"])),
                value=self.scale.with_interval(row[self.quality.key], row[low], row[high]),
                stated=self.stated.full(row["stated"]),
                happened=self.stated.full(row["happened"]),
                n=row["n"],
            )
            for row in self.table.to_dict("records")
        ]
        return caption("performance_by_period.alt", parts=parts)
