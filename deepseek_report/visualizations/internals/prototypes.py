"""The training cases that a prototype model compares with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import DataKind, kind_of
from deepseek_report.metrics.internals.intrinsic_explanations import PrototypeCase, PrototypeInput
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing.labels import caption, short, spoken, wrapped
from deepseek_report.visualizations.drawing.marks import cells
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

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
class PrototypesPicture(PicturePart):
    """Draws the cases that a prototype model compares with, those that count most often first.

    most : prototypes drawn; columns : features of a table that are shown.
    """

    reveals = "rows"
    section = "explanations"
    needs = frozenset({"measures/prototypes"})
    requires = frozenset({"prototypes"})

    most: Annotated[int, Field(ge=2, le=12)] = 10
    columns: Annotated[int, Field(ge=1, le=20)] = 8

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "prototypes", "prototypes", PrototypeCase)
        shown = table[: self.most]
        wide, narrow = (self._drawn(results, shown, page) for page in _PAGES)
        return [
            Picture(
                name="prototypes",
                svg=wide,
                narrow=narrow,
                title=_title(table),
                alt=_alt(shown, table),
                how_to_read=_how_to_read(results.schema, table),
            )
        ]

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
        _frame(axes)
        paint(axes, values[place], span)


def _image_tile(axes: style.Axes, image: Floats, span: tuple[float, float]) -> None:
    """(row, column, channel), darker for greater values."""
    cells(axes, _levels(image.mean(axis=-1), span), style.HEAT)
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


def _frame(axes: style.Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(style.LIGHT.grid)


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
