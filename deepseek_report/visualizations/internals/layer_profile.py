"""Where the time of a forward pass goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.modules import layer_kind, layer_name
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.visualizations.drawing.labels import caption, known, measured, spoken
from deepseek_report.visualizations.drawing.marks import grid, note, rows, value_ticks
from deepseek_report.visualizations.drawing.read_results import required
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
        measured, words = required(results, "layer_profile", "layers"), words_of(results)
        table = measured.assign(
            layer=[words.name(layer_name(path)) for path in measured["layer"]],
            kind=[words.name(layer_kind(kind)) for kind in measured["kind"]],
        )
        ordered = table.sort_values("ms", ascending=False, kind="stable")
        shown = ordered.head(self.most).reset_index(drop=True)
        return [
            on_sheets(
                "layer_profile",
                (0.75 + _ROW * len(shown), 0.75 + _ROW_NARROW * len(shown)),
                lambda sheet: _paint(sheet, shown, words),
                title=_title(ordered),
                alt=_alt(shown, len(ordered)),
            )
        ]


def _paint(sheet: Sheet, table: pd.DataFrame, words: Wording) -> None:
    layers = [f"{row.layer}  ({row.kind})" for row in table.itertuples()]
    labels, left = sheet.row_labels(layers, 42, 3.5)
    axes = sheet.axes(left, 0.5, 0.6, 0.15)
    rows(axes, labels)
    axes.barh(range(len(table)), table["ms"], height=0.66, color=SERIES[0])
    whole = table.dropna(subset=["low", "high"])
    axes.hlines(whole.index, whole["low"], whole["high"], colors=LIGHT.ink, linewidth=1.3)
    for row, (value, high, share) in enumerate(
        zip(table["ms"], table["high"], table["share"], strict=True)
    ):
        end = max(value, high) if known(high) else value
        note(axes, words.numbers.percent(share), (end, row), (5, 0), va="center")
    grid(axes, "x")
    axes.set_xlim(0, float(table[["ms", "high"]].max().max()) * 1.12)
    value_ticks(axes, "x", words)
    axes.set_xlabel(words.text("pictures.layer_profile.axis"))


def _title(table: pd.DataFrame) -> Message:
    kinds = (
        table.groupby("kind", sort=True)["share"].sum().sort_values(ascending=False, kind="stable")
    )
    top = table.iloc[0]
    return caption(
        "layer_profile.title",
        layer=spoken(top["layer"]),
        share=top["share"],
        kind=spoken(kinds.index[0]),
        kind_share=kinds.iloc[0],
    )


def _alt(table: pd.DataFrame, n_layers: int) -> Message:
    layers = [
        caption(
            "layer_profile.alt_layer",
            layer=spoken(row["layer"]),
            time=measured(row, "ms"),
            share=row["share"],
        )
        for _, row in table.head(6).iterrows()
    ]
    return caption("layer_profile.alt", n=n_layers, layers=layers)
