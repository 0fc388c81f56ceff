"""What models show that explain themselves: prototypes, and curves that add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.data_kinds import DataKind, kind_of
from deepseek_report.metrics.explanations.feature_effects import DensityBar
from deepseek_report.metrics.internals.intrinsic_explanations import (
    PairPoint,
    PrototypeCase,
    PrototypeInput,
    ShapePoint,
)
from deepseek_report.tasks import task_of
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import (
    attribution,
    caption,
    short,
    spoken,
    unit_label,
    wrapped,
)
from deepseek_report.visualizations.drawing.read_results import grouped, required
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, on_pages, on_sheets
from deepseek_report.visualizations.style import LIGHT, SMALL, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- The training cases that a prototype model compares with --------------------------------------

#: Heights in inches: of a tile, of the three lines above it, of a line of a table.
_TILE, _HEAD, _LINE = 1.3, 0.55, 0.17
#: Pixels along one side of a drawn image; larger ones are thinned out.
_PIXELS = 32


@dataclass(frozen=True)
class _Page:
    """How many prototypes stand side by side, and the inches that are there for them.

    tiles, columns : of pictures, and of tables beside `labels` inches of feature names.
    """

    width: float
    tiles: int
    columns: int
    labels: float


_PAGES = (_Page(style.WIDTH, 5, 5, 1.95), _Page(style.NARROW, 3, 2, 1.6))


@dataclass(frozen=True)
class PrototypesPicture(OnePicture):
    """Draws the cases that a prototype model compares with, those that count most often first.

    most : prototypes drawn; columns : features of a table that are shown.
    """

    reveals = "rows"
    section = "explanations"
    needs = frozenset({"measures/prototypes"})
    requires = frozenset({"prototypes"})

    most: Annotated[int, Field(ge=2, le=12)] = 10
    columns: Annotated[int, Field(ge=1, le=20)] = 8

    def picture(self, results: Results) -> Picture:
        table = required(results, "prototypes", "prototypes", PrototypeCase)
        shown = table[: self.most]
        pages = {page.width: page for page in _PAGES}
        return on_pages(
            "prototypes",
            lambda width: self._drawn(results, shown, pages[width]),
            title=_title(table),
            alt=_alt(shown, table),
            how_to_read=_how_to_read(results.schema, table),
        )

    def _drawn(self, results: Results, shown: Sequence[PrototypeCase], page: _Page) -> str:
        kind, words = kind_of(results.schema), words_of(results)
        if kind.named_columns:
            values = required(results, "prototypes", "inputs", PrototypeInput)
            values = [each for each in values if each.rank <= self.columns]
            blocks = _blocks(shown, values, page, words)
            height = sum(_block_height(block) for block in blocks)
            return style.draw_svg(
                "prototypes", height, lambda fig: _tables(fig, blocks, page), page.width
            )
        inputs = results.arrays("prototypes")["inputs"][: len(shown)]
        height = _tiles_height(len(shown), page)
        heads = [_head(row, words) for row in shown]
        return style.draw_svg(
            "prototypes", height, lambda fig: _tiles(fig, heads, inputs, kind, page), page.width
        )


def _how_to_read(schema: Schema, table: Sequence[PrototypeCase]) -> Message:
    kind, shift = kind_of(schema), max(row.shift for row in table)
    return caption(
        "prototypes.how_to_read",
        drawn=caption(f"prototypes.drawn.{kind.views[0]}"),
        aside=caption(f"common.places.{kind.name}", n=shift) if shift else "",
    )


def _tiles_height(n: int, page: _Page) -> float:
    return -(-n // page.tiles) * (_TILE + _HEAD) + 0.1


def _tiles(
    figure: style.Figure, heads: Sequence[str], inputs: Floats, kind: DataKind, page: _Page
) -> None:
    top, width = _tiles_height(len(heads), page), page.width / page.tiles
    values, paint = inputs.reshape(-1, *kind.shape), _TILES[kind.views[0]]
    span = (float(np.nanmin(values)), float(np.nanmax(values)))
    for place, head in enumerate(heads):
        block, column = divmod(place, page.tiles)
        upper = top - _HEAD - block * (_TILE + _HEAD)
        begin = column * width
        axes = style.panel(figure, begin + 0.05, upper - _TILE + 0.15, begin + width - 0.12, upper)
        axes.set_title(head, fontsize=style.SMALL - 1, pad=5)
        marks.frame(axes)
        paint(axes, values[place], span)


def _image_tile(axes: style.Axes, image: Floats, span: tuple[float, float]) -> None:
    """(row, column, channel), darker for greater values."""
    marks.cells(axes, _levels(image.mean(axis=-1), span), style.HEAT)
    axes.set_aspect("equal", anchor="NW")


def _curves_tile(axes: style.Axes, series: Floats, span: tuple[float, float]) -> None:
    """(step, channel), a line for each channel."""
    for channel, tone in enumerate(
        style.colours([str(i) for i in range(series.shape[1])]).values()
    ):
        axes.plot(series[:, channel], color=tone, linewidth=1.1)
    axes.margins(x=0)
    spare = 0.05 * (span[1] - span[0] or 1.0)
    axes.set_ylim(span[0] - spare, span[1] + spare)


#: What paints one prototype on a tile, by the names of `DataKind.views`.
_TILES = {"raster": _image_tile, "curves": _curves_tile}


def _levels(image: Floats, span: tuple[float, float]) -> Ints:
    """(row, column) 0 for the least value of all prototypes, up to 6 for the greatest."""
    step = max(-(-max(image.shape) // _PIXELS), 1)
    thin = image[::step, ::step]
    share = (thin - span[0]) / ((span[1] - span[0]) or 1.0)
    return np.asarray(np.round(np.nan_to_num(share) * len(style.HEAT)), dtype=np.int64)


@dataclass(frozen=True)
class _PrototypeBlock:
    """Prototypes side by side: their heads, and for each feature its label and their values."""

    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def _blocks(
    shown: Sequence[PrototypeCase], values: Sequence[PrototypeInput], page: _Page, words: Wording
) -> list[_PrototypeBlock]:
    ranked = sorted(values, key=lambda each: (each.rank, each.prototype))
    labels = {each.feature: each.label for each in ranked}
    displays = {(each.prototype, each.feature): each.display for each in values}
    size = (style.SMALL - 1) * 0.6 / 72
    for_label = int(page.labels / size)
    for_value = int((page.width - page.labels) / page.columns / size)
    blocks = []
    for start in range(0, len(shown), page.columns):
        part = shown[start : start + page.columns]
        lines = [
            (
                wrapped(label, for_label, 3),
                *(wrapped(displays[row.prototype, feature], for_value, 3) for row in part),
            )
            for feature, label in labels.items()
        ]
        blocks.append(_PrototypeBlock(tuple(_head(row, words) for row in part), tuple(lines)))
    return blocks


def _line_height(line: tuple[str, ...]) -> float:
    return _LINE * max(text.count("\n") + 1 for text in line) + 0.08


def _block_height(block: _PrototypeBlock) -> float:
    return _HEAD + sum(_line_height(line) for line in block.lines) + 0.3


def _tables(figure: style.Figure, blocks: Sequence[_PrototypeBlock], page: _Page) -> None:
    height = sum(_block_height(block) for block in blocks)
    axes = style.panel(figure, 0, 0, page.width, height)
    axes.set_axis_off()
    axes.set_xlim(0, page.width)
    axes.set_ylim(0, height)
    width = (page.width - page.labels) / page.columns
    plain: style.Look = {"fontsize": style.SMALL - 1, "va": "center", "linespacing": 1.15}
    y = height
    for block in blocks:
        for column, head in enumerate(block.heads):
            x = page.labels + column * width
            axes.text(x, y - _HEAD / 2 - 0.03, head, **plain, color=style.LIGHT.ink)
        y -= _HEAD + 0.06
        for label, *values in block.lines:
            axes.hlines(y, 0, page.width, colors=style.LIGHT.grid, linewidth=0.6)
            tall = _line_height((label, *values))
            axes.text(0, y - tall / 2, label, **plain, color=style.LIGHT.muted)
            for column, value in enumerate(values):
                x = page.labels + column * width
                axes.text(x, y - tall / 2, value, **plain, color=style.LIGHT.ink)
            y -= tall
        y -= 0.24


def _head(row: PrototypeCase, words: Wording) -> str:
    case = words.text("pictures.prototypes.case", case=row.instance_id)
    return f"{short(row.class_label, 15)}\n{case}\n{words.numbers.percent(row.share)}"


def _title(table: Sequence[PrototypeCase]) -> Message:
    first = table[0]
    return caption(
        "prototypes.title",
        case=first.instance_id,
        class_name=spoken(first.class_label),
        share=first.share,
        used=sum(row.decides > 0 for row in table),
        n=len(table),
    )


def _alt(shown: Sequence[PrototypeCase], table: Sequence[PrototypeCase]) -> Message:
    prototypes = [
        caption(
            "prototypes.alt_prototype",
            case=row.instance_id,
            class_name=spoken(row.class_label),
            share=row.share,
        )
        for row in shown
    ]
    return caption("prototypes.alt", shown=len(shown), n=len(table), prototypes=prototypes)


# --- The curves of an additive model, with where its training part lies ---------------------------

_ABREAST, _ROW, _HEAD_CURVES, _FOOT = 2, 1.25, 0.42, 0.42
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
                title=_title_curves(parts),
                alt=_alt_curves(parts, target),
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
            top, begin = _HEAD_CURVES + block * _PAIR, column * width
            below = sheet.height - top - _PAIR + _PAIR_FOOT
            right = sheet.width - begin - width + 0.15
            _squares(sheet.axes(begin + _PAIR_LEFT, below, right, top), pair, largest)

    heights = tuple(-(-len(pairs) // abreast) * _PAIR + _HEAD_CURVES for abreast in (_ABREAST, 1))
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
    return float(blocks * (_HEAD_CURVES + _ROW + _FOOT))


def _paint(sheet: Sheet, parts: Sequence[_Part], unit: str, words: Wording) -> None:
    abreast = 1 if sheet.is_narrow else _ABREAST
    width = sheet.width / abreast
    low, high = _span(parts)
    for place, part in enumerate(parts):
        block, column = divmod(place, abreast)
        top = _HEAD_CURVES + block * (_HEAD_CURVES + _ROW + _FOOT)
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
    marks.density(axes, bars, span[0], 0.3 * (span[1] - span[0]))
    axes.axhline(0, color=LIGHT.context, linewidth=0.8)
    values, added = zip(*((point.value, point.contribution) for point in part.shown), strict=True)
    axes.plot(values, added, color=LIGHT.series[0])
    axes.set_ylim(*span)
    marks.grid(axes, "y")
    marks.value_ticks(axes, "y", words, 4)
    marks.quantity_ticks(axes, part.curve[0].unit or None, words)


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
    marks.category_rows(axes, labels)
    axes.set_xlim(*span)
    marks.grid(axes, "x")
    marks.value_ticks(axes, "x", words, 4)


def _title_curves(parts: Sequence[_Part]) -> Message:
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


def _alt_curves(parts: Sequence[_Part], target: Target) -> Message:
    features = [
        caption("shape_functions.alt_feature", feature=part.label, **_ends(part)) for part in parts
    ]
    return caption(
        "shape_functions.alt",
        n=len(parts),
        target=spoken(target.explained_class),
        features=features,
    )
