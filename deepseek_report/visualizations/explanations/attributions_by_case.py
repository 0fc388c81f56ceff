"""The attributions of single cases, by the values of the features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.explanation import Explanation, OutputSpace
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.visualizations.drawing import marks, twin
from deepseek_report.visualizations.drawing.labels import (
    attribution,
    caption,
    change,
    in_unit,
    short,
    spaced,
    spoken,
)
from deepseek_report.visualizations.drawing.read_results import leading, named_or
from deepseek_report.visualizations.drawing.sheet import Multiples, OnePicture, Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, VALUE, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case

# --- How the attribution of a feature depends on its value, case by case --------------------------

_TWIN_POINTS = 1500
#: By level; the last one, -1, is for values without order.
_TONES = (*VALUE, LIGHT.context)


@dataclass(frozen=True)
class BeeswarmPicture(PicturePart):
    """Draws one dot a case and feature: its attribution, coloured by the feature's value.

    explainer : whose attributions; empty takes the one that does best in the tests.
    most : features shown. instances : cases shown, evenly spaced among the explained ones.
    """

    reveals = "rows"
    section = "explanations"
    needs = frozenset({"explanations", "conclusions"})

    modalities = frozenset({"table"})

    explainer: str = ""
    most: Annotated[int, Field(ge=1, le=20)] = 12
    instances: Annotated[int, Field(ge=10, le=400)] = 200

    def draw(self, results: Results) -> Sequence[Picture]:
        name = named_or(results, self.explainer, leading)
        explanation = results.explanations[name]
        pictures = [self._picture(results, explanation, name, "beeswarm")]
        targets = [] if explanation.others is None else explanation.others.targets.tolist()
        for target in targets:
            toward = explanation.toward(target)
            if toward is not None:
                picture = f"beeswarm_class_{target}"
                pictures.append(self._picture(results, toward, name, picture))
        return pictures

    def _picture(
        self, results: Results, explanation: Explanation, name: str, picture: str
    ) -> Picture:
        """The picture of the attributions to one class."""
        view = _view(explanation, results.schema, self.most, self.instances)
        words = words_of(results)
        return on_sheets(
            picture,
            Sheet.heights(len(view.features), row=0.31),
            lambda sheet: _paint(sheet, view, words),
            title=caption(
                "beeswarm.title",
                explainer=name,
                feature=spoken(view.features[0].label),
                direction=_direction(view.tendency[0]),
                class_name=view.class_name,
            ),
            alt=_alt(view, name),
            how_to_read=caption("beeswarm.how_to_read", class_name=view.class_name),
            interactive=_twin(view, words),
        )


@dataclass(frozen=True)
class _View:
    """The attributions shown, features by falling mean size; `levels` colour the values."""

    features: list[Feature]
    values: Floats
    inputs: Floats
    levels: Ints
    tendency: list[float]
    class_name: str
    space: OutputSpace
    unit: str | None

    @property
    def across(self) -> Message:
        return change(self.space, self.class_name, self.unit)


def _view(explanation: Explanation, schema: Schema, most: int, instances: int) -> _View:
    size = np.abs(explanation.values).mean(axis=0)
    order = np.argsort(-size, kind="stable")[:most]
    cases = spaced(len(explanation), instances)
    inputs, values = explanation.inputs[:, order], explanation.values[:, order]
    features = [schema.feature(explanation.feature_names[index]) for index in order]
    levels = np.column_stack([_levels(f, c) for f, c in zip(features, inputs.T, strict=True)])
    return _View(
        features=features,
        values=values[cases],
        inputs=inputs[cases],
        levels=levels[cases],
        tendency=[_tendency(*pair) for pair in zip(levels.T, values.T, strict=True)],
        class_name=short(schema.target.classes[explanation.target], 30),
        space=explanation.output_space,
        unit=schema.target.unit,
    )


def _levels(feature: Feature, column: Floats) -> Ints:
    """0 to 4 by the rank of the value among the explained cases; -1 without order or missing."""
    if feature.kind == "categorical":
        return np.full(len(column), -1)
    present = np.isfinite(column)
    distinct, place = np.unique(column[present], return_inverse=True)
    counts = np.bincount(place, minlength=len(distinct))
    middle = (np.cumsum(counts) - counts / 2) / max(int(counts.sum()), 1)
    levels = np.full(len(column), -1)
    levels[present] = np.minimum((middle[place] * len(VALUE)).astype(int), len(VALUE) - 1)
    return levels


def _tendency(levels: Ints, values: Floats) -> float:
    """Correlation of value rank and attribution: +1 high values raise, -1 they lower."""
    ranked = levels >= 0
    if ranked.sum() < 3 or np.ptp(levels[ranked]) == 0 or np.ptp(values[ranked]) == 0:
        return 0.0
    return float(np.corrcoef(levels[ranked], values[ranked])[0, 1])


def _paint(sheet: Sheet, view: _View, words: Wording) -> None:
    labels, left = sheet.row_labels([feature.label for feature in view.features], 34, 2.9)
    across, foot = sheet.below(words.say(view.across), left)
    axes = sheet.axes(left, foot, 0.1, 0.4)
    marks.rows(axes, labels)
    most = float(np.nanmax(np.abs(view.values))) * 1.05 or 1.0
    axes.set_xlim(
        min(view.values.min() * 1.08, -0.15 * most), max(view.values.max() * 1.08, 0.15 * most)
    )
    marks.grid(axes, "x")
    axes.axvline(0, color=LIGHT.context, linewidth=1)
    heights = np.column_stack([_swarm(column, axes.get_xlim()) for column in view.values.T])
    heights += np.arange(len(view.features))
    for level, colour in enumerate((LIGHT.context, *VALUE), start=-1):
        chosen_dots = view.levels == level
        marks.dots(axes, view.values[chosen_dots], heights[chosen_dots], colour)
    marks.effect_ticks(axes, "x", view.space, words)
    axes.set_xlabel(across)
    _scale(axes, words)


def _swarm(values: Floats, limits: tuple[float, float]) -> Floats:
    """Offsets that keep neighbours apart: those of one narrow bin are stacked around the row."""
    bins = ((values - limits[0]) / (limits[1] - limits[0]) * 90).astype(int)
    offsets = np.zeros(len(values))
    for position in np.unique(bins):
        inside = np.flatnonzero(bins == position)
        rank = np.arange(len(inside))
        step = min(0.1, 0.76 / len(inside))
        offsets[inside] = np.where(rank % 2, 1, -1) * ((rank + 1) // 2) * step
    return offsets


def _scale(axes: Axes, words: Wording) -> None:
    """The key of the colours, above the axes: low ●●●●● high."""
    above = {"xycoords": "axes fraction", "va": "center"}
    marks.note(axes, words.text("pictures.beeswarm.low"), (1, 1), (-94, 10), ha="right", **above)
    marks.note(axes, words.text("pictures.beeswarm.high"), (1, 1), (-40, 10), ha="left", **above)
    for step, colour in enumerate(VALUE):
        marks.note(axes, "●", (1, 1), (-86 + 10 * step, 10), ha="center", color=colour, **above)


def _direction(tendency: float) -> str:
    """Which values raise the output: `high`, `low`, or `none` of these by themselves."""
    return "high" if tendency > 0.3 else "low" if tendency < -0.3 else "none"


def _alt(view: _View, name: str) -> Message:
    features = [
        caption(
            "beeswarm.alt_feature",
            feature=spoken(feature.label),
            least=attribution(column.min(), view.space),
            most=attribution(column.max(), view.space),
            direction=_direction(tendency),
        )
        for feature, column, tendency in zip(
            view.features[:5], view.values.T, view.tendency, strict=False
        )
    ]
    return caption(
        "beeswarm.alt", explainer=name, n=len(view.values), change=view.across, features=features
    )


def _twin(view: _View, words: Wording) -> dict[str, object]:
    cases = spaced(len(view.values), _TWIN_POINTS // len(view.features))
    limits = (float(view.values.min()), float(view.values.max()) + 1e-12)
    scale = 100 if view.space == "probability" else 1
    traces = []
    for row in range(len(view.features)):
        x = view.values[cases, row]
        tones = [_TONES[level] for level in view.levels[cases, row]]
        look = {"color": tones, "size": 6, "opacity": 0.8}
        heights, hover = row + _swarm(x, limits), _hover(view, row, cases, words)
        traces.append(twin.points(scale * x, heights, "", look, text=hover))
    layout = {
        "xaxis": twin.axis(words.say(view.across), zeroline=True, zerolinecolor=LIGHT.context),
        "yaxis": twin.row_axis([short(feature.label, 34) for feature in view.features]),
    }
    return twin.twin(traces, layout, words, height=100 + 34 * len(view.features))


def _hover(view: _View, row: int, cases: Ints, words: Wording) -> list[str]:
    feature = view.features[row]
    return [
        twin.text(f"{spoken(feature.label)}: {spoken(words.name(feature.display(value)))}")
        + f"<br>{words.numbers.attribution(attribution(moved, view.space))}"
        for value, moved in zip(view.inputs[cases, row], view.values[cases, row], strict=True)
    ]


# --- What one method gives to each value of the strongest features, case by case ------------------

#: Categories drawn of one feature, the most frequent ones.
_CATEGORIES = 8


@dataclass(frozen=True)
class AttributionByValuePicture(OnePicture):
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

    def picture(self, results: Results) -> Picture:
        name = named_or(results, self.explainer, leading)
        view = _ByValueView.of(results, name, self.most, self.instances)
        return view.multiples.picture("attribution_by_value", title=view.title(), alt=view.alt())


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
class _ByValueView:
    """The features by falling mean size of their attributions."""

    panels: list[_Panel]
    explainer: str
    class_name: str
    space: OutputSpace
    across: Message
    words: Wording
    n: int

    @classmethod
    def of(cls, results: Results, name: str, most: int, instances: int) -> _ByValueView:
        explanation, schema = results.explanations[name], results.schema
        cases = spaced(len(explanation), instances)
        class_name = short(schema.target.classes[explanation.target], 30)
        return cls(
            _panels(explanation, schema, most, cases),
            name,
            class_name,
            explanation.output_space,
            change(explanation.output_space, class_name, schema.target.unit),
            words_of(results),
            len(cases),
        )

    @property
    def multiples(self) -> Multiples:
        heading = sentence_case(self.words.say(self.across))
        titles = [
            in_unit(spoken(panel.feature.label), panel.feature.unit, self.words)
            for panel in self.panels
        ]
        lefts = [
            0.56 if panel.feature.is_numeric else Multiples.CATEGORIES for panel in self.panels
        ]
        return Multiples(titles, self._paint, lefts, heading)

    def _paint(self, axes: Axes, place: int) -> None:
        panel = self.panels[place]
        (self._number if panel.feature.is_numeric else self._categories)(axes, panel)

    def _number(self, axes: Axes, panel: _Panel) -> None:
        axes.axhline(0, color=LIGHT.context, linewidth=0.8)
        marks.dots(axes, panel.values, panel.attributions, SERIES[0], 3.0)
        low, high = (float(end) for end in (panel.values.min(), panel.values.max()))
        margin = 0.04 * ((high - low) or 1.0)
        axes.set_xlim(low - margin, high + margin)
        axes.set_ylim(*self._span)
        marks.grid(axes, "y")
        marks.effect_ticks(axes, "y", self.space, self.words, 4)
        marks.quantity_ticks(axes, None, self.words)

    def _categories(self, axes: Axes, panel: _Panel) -> None:
        levels = panel.levels
        axes.axvline(0, color=LIGHT.context, linewidth=0.8)
        for row, level in enumerate(levels):
            own = np.sort(panel.attributions[panel.values == level])
            marks.dots(axes, own, row + 0.3 * np.sin(2.4 * np.arange(len(own))), SERIES[0], 3.0)
        labels = [
            short(panel.feature.display(float(level)), Multiples.CATEGORY_LETTERS)
            for level in levels
        ]
        marks.category_rows(axes, labels)
        axes.set_xlim(*self._span)
        marks.grid(axes, "x")
        marks.effect_ticks(axes, "x", self.space, self.words, 4)

    @property
    def _span(self) -> tuple[float, float]:
        every = np.concatenate([panel.attributions for panel in self.panels] or [np.zeros(1)])
        low, high = min(float(every.min()), 0.0), max(float(every.max()), 0.0)
        margin = 0.06 * ((high - low) or 1.0)
        return low - margin, high + margin

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
