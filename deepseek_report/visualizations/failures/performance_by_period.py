"""How well each period is predicted, and beside it what the model states and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.rules_parts import PeriodVerdict, period_verdict
from deepseek_report.metrics.failures.failure_rows import PartLevel, PeriodLevel
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Drawn
from deepseek_report.visualizations.drawing.labels import caption, spoken
from deepseek_report.visualizations.drawing.marks import MarkStyle, Scale, intervals
from deepseek_report.visualizations.drawing.part_rows import RowPanels
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import picture_of
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes


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
    """The periods in order.

    parts : {level: what `part_performance` says of it}, with that of rows of no known period.
    quality : the column by which periods are judged. scale, stated : how its values are written,
    and those of what is stated.
    """

    periods: list[PeriodLevel]
    parts: dict[str, PartLevel]
    verdict: PeriodVerdict
    quality: Drawn
    scale: Scale
    stated: Scale

    @classmethod
    def of(cls, results: Results) -> _View:
        periods = required(results, "period_drift", "periods", PeriodLevel)
        attribute = periods[0].attribute
        parts = required(results, "part_performance", "parts", PartLevel)
        task = task_of(results.schema.target)
        quality = task.parts_drawn[0]
        shown = Drawn("stated", "stated", is_share=task.decides)
        return cls(
            [period for period in periods if period.attribute == attribute],
            {part.level: part for part in parts if part.attribute == attribute},
            period_verdict(results, attribute),
            quality,
            Scale.of(quality, results),
            Scale.of(shown, results),
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
            intervals(axes, own, MarkStyle(SERIES[0], hollow=hollow))
        self._axis(axes, self.scale, f"pictures.common.columns.{self.quality.key}")

    def _scores(self, axes: Axes) -> None:
        stated = [(at - 0.13, period.stated) for at, period in enumerate(self.periods)]
        happened = [(at + 0.13, period.happened) for at, period in enumerate(self.periods)]
        intervals(axes, stated, MarkStyle(SERIES[0]))
        intervals(axes, happened, MarkStyle(LIGHT.muted, "D", size=4.5))
        self._axis(axes, self.stated, "pictures.performance_by_period.axis")

    def _axis(self, axes: Axes, scale: Scale, text: str) -> None:
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
