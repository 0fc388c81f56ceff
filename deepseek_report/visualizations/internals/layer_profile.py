"""Where the time of a forward pass goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.modules import layer_kind, layer_name
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.metrics.internals.internal_rows import ProfiledLayer
from deepseek_report.visualizations.drawing.labels import caption, spoken
from deepseek_report.visualizations.drawing.marks import grid, note, rows, value_ticks
from deepseek_report.visualizations.drawing.read_results import (
    estimate_columns,
    grouped,
    reach,
    required,
)
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_ROW, _ROW_NARROW = 0.28, 0.4


@dataclass(frozen=True)
class LayerProfilePicture(PicturePart):
    """Draws the time that each layer takes, slowest first.

    most : layers shown.
    """

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/layer_profile"})

    most: Annotated[int, Field(ge=1, le=40)] = 16

    def draw(self, results: Results) -> Sequence[Picture]:
        table, words = (
            required(results, "layer_profile", "layers", ProfiledLayer),
            words_of(results),
        )
        named = [
            replace(
                row, layer=words.name(layer_name(row.layer)), kind=words.name(layer_kind(row.kind))
            )
            for row in table
        ]
        ordered = sorted(named, key=lambda row: -row.ms.value)
        shown = ordered[: self.most]
        return [
            on_sheets(
                "layer_profile",
                (0.75 + _ROW * len(shown), 0.75 + _ROW_NARROW * len(shown)),
                lambda sheet: _paint(sheet, shown, words),
                title=_title(ordered),
                alt=_alt(shown, len(ordered)),
            )
        ]


def _paint(sheet: Sheet, table: Sequence[ProfiledLayer], words: Wording) -> None:
    layers = [f"{row.layer}  ({row.kind})" for row in table]
    labels, left = sheet.row_labels(layers, 42, 3.5)
    axes = sheet.axes(left, 0.5, 0.6, 0.15)
    rows(axes, labels)
    axes.barh(range(len(table)), [row.ms.value for row in table], height=0.66, color=SERIES[0])
    _, low, high = estimate_columns(row.ms for row in table)
    whole = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    axes.hlines(whole, low[whole], high[whole], colors=LIGHT.ink, linewidth=1.3)
    for at, row in enumerate(table):
        share = words.numbers.percent(row.share)
        note(axes, share, (reach(row.ms), at), (5, 0), va="center")
    grid(axes, "x")
    axes.set_xlim(0, max(reach(row.ms) for row in table) * 1.12)
    value_ticks(axes, "x", words)
    axes.set_xlabel(words.text("pictures.layer_profile.axis"))


def _title(table: Sequence[ProfiledLayer]) -> Message:
    kinds = {kind: sum(row.share for row in own) for kind, own in grouped(table, _kind).items()}
    kind = max(sorted(kinds), key=lambda name: kinds[name])
    return caption(
        "layer_profile.title",
        layer=spoken(table[0].layer),
        share=table[0].share,
        kind=spoken(kind),
        kind_share=kinds[kind],
    )


def _kind(row: ProfiledLayer) -> str:
    return row.kind


def _alt(table: Sequence[ProfiledLayer], n_layers: int) -> Message:
    layers = [
        caption("layer_profile.alt_layer", layer=spoken(row.layer), time=row.ms, share=row.share)
        for row in table[:6]
    ]
    return caption("layer_profile.alt", n=n_layers, layers=layers)
