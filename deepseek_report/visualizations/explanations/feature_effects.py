"""How the output changes along each of the strongest features, on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.metrics.explanations.explanation_rows import FeatureImportance
from deepseek_report.metrics.explanations.feature_effects import (
    CaseEffect,
    DensityBar,
    EffectPoint,
    FeatureEffect,
)
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import (
    attribution,
    caption,
    change,
    in_unit,
    short,
    spoken,
)
from deepseek_report.visualizations.drawing.read_results import (
    estimate_columns,
    grouped,
    leading,
    required,
)
from deepseek_report.visualizations.drawing.sheet import (
    CATEGORIES,
    CATEGORY_LETTERS,
    Multiples,
    quantity_ticks,
)
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case


@dataclass(frozen=True)
class FeatureEffectsPicture(PicturePart):
    """Draws the effect of each of the strongest features, with single cases and the data's density.

    most : features drawn, those with the largest attributions by the leading explainer.
    """

    reveals = "aggregate"
    section = "explanations"
    modalities = frozenset({"table"})
    needs = frozenset({"measures/feature_effects", "conclusions"})
    also = frozenset({"measures/importance"})

    most: Annotated[int, Field(ge=1, le=12)] = 6

    def draw(self, results: Results) -> Sequence[Picture]:
        view = _View.of(results, self.most)
        return [
            view.multiples.picture(
                "feature_effects",
                title=view.title(),
                alt=view.alt(),
                how_to_read=view.how_to_read(),
            )
        ]


@dataclass(frozen=True)
class _EffectPanel:
    """One feature: its curve, the density of the training rows, and curves of single cases."""

    effect: FeatureEffect
    curve: Sequence[EffectPoint]
    density: Sequence[DensityBar]
    lines: Sequence[CaseEffect]

    @property
    def label(self) -> str:
        return spoken(self.effect.label)

    @property
    def partner(self) -> str | None:
        """The feature that it goes with, for which it has accumulated local effects."""
        return spoken(self.effect.partner) if self.effect.partner else None

    @property
    def is_numeric(self) -> bool:
        return self.curve[0].kind == "numeric"

    @property
    def extremes(self) -> list[float]:
        """What its panel must hold."""
        ends = estimate_columns(point.effect for point in self.curve).ravel()
        single = (point.effect for point in self.lines)
        return [value for value in (*ends, *single) if np.isfinite(value)]

    @property
    def least(self) -> EffectPoint:
        return min(self.curve, key=lambda point: point.effect.value)

    @property
    def most(self) -> EffectPoint:
        return max(self.curve, key=lambda point: point.effect.value)

    @property
    def moves(self) -> bool:
        """Whether the intervals of its least and its greatest effect lie apart."""
        high, low = self.least.effect.high, self.most.effect.low
        return high is not None and low is not None and high < low

    @property
    def spread(self) -> float:
        return self.most.effect.value - self.least.effect.value

    def ends(self, space: OutputSpace) -> dict[str, object]:
        """What the values with the least and the greatest effect are, and what they do."""
        values: dict[str, object] = {"feature": self.label}
        for name, point in (("least", self.least), ("most", self.most)):
            values |= {
                name: attribution(point.effect.value, space),
                f"{name}_low": attribution(point.effect.low, space),
                f"{name}_high": attribution(point.effect.high, space),
                f"{name}_at": spoken(point.display),
            }
        return values


@dataclass(frozen=True)
class _View:
    """The features in the order of their importance, and the unit of their effects."""

    parts: list[_EffectPanel]
    space: OutputSpace
    class_name: str
    change: Message
    words: Wording

    @classmethod
    def of(cls, results: Results, most: int) -> _View:
        effects = {
            effect.feature: effect
            for effect in required(results, "feature_effects", "effects", FeatureEffect)
        }
        curves = grouped(results.rows("feature_effects", "curves", EffectPoint), _feature)
        density = grouped(results.rows("feature_effects", "density", DensityBar), _feature)
        lines = grouped(results.rows("feature_effects", "lines", CaseEffect), _feature)
        target = results.schema.target
        space: OutputSpace = "probability" if task_of(target).decides else "value"
        parts = [
            _EffectPanel(effects[name], curves[name], density.get(name, []), lines.get(name, []))
            for name in _important(results, list(effects))[:most]
        ]
        name = short(target.explained_class, 30)
        return cls(parts, space, name, change(space, name, target.unit), words_of(results))

    @property
    def multiples(self) -> Multiples:
        heading = sentence_case(self.words.say(self.change))
        lefts = [0.42 if part.is_numeric else CATEGORIES for part in self.parts]
        return Multiples([self._heading(part) for part in self.parts], self._paint, lefts, heading)

    def _heading(self, part: _EffectPanel) -> str:
        unit = part.curve[0].unit or None
        name = "pdp" if part.partner is None else "ale"
        label = in_unit(part.label, unit, self.words)
        return self.words.text(f"pictures.feature_effects.{name}", label=label)

    def _paint(self, axes: Axes, place: int) -> None:
        part = self.parts[place]
        (self._number if part.is_numeric else self._categories)(axes, part)

    def _number(self, axes: Axes, part: _EffectPanel) -> None:
        low, high = self._span
        bars = ((bar.start, bar.end, bar.share) for bar in part.density)
        marks.density(axes, bars, low, 0.22 * (high - low))
        axes.axhline(0, color=LIGHT.context, linewidth=0.8)
        for line in _single(part):
            values, effects = [at.value for at in line], [at.effect for at in line]
            axes.plot(values, effects, color=LIGHT.context, lw=0.5, alpha=0.6)
        values = [point.value for point in part.curve]
        effect, least, most = estimate_columns(point.effect for point in part.curve)
        axes.fill_between(values, least, most, color=LIGHT.heat[1])
        axes.plot(values, effect, color=SERIES[0])
        axes.set_ylim(low, high)
        marks.grid(axes, "y")
        self._ticks(axes, "y")
        quantity_ticks(axes, None, self.words)

    def _categories(self, axes: Axes, part: _EffectPanel) -> None:
        curve, places = part.curve, np.arange(len(part.curve))
        low, high = self._span
        shares = np.array([point.share for point in curve])
        tall = 0.3 * (high - low) / max(float(shares.max()), 1e-9)
        axes.barh(places, shares * tall, left=low, height=0.8, color=LIGHT.grid)
        axes.axvline(0, color=LIGHT.context, linewidth=0.8)
        for line in _single(part):
            rows = np.searchsorted([point.value for point in curve], [at.value for at in line])
            axes.plot([at.effect for at in line], rows, color=LIGHT.context, lw=0.5, alpha=0.6)
        effects = enumerate(point.effect for point in curve)
        marks.intervals(axes, effects, marks.MarkStyle(SERIES[0], size=4.5))
        labels = [short(point.display, CATEGORY_LETTERS) for point in curve]
        marks.category_rows(axes, labels)
        axes.set_xlim(low, high)
        marks.grid(axes, "x")
        self._ticks(axes, "x")

    @property
    def _span(self) -> tuple[float, float]:
        """Common limits of all panels, with a margin, and room for the density below."""
        extremes = [value for part in self.parts for value in part.extremes] or [0.0]
        low, high = min(*extremes, 0.0), max(*extremes, 0.0)
        height = (high - low) or 1.0
        return low - 0.15 * height, high + 0.05 * height

    def _ticks(self, axes: Axes, along: Literal["x", "y"]) -> None:
        write = marks.point_ticks if self.space == "probability" else marks.value_ticks
        write(axes, along, self.words, 4)

    def title(self) -> Message:
        moving = [part for part in self.parts if part.moves]
        if not moving:
            return caption("feature_effects.title_none", n=len(self.parts))
        return caption(
            "feature_effects.title",
            **max(moving, key=lambda part: part.spread).ends(self.space),
            space=self.space,
            class_name=self.class_name,
        )

    def alt(self) -> Message:
        features = [
            caption(
                "feature_effects.alt_feature",
                **part.ends(self.space),
                partner=part.partner,
                correlation=part.effect.correlation,
            )
            for part in self.parts
        ]
        n = len(self.parts)
        return caption("feature_effects.alt", n=n, change=self.change, features=features)

    def how_to_read(self) -> Message:
        """Which of the two is shown, and why, with the features that go together most."""
        pairs = [part for part in self.parts if part.partner is not None]
        pair = max(pairs, key=lambda part: abs(part.effect.correlation), default=None)
        return caption(
            "feature_effects.how_to_read",
            pdp=len(pairs) < len(self.parts),
            ale=pair is not None,
            feature=pair and pair.label,
            partner=pair and pair.partner,
            correlation=pair and pair.effect.correlation,
        )


def _feature(row: EffectPoint | DensityBar | CaseEffect) -> str:
    return row.feature


def _single(part: _EffectPanel) -> list[list[CaseEffect]]:
    """The curves of single cases, where the run tells of them."""
    lines = grouped(part.lines, lambda point: point.line)
    return [lines[number] for number in sorted(lines)]


def _important(results: Results, features: list[str]) -> list[str]:
    """The features by falling share in the attributions of the leading explainer."""
    table = results.rows("importance", "importance", FeatureImportance)
    if not table:
        return features
    own = leading(results)
    shares = {row.feature: row.share for row in table if row.explainer == own}
    return sorted(features, key=lambda name: -shares.get(name, 0.0))
