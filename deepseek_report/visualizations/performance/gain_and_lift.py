"""What is found among the cases with the highest scores, against taking cases by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.metrics.performance.classification_scores import GainDepth
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, short, spoken
from deepseek_report.visualizations.drawing.read_results import estimate_columns, required
from deepseek_report.visualizations.drawing.sheet import Multiples
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL, Axes, Look
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: The share of cases that the title tells of, and those whose lift is drawn.
_TOLD = 0.1
_DRAWN = (0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True)
class GainAndLiftPicture(PicturePart):
    """Draws how much of the explained class is among the cases with the highest scores."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/ranking_curves"})

    def draw(self, results: Results) -> Sequence[Picture]:
        view = _View(
            required(results, "ranking_curves", "gain", GainDepth),
            spoken(results.schema.target.explained_class),
            results.predicted.about_explained.base,
            words_of(results),
        )
        return [view.multiples.picture("gain_and_lift", title=view.title(), alt=view.alt())]


@dataclass(frozen=True)
class _View:
    """Gain and lift by the share of cases taken; `base` is the share of the class among all."""

    table: Sequence[GainDepth]
    class_name: str
    base: float
    words: Wording

    def text(self, name: str) -> str:
        return self.words.text(f"pictures.gain_and_lift.{name}", class_name=self.class_name)

    def row(self, depth: float) -> GainDepth:
        """The depth that is nearest."""
        return min(self.table, key=lambda row: abs(row.depth - depth))

    @property
    def multiples(self) -> Multiples:
        titles = [self.text("found"), self.text("times")]
        return Multiples(titles, self._paint, [0.55, 0.45], tall=2.2, foot=0.56, abreast=2)

    def _paint(self, axes: Axes, place: int) -> None:
        (self._gain, self._lift)[place](axes)
        marks.percent_ticks(axes, "x", self.words)
        axes.set_xlabel(short(self.text("taken"), 44), fontsize=SMALL)

    def _gain(self, axes: Axes) -> None:
        context: Look = {"color": LIGHT.context, "linewidth": 1}
        axes.plot([0, 1], [0, 1], linestyle=(0, (3, 3)), **context)
        if np.isfinite(self.base):
            axes.plot([0, self.base, 1], [0, 1, 1], linestyle=(0, (1, 2)), **context)
        gain, low, high = np.hstack(
            [np.zeros((3, 1)), estimate_columns(row.gain for row in self.table)]
        )
        depth = [0.0, *(row.depth for row in self.table)]
        axes.fill_between(depth, low, high, color=LIGHT.heat[1])
        axes.plot(depth, gain, color=SERIES[0])
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        marks.grid(axes, "both")
        marks.percent_ticks(axes, "y", self.words)

    def _lift(self, axes: Axes) -> None:
        lifts = [(row.depth, row.lift) for row in self.table if row.depth >= min(_DRAWN)]
        axes.axhline(1, color=LIGHT.context, linewidth=1, linestyle=(0, (3, 3)))
        marks.upright_intervals(axes, lifts, marks.MarkStyle(SERIES[0], size=4.5))
        axes.set_xlim(0, 1.02)
        axes.set_ylim(bottom=0)
        marks.grid(axes, "both")
        marks.value_ticks(axes, "y", self.words)

    def title(self) -> Message:
        row = self.row(_TOLD)
        low, high = row.lift.ends or (1.0, 1.0)
        return caption(
            "gain_and_lift.title",
            depth=row.depth,
            gain=row.gain,
            lift=row.lift,
            more=low > 1,
            fewer=high < 1,
            class_name=self.class_name,
        )

    def alt(self) -> Message:
        depths = [
            caption("gain_and_lift.alt_depth", depth=row.depth, gain=row.gain, lift=row.lift)
            for row in map(self.row, _DRAWN)
        ]
        return caption("gain_and_lift.alt", class_name=self.class_name, depths=depths)
