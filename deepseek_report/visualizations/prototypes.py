"""The training cases that a prototype model compares with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.numbers import count, percent, plural
from deepseek_report.artifacts.picture import Picture
from deepseek_report.visualizations.labels import capital, short, spoken
from deepseek_report.visualizations.marks import cells
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import (
    HEAT,
    LIGHT,
    SMALL,
    WIDTH,
    colours,
    draw_svg,
    panel,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results
    from deepseek_report.artifacts.schema import Schema

_ABREAST, _TILE, _HEAD = 5, 1.3, 0.62
_LABELS, _LINE = 2.1, 0.24
#: Pixels along one side of a drawn image; larger ones are thinned out.
_PIXELS = 32
_VALUES = {
    "table": "the values of the features that count most",
    "image": "the picture, darker for greater values (channels averaged)",
    "series": "the series, channel by channel",
}


@dataclass(frozen=True)
class Prototypes:
    """Draws the cases that a prototype model compares with, those that decide most often first.

    most : prototypes drawn; columns : features of a table that are shown.
    """

    section: ClassVar[str] = "explanations"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/prototypes"})
    requires: ClassVar[frozenset[str]] = frozenset({"prototypes"})

    most: Annotated[int, Field(ge=2, le=12)] = 10
    columns: Annotated[int, Field(ge=1, le=20)] = 8

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "prototypes", "prototypes")
        schema, shown = results.schema, table.head(self.most)
        if schema.layout is None:
            values = required(results, "prototypes", "inputs")
            rows = values[values["rank"] <= self.columns].sort_values(["rank", "prototype"])
            height = _table_height(shown, rows)
            svg = draw_svg("prototypes", height, lambda fig: _table(fig, shown, rows))
        else:
            inputs = results.arrays("prototypes")["inputs"][: len(shown)]
            height = _tiles_height(shown)
            svg = draw_svg("prototypes", height, lambda fig: _tiles(fig, shown, inputs, schema))
        return [
            Picture(
                name="prototypes",
                svg=svg,
                title=_title(table),
                alt=_alt(shown, table),
                how_to_read=(
                    "Every prototype is a real training case with its class, and the share of "
                    "test cases for which it adds most to the class decided for; below stand "
                    f"{_VALUES[schema.modality]}."
                ),
            )
        ]


def _tiles_height(shown: pd.DataFrame) -> float:
    return -(-len(shown) // _ABREAST) * (_TILE + _HEAD) + 0.1


def _tiles(
    figure: Figure, shown: pd.DataFrame, inputs: NDArray[np.float64], schema: Schema
) -> None:
    assert schema.layout is not None  # noqa: S101 - tables are drawn by `_table`
    top, width = _tiles_height(shown), WIDTH / _ABREAST
    values = inputs.reshape(-1, *schema.layout.shape)
    span = (float(np.nanmin(values)), float(np.nanmax(values)))
    for place, row in enumerate(shown.itertuples()):
        block, column = divmod(place, _ABREAST)
        upper = top - _HEAD - block * (_TILE + _HEAD)
        begin = column * width
        axes = panel(figure, begin + 0.1, upper - _TILE + 0.1, begin + width - 0.1, upper)
        axes.set_title(_head(row), fontsize=SMALL - 1)
        axes.set_axis_off()
        if schema.modality == "image":
            cells(axes, _levels(values[place].mean(axis=-1), span), HEAT)
            axes.set_aspect("equal")
            continue
        for channel, tone in enumerate(colours([str(i) for i in range(values.shape[2])]).values()):
            axes.plot(values[place][:, channel], color=tone, linewidth=1.1)
        axes.set_ylim(*span)


def _levels(image: NDArray[np.float64], span: tuple[float, float]) -> NDArray[np.int64]:
    """(row, column) 0 for the least value of all prototypes, up to 6 for the greatest."""
    step = max(-(-max(image.shape) // _PIXELS), 1)
    thin = image[::step, ::step]
    share = (thin - span[0]) / ((span[1] - span[0]) or 1.0)
    return np.asarray(np.round(np.nan_to_num(share) * len(HEAT)), dtype=np.int64)


def _table_height(shown: pd.DataFrame, rows: pd.DataFrame) -> float:
    blocks = -(-len(shown) // _ABREAST)
    return blocks * (_HEAD + 0.15 + _LINE * rows["feature"].nunique() + 0.1)


def _table(figure: Figure, shown: pd.DataFrame, rows: pd.DataFrame) -> None:
    features = list(dict.fromkeys(rows["feature"]))
    labels = rows.drop_duplicates("feature").set_index("feature")["label"]
    displays = rows.set_index(["prototype", "feature"])["display"]
    height = _table_height(shown, rows)
    width = (WIDTH - _LABELS) / _ABREAST
    block_tall = _HEAD + 0.15 + _LINE * len(features) + 0.1
    axes = panel(figure, 0, 0, WIDTH, height)
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(0, height)
    plain: dict[str, Any] = {"fontsize": SMALL - 1, "va": "center"}
    for place, row in enumerate(shown.itertuples()):
        block, column = divmod(place, _ABREAST)
        upper = height - block * block_tall
        x = _LABELS + column * width
        axes.text(x, upper - 0.3, _head(row), **plain, color=LIGHT["ink"])
        for line, feature in enumerate(features):
            y = upper - _HEAD - 0.2 - _LINE * line
            if column == 0:
                axes.text(0, y, short(labels[feature], 30), **plain, color=LIGHT["muted"])
                axes.hlines(y - _LINE / 2, 0, WIDTH, colors=LIGHT["grid"], linewidth=0.6)
            value = short(displays[row.prototype, feature], 14)
            axes.text(x, y, value, **plain, color=LIGHT["ink"])


def _head(row: object) -> str:
    name, share = getattr(row, "class_label", ""), getattr(row, "share", 0.0)
    return f"{short(name, 15)}\ncase {getattr(row, 'instance_id', '')}\n{percent(share)}"


def _title(table: pd.DataFrame) -> str:
    used = int((table["decides"] > 0).sum())
    first = table.iloc[0]
    return (
        f"{capital(plural(used, 'training case'))} of {count(len(table))} decide; case "
        f"{int(first['instance_id'])} ({spoken(first['class_label'])}) alone for "
        f"{percent(float(first['share']))} of the test cases"
    )


def _alt(shown: pd.DataFrame, table: pd.DataFrame) -> str:
    said = [
        f"case {int(row['instance_id'])}, {spoken(row['class_label'])}, decides for "
        f"{percent(float(row['share']))}"
        for _, row in shown.iterrows()
    ]
    return (
        f"{plural(len(shown), 'prototype')} of {count(len(table))}, those that decide most often: "
        + "; ".join(said)
        + "."
    )
