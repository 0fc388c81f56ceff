"""The curves of an additive model, with where its training part lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Target
from deepseek_report.metrics.explanations.feature_effects import DensityBar
from deepseek_report.metrics.internals.intrinsic_explanations import PairPoint, ShapePoint
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing.labels import (
    attribution,
    caption,
    short,
    spoken,
    unit_label,
)
from deepseek_report.visualizations.drawing.marks import category_rows, density, grid, value_ticks
from deepseek_report.visualizations.drawing.read_results import grouped, required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets, quantity_ticks
from deepseek_report.visualizations.style import LIGHT, SMALL, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_ABREAST, _ROW, _HEAD, _FOOT = 2, 1.25, 0.42, 0.42
#: Pairs that are drawn, and inches of each, of its foot and of the space for its labels.
_PAIRS, _PAIR, _PAIR_FOOT, _PAIR_LEFT = 4, 3.35, 1.3, 1.25
#: Categories shown of one feature, those that occur most often.
_CATEGORIES = 8


@dataclass(frozen=True)
class ShapeFunctionsPicture(PicturePart):
    """Draws what each value of the most important features adds to an additive model's output.

    most : features drawn, those whose contributions vary most.
    """

    reveals = "aggregate"
    section = "explanations"
    needs = frozenset({"measures/shape_functions"})
    requires = frozenset({"shape_functions"})

    most: Annotated[int, Field(ge=1, le=12)] = 8

    def draw(self, results: Results) -> Sequence[Picture]:
        curves = required(results, "shape_functions", "curves", ShapePoint)
        ranked = grouped(sorted(curves, key=lambda point: point.rank), lambda point: point.feature)
        density = grouped(
            results.rows("shape_functions", "density", DensityBar), lambda bar: bar.feature
        )
        parts = [
            _Part(curve, density.get(name, [])) for name, curve in [*ranked.items()][: self.most]
        ]
        target, words = results.schema.target, words_of(results)
        unit = _unit(target)
        drawn = [
            on_sheets(
                "shape_functions",
                (_height(parts, _ABREAST), _height(parts, 1)),
                lambda sheet: _paint(sheet, parts, words.say(unit), words),
                title=_title(parts),
                alt=_alt(parts, target),
                how_to_read=caption("shape_functions.how_to_read", unit=unit),
            )
        ]
        pairs = results.rows("shape_functions", "pairs", PairPoint)
        return [*drawn, *([_pairs_picture(pairs, unit)] if pairs else [])]


def _pairs_picture(points: Sequence[PairPoint], unit: Text) -> Picture:
    """The strongest pairs: at each pair of values a square, as large as what it adds."""
    ranks = grouped(points, lambda point: point.rank)
    pairs = [ranks[rank] for rank in sorted(ranks)[:_PAIRS]]

    def paint(sheet: Sheet) -> None:
        abreast = 1 if sheet.is_narrow else _ABREAST
        width = sheet.width / abreast
        largest = max(abs(point.contribution) for pair in pairs for point in pair) or 1.0
        for place, pair in enumerate(pairs):
            block, column = divmod(place, abreast)
            top, begin = _HEAD + block * _PAIR, column * width
            below = sheet.height - top - _PAIR + _PAIR_FOOT
            right = sheet.width - begin - width + 0.15
            _squares(sheet.axes(begin + _PAIR_LEFT, below, right, top), pair, largest)

    heights = tuple(-(-len(pairs) // abreast) * _PAIR + _HEAD for abreast in (_ABREAST, 1))
    first = _extremes(pairs[0])
    return on_sheets(
        "shape_functions_pairs",
        (heights[0], heights[1]),
        paint,
        title=caption("shape_functions.pairs_title", **first),
        alt=caption(
            "shape_functions.pairs_alt",
            n=len(pairs),
            pairs=[caption("shape_functions.pairs_alt_pair", **_extremes(pair)) for pair in pairs],
        ),
        how_to_read=caption("shape_functions.pairs_how_to_read", unit=unit),
    )


def _squares(axes: Axes, pair: Sequence[PairPoint], largest: float) -> None:
    added = np.array([point.contribution for point in pair])
    tones = [LIGHT.raises if amount > 0 else LIGHT.lowers for amount in added]
    sizes = 150 * np.abs(added) / largest
    across, up = ([point.at_a for point in pair], [point.at_b for point in pair])
    axes.scatter(across, up, s=sizes, c=tones, marker="s", linewidths=0)
    below = sorted({point.at_a: short(point.display_a, 12) for point in pair}.items())
    beside = sorted({point.at_b: short(point.display_b, 16) for point in pair}.items())
    for axis, ticks in ((axes.xaxis, below[:: 2 if len(below) > 6 else 1]), (axes.yaxis, beside)):
        places, labels = zip(*ticks, strict=True)
        axis.set_ticks(places, labels, fontsize=SMALL - 1.5)
    axes.tick_params(axis="x", rotation=30)
    axes.set_xlim(-0.7, max(across) + 0.7)
    axes.set_ylim(-0.7, max(up) + 0.7)
    axes.set_xlabel(short(spoken(pair[0].label_a), 44), fontsize=SMALL - 1)
    axes.set_title(short(spoken(pair[0].label_b), 40), fontsize=9, loc="left")


def _extremes(pair: Sequence[PairPoint]) -> dict[str, object]:
    """Where a pair adds most and least, and how much."""
    values: dict[str, object] = {
        "label_a": spoken(pair[0].label_a),
        "label_b": spoken(pair[0].label_b),
    }
    for name, choose in (("most", max), ("least", min)):
        point = choose(pair, key=lambda point: point.contribution)
        values |= {
            name: attribution(point.contribution, "value"),
            f"{name}_a": spoken(point.display_a),
            f"{name}_b": spoken(point.display_b),
        }
    return values


def _unit(target: Target) -> Text:
    """What the values add to."""
    if task_of(target).decides:
        return caption("shape_functions.log_odds")
    return unit_label(target.unit) or caption("shape_functions.predicted_number")


@dataclass(frozen=True)
class _Part:
    """One feature: its curve and, for a number, the density of the training rows."""

    curve: Sequence[ShapePoint]
    density: Sequence[DensityBar]

    @property
    def label(self) -> str:
        return spoken(self.curve[0].label)

    @property
    def is_numeric(self) -> bool:
        return self.curve[0].kind == "numeric"

    @property
    def shown(self) -> list[ShapePoint]:
        """The values of a number, or the categories that occur most often and missing values."""
        if self.is_numeric:
            return [point for point in self.curve if np.isfinite(point.value)]
        order = sorted(range(len(self.curve)), key=lambda at: -self.curve[at].share)
        return [self.curve[at] for at in sorted(order[:_CATEGORIES])]

    @property
    def least(self) -> ShapePoint:
        return min(self.shown, key=lambda point: point.contribution)

    @property
    def most(self) -> ShapePoint:
        return max(self.shown, key=lambda point: point.contribution)


def _height(parts: Sequence[_Part], abreast: int) -> float:
    blocks = -(-len(parts) // abreast)
    return float(blocks * (_HEAD + _ROW + _FOOT))


def _paint(sheet: Sheet, parts: Sequence[_Part], unit: str, words: Wording) -> None:
    abreast = 1 if sheet.is_narrow else _ABREAST
    width = sheet.width / abreast
    low, high = _span(parts)
    for place, part in enumerate(parts):
        block, column = divmod(place, abreast)
        top = _HEAD + block * (_HEAD + _ROW + _FOOT)
        begin = column * width
        inner = 0.76 if part.is_numeric else 1.35
        right = sheet.width - begin - width + 0.15
        axes = sheet.axes(begin + inner, sheet.height - top - _ROW, right, top)
        axes.set_title(short(part.label, 44), fontsize=9)
        if part.is_numeric:
            _curve(axes, part, (low, high), words)
            upright = words.text("pictures.shape_functions.upright", unit=unit)
            axes.set_ylabel(upright if column == 0 else "", fontsize=SMALL - 1)
        else:
            _bars(axes, part, (low, high), words)


def _span(parts: Sequence[_Part]) -> tuple[float, float]:
    values = [point.contribution for part in parts for point in part.shown]
    low, high = min(*values, 0.0), max(*values, 0.0)
    margin = 0.08 * ((high - low) or 1.0)
    return low - margin, high + margin


def _curve(axes: Axes, part: _Part, span: tuple[float, float], words: Wording) -> None:
    bars = ((bar.start, bar.end, bar.share) for bar in part.density)
    density(axes, bars, span[0], 0.3 * (span[1] - span[0]))
    axes.axhline(0, color=LIGHT.context, linewidth=0.8)
    values, added = zip(*((point.value, point.contribution) for point in part.shown), strict=True)
    axes.plot(values, added, color=LIGHT.series[0])
    axes.set_ylim(*span)
    grid(axes, "y")
    value_ticks(axes, "y", words, 4)
    quantity_ticks(axes, part.curve[0].unit or None, words)


def _bars(axes: Axes, part: _Part, span: tuple[float, float], words: Wording) -> None:
    shown = part.shown
    places = np.arange(len(shown))
    added = [point.contribution for point in shown]
    tones = [LIGHT.raises if amount > 0 else LIGHT.lowers for amount in added]
    axes.barh(
        places, added, height=0.3 + 0.5 * np.sqrt([point.share for point in shown]), color=tones
    )
    axes.axvline(0, color=LIGHT.context, linewidth=0.8)
    labels = [short(point.display, 20) for point in shown]
    category_rows(axes, labels)
    axes.set_xlim(*span)
    grid(axes, "x")
    value_ticks(axes, "x", words, 4)


def _title(parts: Sequence[_Part]) -> Message:
    first = parts[0]
    return caption("shape_functions.title", feature=first.label, **_ends(first))


def _ends(part: _Part) -> dict[str, object]:
    """What the least and the most adding values are, and what they add."""
    return {
        "least": attribution(part.least.contribution, "value"),
        "least_at": spoken(part.least.display),
        "most": attribution(part.most.contribution, "value"),
        "most_at": spoken(part.most.display),
    }


def _alt(parts: Sequence[_Part], target: Target) -> Message:
    features = [
        caption("shape_functions.alt_feature", feature=part.label, **_ends(part)) for part in parts
    ]
    return caption(
        "shape_functions.alt",
        n=len(parts),
        target=spoken(target.explained_class),
        features=features,
    )
