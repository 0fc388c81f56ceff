"""The mean answer along ordered features over their whole range, with the rows at each value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.metrics.behaviour.behaviour import AnswerPoint
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, in_unit, short, spoken
from deepseek_report.visualizations.drawing.read_results import estimate_columns, grouped, required
from deepseek_report.visualizations.drawing.sheet import Multiples, OnePicture
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Points that the labels of the ends reach beyond their panel, and the columns that each may take:
#: so both stand side by side on a narrow page too.
_LEFT, _RIGHT, _COLUMNS = 22, 14, 14


@dataclass(frozen=True)
class BehaviourPicture(OnePicture):
    """Draws the mean answer over the whole range of ordered features, turns and counts marked.

    most : features drawn: those with turns first, then those along which the answer moves most.
    """

    reveals = "aggregate"
    section = "behaviour"
    modalities = frozenset({"table"})
    needs = frozenset({"measures/behaviour"})

    most: Annotated[int, Field(ge=1, le=12)] = 6

    def picture(self, results: Results) -> Picture:
        curves = required(results, "behaviour", "curves", AnswerPoint)
        view = _View.of(results, curves, self.most)
        return view.multiples.picture("behaviour", title=view.title(), alt=view.alt())


@dataclass(frozen=True)
class _FeatureAnswers:
    """The answers along one feature."""

    curve: Sequence[AnswerPoint]

    @property
    def label(self) -> str:
        return spoken(self.curve[0].label)

    @property
    def turn(self) -> list[AnswerPoint]:
        """What lies within a turn."""
        return [point for point in self.curve if point.turned]

    @property
    def fall(self) -> float:
        """How far the answer moves within the turn; 0 without one."""
        return abs(self.turn[-1].answer.value - self.turn[0].answer.value) if self.turn else 0.0

    @property
    def moved(self) -> float:
        """How far the answer moves at most."""
        return float(np.ptp([point.answer.value for point in self.curve]))


@dataclass(frozen=True)
class _View:
    parts: list[_FeatureAnswers]
    outcome: str
    in_numbers: bool
    words: Wording

    @classmethod
    def of(cls, results: Results, curves: Sequence[AnswerPoint], most: int) -> _View:
        parts = [
            _FeatureAnswers(curve) for curve in grouped(curves, lambda at: at.feature).values()
        ]
        parts.sort(key=lambda part: (-part.fall, -part.moved))
        target = results.schema.target
        in_numbers = not task_of(target).decides
        return cls(parts[:most], short(target.explained_class, 30), in_numbers, words_of(results))

    @property
    def multiples(self) -> Multiples:
        heading = self.words.text(
            "pictures.behaviour.heading", outcome=self.outcome, number=self.in_numbers
        )
        titles = [in_unit(part.label, part.curve[0].unit, self.words) for part in self.parts]
        key = [(self.words.text("pictures.behaviour.turned"), SERIES[1])] if self._turning else []
        return Multiples(titles, self._paint, [0.46] * len(titles), heading, key, foot=0.62)

    @property
    def _turning(self) -> list[_FeatureAnswers]:
        return [part for part in self.parts if part.turn]

    def _paint(self, axes: Axes, place: int) -> None:
        curve = self.parts[place].curve
        at, (low, high) = np.arange(len(curve)), self._span
        rows = np.log1p([point.n for point in curve])
        tall = 0.25 * (high - low) / max(float(rows.max()), 1e-9)
        axes.bar(at, rows * tall, 0.8, low, color=LIGHT.grid)
        answers, *ends = estimate_columns(point.answer for point in curve)
        axes.fill_between(at, *ends, color=LIGHT.heat[1])
        axes.plot(at, answers, color=SERIES[0])
        turned = np.array([point.turned for point in curve])
        if turned.any():
            axes.plot(at[turned], answers[turned], color=SERIES[1], linewidth=2.4)
        axes.set_ylim(low, high)
        axes.set_xlim(-0.6, len(curve) - 0.4)
        axes.set_xticks([])
        for k, side, beyond in ((0, "left", -_LEFT), (len(curve) - 1, "right", _RIGHT)):
            axes.annotate(
                f"{short(curve[k].display, _COLUMNS)}\nn = {self.words.numbers.count(curve[k].n)}",
                (k, 0),
                (beyond, -3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha=side,
                va="top",
                fontsize=SMALL - 1.5,
                color=LIGHT.ink,
            )
        marks.grid(axes, "y")
        (marks.value_ticks if self.in_numbers else marks.percent_ticks)(axes, "y", self.words, 4)

    @property
    def _span(self) -> tuple[float, float]:
        """Common limits, with room for the counts below."""
        ends = estimate_columns(at.answer for part in self.parts for at in part.curve)[1:]
        known = ends[np.isfinite(ends)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        height = (high - low) or 1.0
        return low - 0.3 * height, high + 0.05 * height

    def title(self) -> Message:
        turning = self._turning
        if not turning:
            return caption("behaviour.title_none", n=len(self.parts))
        return caption("behaviour.title", **self._told(turning[0]))

    def _told(self, part: _FeatureAnswers) -> dict[str, object]:
        first, last = part.turn[0], part.turn[-1]
        return {
            "label": part.label,
            "start": spoken(first.display),
            "end": spoken(last.display),
            "before": first.answer.value,
            "after": last.answer.value,
            "is_number": self.in_numbers,
            "outcome": self.outcome,
            "n": sum(point.n for point in part.curve if point.value > first.value),
            "of": sum(point.n for point in part.curve),
        }

    def alt(self) -> Message:
        features = [
            caption(
                "behaviour.alt_feature",
                label=part.label,
                first=part.curve[0].answer.value,
                last=part.curve[-1].answer.value,
                start=spoken(part.curve[0].display),
                end=spoken(part.curve[-1].display),
                is_number=self.in_numbers,
                turned=bool(part.turn),
            )
            for part in self.parts
        ]
        return caption("behaviour.alt", n=len(features), outcome=self.outcome, features=features)
