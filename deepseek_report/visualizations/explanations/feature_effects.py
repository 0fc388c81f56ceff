"""How the output changes along each of the strongest features, on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
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
from deepseek_report.visualizations.drawing.read_results import leading, required
from deepseek_report.visualizations.drawing.sheet import (
    CATEGORIES,
    CATEGORY_LETTERS,
    Multiples,
    quantity_ticks,
)
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL, Axes
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

    curve: pd.DataFrame
    effect: pd.Series[Any]
    density: pd.DataFrame | None
    lines: pd.DataFrame | None

    @property
    def label(self) -> str:
        return spoken(self.effect["label"])

    @property
    def partner(self) -> str | None:
        """The feature that it goes with, for which it has accumulated local effects."""
        return spoken(self.effect["partner"]) if self.effect["partner"] else None

    @property
    def is_numeric(self) -> bool:
        return bool(self.curve["kind"].iloc[0] == "numeric")

    @property
    def extremes(self) -> list[float]:
        """What its panel must hold."""
        ends = self.curve[["effect", "low", "high"]].to_numpy(float).ravel()
        single = [] if self.lines is None else self.lines["effect"].to_numpy(float)
        return [value for value in (*ends, *single) if np.isfinite(value)]

    @property
    def least(self) -> pd.Series[Any]:
        return self.curve.loc[self.curve["effect"].idxmin()]

    @property
    def most(self) -> pd.Series[Any]:
        return self.curve.loc[self.curve["effect"].idxmax()]

    @property
    def moves(self) -> bool:
        """Whether the intervals of its least and its greatest effect lie apart."""
        return bool(self.least["high"] < self.most["low"])

    @property
    def spread(self) -> float:
        return float(self.most["effect"] - self.least["effect"])

    def ends(self, space: OutputSpace) -> dict[str, Any]:
        """What the values with the least and the greatest effect are, and what they do."""
        values: dict[str, Any] = {"feature": self.label}
        for name, row in (("least", self.least), ("most", self.most)):
            values |= {
                name: attribution(row["effect"], space),
                f"{name}_low": attribution(row["low"], space),
                f"{name}_high": attribution(row["high"], space),
                f"{name}_at": spoken(row["display"]),
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
        effects = required(results, "feature_effects", "effects")
        tables = {
            name: results.table("feature_effects", name) for name in ("curves", "density", "lines")
        }
        target = results.schema.target
        space: OutputSpace = "probability" if task_of(target).decides else "value"
        order = _important(results, effects["feature"].tolist())[:most]
        parts = [
            _EffectPanel(
                _of_feature(tables["curves"], name).reset_index(drop=True),
                effects[effects["feature"] == name].iloc[0],
                _of_feature(tables["density"], name),
                _of_feature(tables["lines"], name),
            )
            for name in order
        ]
        name = short(target.explained_class, 30)
        return cls(parts, space, name, change(space, name, target.unit), words_of(results))

    @property
    def multiples(self) -> Multiples:
        heading = sentence_case(self.words.say(self.change))
        lefts = [0.42 if part.is_numeric else CATEGORIES for part in self.parts]
        return Multiples([self._heading(part) for part in self.parts], self._paint, lefts, heading)

    def _heading(self, part: _EffectPanel) -> str:
        unit = str(part.curve["unit"].iloc[0]) or None
        name = "pdp" if part.partner is None else "ale"
        label = in_unit(part.label, unit, self.words)
        return self.words.text(f"pictures.feature_effects.{name}", label=label)

    def _paint(self, axes: Axes, place: int) -> None:
        part = self.parts[place]
        (self._number if part.is_numeric else self._categories)(axes, part)

    def _number(self, axes: Axes, part: _EffectPanel) -> None:
        low, high = self._span
        curve = part.curve
        if part.density is not None and len(part.density):
            tall = 0.22 * (high - low) / max(float(part.density["share"].max()), 1e-9)
            width = (part.density["to"] - part.density["from"]) * 0.96
            heights, begin = part.density["share"] * tall, part.density["from"]
            axes.bar(begin, heights, width, low, align="edge", color=LIGHT.grid)
        axes.axhline(0, color=LIGHT.context, linewidth=0.8)
        for _, line in _single(part):
            axes.plot(line["value"], line["effect"], color=LIGHT.context, lw=0.5, alpha=0.6)
        axes.fill_between(curve["value"], curve["low"], curve["high"], color=LIGHT.heat[1])
        axes.plot(curve["value"], curve["effect"], color=SERIES[0])
        axes.set_ylim(low, high)
        marks.grid(axes, "y")
        self._ticks(axes, "y")
        quantity_ticks(axes, None, self.words)

    def _categories(self, axes: Axes, part: _EffectPanel) -> None:
        curve, places = part.curve, np.arange(len(part.curve))
        low, high = self._span
        tall = 0.3 * (high - low) / max(float(curve["share"].max()), 1e-9)
        axes.barh(places, curve["share"] * tall, left=low, height=0.8, color=LIGHT.grid)
        axes.axvline(0, color=LIGHT.context, linewidth=0.8)
        for _, line in _single(part):
            rows = np.searchsorted(curve["value"], line["value"])
            axes.plot(line["effect"], rows, color=LIGHT.context, lw=0.5, alpha=0.6)
        ends = curve["low"], curve["high"]
        marks.intervals(axes, places, curve["effect"], ends, marks.MarkStyle(SERIES[0], size=4.5))
        labels = [short(text, CATEGORY_LETTERS) for text in curve["display"]]
        axes.set_yticks(places, labels, color=LIGHT.ink, fontsize=SMALL - 1.5)
        axes.set_ylim(len(curve) - 0.4, -0.6)
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

    def _ticks(self, axes: Axes, along: Any) -> None:
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
                correlation=float(part.effect["correlation"]),
            )
            for part in self.parts
        ]
        n = len(self.parts)
        return caption("feature_effects.alt", n=n, change=self.change, features=features)

    def how_to_read(self) -> Message:
        """Which of the two is shown, and why, with the features that go together most."""
        pairs = [part for part in self.parts if part.partner is not None]
        pair = max(pairs, key=lambda part: abs(part.effect["correlation"]), default=None)
        return caption(
            "feature_effects.how_to_read",
            pdp=len(pairs) < len(self.parts),
            ale=pair is not None,
            feature=pair and pair.label,
            partner=pair and pair.partner,
            correlation=pair and float(pair.effect["correlation"]),
        )


def _single(part: _EffectPanel) -> Any:
    """(number, curve) of single cases, where the run tells of them."""
    return [] if part.lines is None else part.lines.groupby("line", sort=True)


def _of_feature(table: pd.DataFrame | None, name: str) -> Any:
    return None if table is None else table[table["feature"] == name]


def _important(results: Results, features: list[str]) -> list[str]:
    """The features by falling share in the attributions of the leading explainer."""
    table = results.table("importance", "importance")
    if table is None:
        return features
    own = table[table["explainer"] == leading(results)]
    shares = dict(zip(own["feature"], own["share"], strict=True))
    return sorted(features, key=lambda name: -shares.get(name, 0.0))
