"""The rows of the weight matrices, seen on three directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.modules import layer_name
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.visualizations.drawing import twin
from deepseek_report.visualizations.drawing.labels import caption, short, spoken
from deepseek_report.visualizations.drawing.marks import dots, grid, value_ticks
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Inches of the picture, and of one panel with its axes.
_HEIGHT, _PANEL = 3.1, 2.6
_PAIRS = (("pc1", "pc2"), ("pc1", "pc3"), ("pc2", "pc3"))
_COMPONENTS = {"pc1": 1, "pc2": 2, "pc3": 3}


@dataclass(frozen=True)
class ParameterProjectionPicture(PicturePart):
    """Draws each row of the weight matrices as a point on the first three principal components.

    points : how many are drawn, evenly spaced within each layer.
    """

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/parameter_projection"})

    points: Annotated[int, Field(ge=50, le=1500)] = 900

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "parameter_projection", "points")
        words = words_of(results)
        table["layer"] = [words.name(layer_name(path)) for path in table["layer"]]
        score = results.score("explained_variance")
        seen = score.value if score is not None else float("nan")
        shown = _sample(table, self.points)
        tone = _tones(table)
        return [
            on_sheets(
                "parameter_projection",
                (_HEIGHT, 2 * _PANEL + 0.25 * (1 + len(tone) // 3)),
                lambda sheet: _paint(sheet, shown, tone, words),
                title=_title(table, seen),
                alt=_alt(table, shown, seen),
                how_to_read=caption("parameter_projection.how_to_read", unseen=1 - seen),
                interactive=_twin(shown, tone, words),
            )
        ]


def _sample(table: pd.DataFrame, points: int) -> pd.DataFrame:
    """At most so many rows, from each layer in proportion to its size, at least one."""
    if len(table) <= points:
        return table
    keep: list[int] = []
    for _, own in table.groupby("layer", sort=False):
        few = max(1, int(points * len(own) / len(table)))
        keep.extend(own.index[np.linspace(0, len(own) - 1, few).round().astype(int)])
    return table.loc[sorted(keep)].reset_index(drop=True)


def _tones(table: pd.DataFrame) -> dict[str, str]:
    """{layer: colour}; where there are more layers than colours, the smallest are grey."""
    sizes = table["layer"].value_counts(sort=False).sort_values(ascending=False, kind="stable")
    largest = [str(layer) for layer in sizes.index[: len(SERIES)]]
    ordered = [layer for layer in dict.fromkeys(map(str, table["layer"])) if layer in largest]
    tones = dict(zip(ordered, SERIES, strict=False))
    return {
        str(layer): tones.get(str(layer), LIGHT.context) for layer in dict.fromkeys(table["layer"])
    }


def _paint(sheet: Sheet, table: pd.DataFrame, tone: dict[str, str], words: Wording) -> None:
    abreast, step, side = (2, 2.1, 1.35) if sheet.is_narrow else (3, 2.3, 1.55)
    for place, (across, up) in enumerate(_PAIRS):
        row, column = divmod(place, abreast)
        left, below = 0.65 + column * step, 0.55 + _PANEL * (len(_PAIRS) > abreast and not row)
        top = sheet.height - below - 1.95
        axes = sheet.axes(left, below, sheet.width - left - side, top)
        for layer, colour in tone.items():
            own = table[table["layer"].astype(str) == layer]
            dots(axes, own[across], own[up], colour, 3.4)
        _frame(axes, table, (across, up), words)
    _key(sheet, tone, words)


def _axis_name(column: str, words: Wording) -> str:
    return words.text("pictures.parameter_projection.component", number=_COMPONENTS[column])


def _frame(axes: Axes, table: pd.DataFrame, columns: tuple[str, str], words: Wording) -> None:
    across, up = columns
    grid(axes, "both")
    for name, set_limits in ((across, axes.set_xlim), (up, axes.set_ylim)):
        low, high = float(table[name].min()), float(table[name].max())
        room = 0.06 * (high - low) or 1.0
        set_limits(low - room, high + room)
    value_ticks(axes, "x", words, 4)
    value_ticks(axes, "y", words, 4)
    axes.set_xlabel(_axis_name(across, words))
    axes.set_ylabel(_axis_name(up, words), labelpad=1)


def _key(sheet: Sheet, tone: dict[str, str], words: Wording) -> None:
    """The colours of the layers, on lines above the panels."""
    names = [name for name, colour in tone.items() if colour != LIGHT.context]
    entries = [(short(name, 20), tone[name]) for name in names]
    if len(names) < len(tone):
        others = words.text("pictures.parameter_projection.others", n=len(tone) - len(names))
        entries.append((others, LIGHT.context))
    x, y = 0.55, sheet.height - 0.15
    for name, colour in entries:
        width = 0.3 + 0.07 * len(name)
        if x + width > sheet.width - 0.1:
            x, y = 0.55, y - 0.2
        place = x / sheet.width, y / sheet.height
        sheet.figure.text(*place, f"● {name}", color=colour, fontsize=SMALL, va="center")
        x += width


def _spread(table: pd.DataFrame) -> pd.Series:
    """{layer: mean distance of its rows from the middle of all rows}, farthest first."""
    places = table[["pc1", "pc2", "pc3"]]
    distance = np.sqrt(((places - places.mean()) ** 2).sum(axis=1))
    return (
        distance.groupby(table["layer"], sort=True)
        .mean()
        .sort_values(ascending=False, kind="stable")
    )


def _title(table: pd.DataFrame, seen: float) -> Message:
    far = _spread(table)
    if len(far) == 1:
        return caption("parameter_projection.title_one_layer", n=len(table), seen=seen)
    layer = spoken(far.index[0])
    return caption("parameter_projection.title", layer=layer, seen=seen)


def _alt(table: pd.DataFrame, shown: pd.DataFrame, seen: float) -> Message:
    far = _spread(table)
    sizes = table["layer"].value_counts()
    layers = [
        caption(
            "parameter_projection.alt_layer",
            layer=spoken(name),
            n=sizes[name],
            distance=float(distance),
        )
        for name, distance in far.head(6).items()
    ]
    values = {"shown": len(shown), "n": len(table), "seen": seen, "layers": layers}
    return caption("parameter_projection.alt", **values)


def _twin(table: pd.DataFrame, tone: dict[str, str], words: Wording) -> dict[str, object]:
    traces = []
    for layer, colour in tone.items():
        own = table[table["layer"].astype(str) == layer]
        hover = [
            twin.text(f"{spoken(layer)}: {spoken(row.parameter)}")
            + f"<br>{words.text('pictures.parameter_projection.hover_row', row=row.row)}"
            for row in own.itertuples()
        ]
        fields: dict[str, object] = {"text": hover, "name": twin.text(short(layer, 24))}
        fields |= {
            name: twin.rounded(own[column]) for name, column in zip("xyz", _COMPONENTS, strict=True)
        }
        marker = {"color": colour, "size": 3, "opacity": 0.85}
        traces.append(twin.trace("scatter3d", mode="markers", marker=marker, **fields))
    plain = {"showbackground": False, "gridcolor": LIGHT.grid, "zerolinecolor": LIGHT.grid}
    scene: dict[str, object] = {
        f"{name}axis": {"title": {"text": _axis_name(column, words)}, "color": LIGHT.muted, **plain}
        for name, column in zip("xyz", _COMPONENTS, strict=True)
    }
    scene["camera"] = {"eye": {"x": 1.5, "y": 1.5, "z": 1.0}}
    margin = {"l": 0, "r": 0, "t": 10, "b": 30}
    below = {"orientation": "h", "y": 0, "itemsizing": "constant"}
    layout = {"scene": scene, "margin": margin, "legend": below}
    return twin.twin(traces, layout, words, height=520)
