"""What one method gives to each value of the strongest features, case by case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.explanation import Explanation, OutputSpace
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.visualizations.drawing.labels import (
    attribution,
    caption,
    change,
    in_unit,
    short,
    spoken,
)
from deepseek_report.visualizations.drawing.marks import (
    category_rows,
    dots,
    grid,
    point_ticks,
    value_ticks,
)
from deepseek_report.visualizations.drawing.read_results import leading, named_or
from deepseek_report.visualizations.drawing.sheet import (
    CATEGORIES,
    CATEGORY_LETTERS,
    Multiples,
    quantity_ticks,
)
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case

#: Categories drawn of one feature, the most frequent ones.
_CATEGORIES = 8


@dataclass(frozen=True)
class AttributionByValuePicture(PicturePart):
    """Draws the attribution of each case against the value of the feature, a panel a feature.

    explainer : whose attributions; empty takes the one that does best in the tests.
    most : features drawn. instances : cases drawn, evenly spaced among the explained ones.
    """

    reveals = "rows"
    section = "explanations"
    modalities = frozenset({"table"})
    needs = frozenset({"explanations", "conclusions"})

    explainer: str = ""
    most: Annotated[int, Field(ge=1, le=12)] = 6
    instances: Annotated[int, Field(ge=10, le=1000)] = 200

    def draw(self, results: Results) -> Sequence[Picture]:
        name = named_or(results, self.explainer, leading)
        view = _View.of(results, name, self.most, self.instances)
        return [view.multiples.picture("attribution_by_value", title=view.title(), alt=view.alt())]


@dataclass(frozen=True)
class _Panel:
    """One feature: values and attributions of the explained cases in which it is known."""

    feature: Feature
    values: Floats
    attributions: Floats

    @classmethod
    def of(cls, feature: Feature, values: Floats, attributions: Floats) -> _Panel:
        known = np.isfinite(values)
        return cls(feature, values[known], attributions[known])

    def ends(self, space: OutputSpace) -> dict[str, object]:
        """The least and the greatest attribution, and the values that have them."""
        places = {"least": self.attributions.argmin(), "most": self.attributions.argmax()}
        values: dict[str, object] = {"feature": spoken(self.feature.label)}
        for name, place in places.items():
            values[name] = attribution(self.attributions[place], space)
            values[f"{name}_at"] = spoken(self.feature.display(float(self.values[place])))
        return values

    @property
    def levels(self) -> Floats:
        """The categories that are drawn, in their order."""
        levels, counts = np.unique(self.values, return_counts=True)
        return np.sort(levels[np.argsort(-counts, kind="stable")[:_CATEGORIES]])


@dataclass(frozen=True)
class _View:
    """The features by falling mean size of their attributions."""

    panels: list[_Panel]
    explainer: str
    class_name: str
    space: OutputSpace
    across: Message
    words: Wording
    n: int

    @classmethod
    def of(cls, results: Results, name: str, most: int, instances: int) -> _View:
        explanation, schema = results.explanations[name], results.schema
        few = min(instances, len(explanation))
        cases = np.linspace(0, len(explanation) - 1, few).round().astype(np.int64)
        class_name = short(schema.target.classes[explanation.target], 30)
        return cls(
            _panels(explanation, schema, most, cases),
            name,
            class_name,
            explanation.output_space,
            change(explanation.output_space, class_name, schema.target.unit),
            words_of(results),
            few,
        )

    @property
    def multiples(self) -> Multiples:
        heading = sentence_case(self.words.say(self.across))
        titles = [
            in_unit(spoken(panel.feature.label), panel.feature.unit, self.words)
            for panel in self.panels
        ]
        lefts = [0.56 if panel.feature.is_numeric else CATEGORIES for panel in self.panels]
        return Multiples(titles, self._paint, lefts, heading)

    def _paint(self, axes: Axes, place: int) -> None:
        panel = self.panels[place]
        (self._number if panel.feature.is_numeric else self._categories)(axes, panel)

    def _number(self, axes: Axes, panel: _Panel) -> None:
        axes.axhline(0, color=LIGHT.context, linewidth=0.8)
        dots(axes, panel.values, panel.attributions, SERIES[0], 3.0)
        low, high = (float(end) for end in (panel.values.min(), panel.values.max()))
        margin = 0.04 * ((high - low) or 1.0)
        axes.set_xlim(low - margin, high + margin)
        axes.set_ylim(*self._span)
        grid(axes, "y")
        self._ticks(axes, "y")
        quantity_ticks(axes, None, self.words)

    def _categories(self, axes: Axes, panel: _Panel) -> None:
        levels = panel.levels
        axes.axvline(0, color=LIGHT.context, linewidth=0.8)
        for row, level in enumerate(levels):
            own = np.sort(panel.attributions[panel.values == level])
            dots(axes, own, row + 0.3 * np.sin(2.4 * np.arange(len(own))), SERIES[0], 3.0)
        labels = [short(panel.feature.display(float(level)), CATEGORY_LETTERS) for level in levels]
        category_rows(axes, labels)
        axes.set_xlim(*self._span)
        grid(axes, "x")
        self._ticks(axes, "x")

    @property
    def _span(self) -> tuple[float, float]:
        every = np.concatenate([panel.attributions for panel in self.panels] or [np.zeros(1)])
        low, high = min(float(every.min()), 0.0), max(float(every.max()), 0.0)
        margin = 0.06 * ((high - low) or 1.0)
        return low - margin, high + margin

    def _ticks(self, axes: Axes, along: Literal["x", "y"]) -> None:
        write = point_ticks if self.space == "probability" else value_ticks
        write(axes, along, self.words, 4)

    def title(self) -> Message:
        ends = self.panels[0].ends(self.space)
        return caption("attribution_by_value.title", explainer=self.explainer, **ends)

    def alt(self) -> Message:
        features = [
            caption("attribution_by_value.alt_feature", **panel.ends(self.space))
            for panel in self.panels
        ]
        values = {"explainer": self.explainer, "n": self.n, "change": self.across}
        return caption("attribution_by_value.alt", **values, features=features)


def _panels(explanation: Explanation, schema: Schema, most: int, cases: Ints) -> list[_Panel]:
    order = np.argsort(-np.abs(explanation.values).mean(axis=0), kind="stable")[:most]
    panels = [
        _Panel.of(
            schema.feature(explanation.feature_names[column]),
            explanation.inputs[cases, column],
            explanation.values[cases, column],
        )
        for column in order
    ]
    return [panel for panel in panels if len(panel.values)]
