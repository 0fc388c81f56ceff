"""How the output changes along the features, one by one and in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Target
from deepseek_report.metrics.explanations.explanation_rows import FeatureImportance
from deepseek_report.metrics.explanations.feature_effects import (
    CaseEffect,
    DensityBar,
    EffectPoint,
    FeatureEffect,
)
from deepseek_report.metrics.explanations.interactions import EffectBeside, FeaturePair
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import (
    attribution,
    caption,
    change,
    in_unit,
    short,
    spoken,
    wrapped,
)
from deepseek_report.visualizations.drawing.read_results import (
    estimate_columns,
    grouped,
    leading,
    required,
)
from deepseek_report.visualizations.drawing.sheet import Multiples, OnePicture, Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, MARKERS, SERIES, SMALL, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case

# --- How the output changes along each of the strongest features, on one scale --------------------


@dataclass(frozen=True)
class FeatureEffectsPicture(OnePicture):
    """Draws the effect of each of the strongest features, with single cases and the data's density.

    most : features drawn, those with the largest attributions by the leading explainer.
    """

    reveals = "aggregate"
    section = "explanations"
    modalities = frozenset({"table"})
    needs = frozenset({"measures/feature_effects", "conclusions"})
    also = frozenset({"measures/importance"})

    most: Annotated[int, Field(ge=1, le=12)] = 6

    def picture(self, results: Results) -> Picture:
        view = _View.of(results, self.most)
        return view.multiples.picture(
            "feature_effects", title=view.title(), alt=view.alt(), how_to_read=view.how_to_read()
        )


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
        curves = grouped(
            results.rows("feature_effects", "curves", EffectPoint), lambda row: row.feature
        )
        density = grouped(
            results.rows("feature_effects", "density", DensityBar), lambda row: row.feature
        )
        lines = grouped(
            results.rows("feature_effects", "lines", CaseEffect), lambda row: row.feature
        )
        table = results.rows("importance", "importance", FeatureImportance)
        leader = leading(results) if table else ""
        shares = {row.feature: row.share for row in table if row.explainer == leader}
        target = results.schema.target
        space: OutputSpace = "probability" if task_of(target).decides else "value"
        parts = [
            _EffectPanel(effects[name], curves[name], density.get(name, []), lines.get(name, []))
            for name in sorted(effects, key=lambda name: -shares.get(name, 0.0))[:most]
        ]
        name = short(target.explained_class, 30)
        return cls(parts, space, name, change(space, name, target.unit), words_of(results))

    @property
    def multiples(self) -> Multiples:
        heading = sentence_case(self.words.say(self.change))
        lefts = [0.42 if part.is_numeric else Multiples.CATEGORIES for part in self.parts]
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
        marks.effect_ticks(axes, "y", self.space, self.words, 4)
        marks.quantity_ticks(axes, None, self.words)

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
        labels = [short(point.display, Multiples.CATEGORY_LETTERS) for point in curve]
        marks.category_rows(axes, labels)
        axes.set_xlim(low, high)
        marks.grid(axes, "x")
        marks.effect_ticks(axes, "x", self.space, self.words, 4)

    @property
    def _span(self) -> tuple[float, float]:
        """Common limits of all panels, with a margin, and room for the density below."""
        extremes = [value for part in self.parts for value in part.extremes] or [0.0]
        low, high = min(*extremes, 0.0), max(*extremes, 0.0)
        height = (high - low) or 1.0
        return low - 0.15 * height, high + 0.05 * height

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


def _single(part: _EffectPanel) -> list[list[CaseEffect]]:
    """The curves of single cases, where the run tells of them."""
    lines = grouped(part.lines, lambda point: point.line)
    return [lines[number] for number in sorted(lines)]


# --- Which pairs of features act together, and how the effect of one depends on the other ---------

_ROW, _FOOT, _HEAD, _EFFECT = 0.3, 0.55, 0.45, 1.7


@dataclass(frozen=True)
class InteractionsPicture(OnePicture):
    """Draws how strongly pairs of features act together, beside what would not count.

    Where a pair does, also the mean output by the values of one feature for some of the other.
    """

    reveals = "aggregate"
    section = "explanations"
    modalities = frozenset({"table"})
    needs = frozenset({"measures/interactions"})

    def picture(self, results: Results) -> Picture:
        pairs = required(results, "interactions", "pairs", FeaturePair)
        effects = results.rows("interactions", "effects", EffectBeside)
        view = _PairsView(pairs, effects, results.schema.target, words_of(results))
        return on_sheets(
            "interactions",
            view.height,
            view.paint,
            title=_title(pairs),
            alt=_alt(pairs, effects),
            how_to_read=caption(
                "interactions.how_to_read", space=pairs[0].space, has_effect=bool(effects)
            ),
        )


@dataclass(frozen=True)
class _PairsView:
    """The strongest pairs, and the effect of one feature at values of the other if there is one."""

    pairs: Sequence[FeaturePair]
    effects: Sequence[EffectBeside]
    target: Target
    words: Wording

    @property
    def _top(self) -> float:
        """Inches of the part with the pairs."""
        return _FOOT + _ROW * len(self.pairs) + 0.15

    @property
    def height(self) -> float:
        return self._top + (_HEAD + _EFFECT + _FOOT if self.effects else 0.0)

    def paint(self, sheet: Sheet) -> None:
        self._paint_pairs(sheet, self.height - self._top)
        if self.effects:
            self._paint_effect(sheet)

    def _paint_pairs(self, sheet: Sheet, below: float) -> None:
        names = [f"{short(pair.label_a, 22)} × {short(pair.label_b, 22)}" for pair in self.pairs]
        labels, left = sheet.row_labels(names, 52, 3.6)
        axes = sheet.axes(left, below + _FOOT, 0.2, 0.15)
        marks.rows(axes, labels)
        for called in (True, False):
            own = [(at, p.share) for at, p in enumerate(self.pairs) if p.interacts == called]
            look = marks.MarkStyle(SERIES[0] if called else LIGHT.context, hollow=not called)
            marks.intervals(axes, own, look)
        control = marks.MarkStyle(SERIES[1], marker="|", size=11)
        controls = [Estimate(pair.control) for pair in self.pairs]
        marks.intervals(axes, enumerate(controls), control)
        shares = [pair.share for pair in self.pairs]
        furthest = float(np.nanmax(estimate_columns([*shares, *controls])[[0, 2]]))
        axes.set_xlim(0, 1.08 * furthest)
        marks.grid(axes, "x")
        marks.percent_ticks(axes, "x", self.words)
        axes.set_xlabel(self.words.text("pictures.interactions.axis"))

    def _paint_effect(self, sheet: Sheet) -> None:
        first = self.effects[0]
        axes = sheet.axes(0.75, _FOOT, 1.7, sheet.height - _FOOT - _EFFECT)
        ends = []
        for number, (level, line) in enumerate(
            grouped(self.effects, lambda effect: effect.by_display).items()
        ):
            places = [at.value if at.is_numeric else float(n) for n, at in enumerate(line)]
            outputs = [at.output for at in line]
            tone = SERIES[number % len(SERIES)]
            style = "-" if first.is_numeric else "none"
            marker = MARKERS[number % len(MARKERS)]
            axes.plot(places, outputs, color=tone, linestyle=style, marker=marker, ms=3.5)
            ends.append(marks.EndLabel(max(places), outputs[-1], short(level, 18), tone))
            if not first.is_numeric:
                names = [short(at.display, 14) for at in line]
                axes.set_xticks(places, names, fontsize=SMALL - 1)
        marks.grid(axes, "y")
        marks.value_ticks(axes, "y", self.words, 4)
        if first.is_numeric:
            marks.value_ticks(axes, "x", self.words, 5)
        unit, label = short(first.unit, 20), short(first.label, 60)
        about = caption("common.in_unit", text=label, unit=unit) if first.unit else label
        axes.set_xlabel(sentence_case(self.words.say(about)))
        heading = caption("interactions.by", by=spoken(first.by_label), output=self._output())
        title = sentence_case(self.words.say(heading))
        axes.set_title(wrapped(title, 50) if sheet.is_narrow else short(title, 90), fontsize=9)
        marks.end_labels(axes, ends)

    def _output(self) -> Message:
        return caption(
            "interactions.output",
            space=self.pairs[0].space,
            class_name=spoken(self.target.explained_class),
            unit=short(self.target.unit, 20) if self.target.unit else "",
        )


def _title(pairs: Sequence[FeaturePair]) -> Message:
    """What the metric's verdict on the strongest pair is."""
    called = [pair for pair in pairs if pair.interacts]
    pair = (called or pairs)[0]
    return caption(
        "interactions.title" if called else "interactions.title_none",
        first=spoken(pair.label_a),
        second=spoken(pair.label_b),
        share=pair.share,
        looked_at=pair.looked_at,
    )


def _alt(pairs: Sequence[FeaturePair], effects: Sequence[EffectBeside]) -> Message:
    listed = [
        caption(
            "interactions.alt_pair",
            first=spoken(pair.label_a),
            second=spoken(pair.label_b),
            share=pair.share,
            control=pair.control,
            interacts=pair.interacts,
        )
        for pair in pairs
    ]
    lines = [
        _alt_line(level, line)
        for level, line in grouped(effects, lambda effect: effect.by_display).items()
    ]
    return caption("interactions.alt", n=len(listed), pairs=listed, lines=lines)


def _alt_line(level: str, line: Sequence[EffectBeside]) -> Message:
    """From where to where the output goes along the first feature, for a value of the other."""
    start, end = line[0], line[-1]
    return caption(
        "interactions.alt_line",
        by=spoken(start.by_label),
        level=spoken(level),
        feature=spoken(start.label),
        start=start.output,
        end=end.output,
        start_at=spoken(start.display),
        end_at=spoken(end.display),
    )
