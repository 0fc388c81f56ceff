"""The rows of the weight matrices, seen on three directions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.modules import layer_name
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.metrics.internals.compute import WeightVector
from deepseek_report.visualizations.drawing import twin
from deepseek_report.visualizations.drawing.labels import caption, short, spoken
from deepseek_report.visualizations.drawing.marks import dots, grid, value_ticks
from deepseek_report.visualizations.drawing.read_results import grouped, required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Inches of the picture, and of one panel with its axes.
_HEIGHT, _PANEL = 3.1, 2.6
#: Pairs of components, counted from 0, each a panel.
_PAIRS = ((0, 1), (0, 2), (1, 2))
#: Vectors by their layer, with where each lies.
_Layers = dict[str, list[WeightVector]]


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
        words = words_of(results)
        table = [
            replace(each, layer=words.name(layer_name(each.layer)))
            for each in required(results, "parameter_projection", "points", WeightVector)
        ]
        score = results.score("explained_variance")
        seen = score.value if score is not None else float("nan")
        layers = grouped(table, lambda each: each.layer)
        shown = _sample(layers, len(table), self.points)
        tone = _tones(layers)
        return [
            on_sheets(
                "parameter_projection",
                (_HEIGHT, 2 * _PANEL + 0.25 * (1 + len(tone) // 3)),
                lambda sheet: _paint(sheet, shown, tone, words),
                title=_title(layers, seen),
                alt=_alt(layers, shown, seen),
                how_to_read=caption("parameter_projection.how_to_read", unseen=1 - seen),
                interactive=_twin(shown, tone, words),
            )
        ]


def _sample(layers: _Layers, n: int, points: int) -> _Layers:
    """At most so many of the n vectors, from each layer in proportion to its size, at least one."""
    if n <= points:
        return layers
    shown = {}
    for layer, own in layers.items():
        few = max(1, int(points * len(own) / n))
        shown[layer] = [own[at] for at in np.linspace(0, len(own) - 1, few).round().astype(int)]
    return shown


def _tones(layers: _Layers) -> dict[str, str]:
    """{layer: colour}; where there are more layers than colours, the smallest are grey."""
    largest = sorted(layers, key=lambda layer: -len(layers[layer]))[: len(SERIES)]
    tones = dict(zip((layer for layer in layers if layer in largest), SERIES, strict=False))
    return {layer: tones.get(layer, LIGHT.context) for layer in layers}


def _places(vectors: Iterable[WeightVector]) -> Floats:
    """(vector, component) where they lie."""
    return np.array([each.place for each in vectors]).reshape(-1, 3)


def _paint(sheet: Sheet, layers: _Layers, tone: dict[str, str], words: Wording) -> None:
    every = _places(each for own in layers.values() for each in own)
    abreast, step, side = (2, 2.1, 1.35) if sheet.is_narrow else (3, 2.3, 1.55)
    for place, (across, up) in enumerate(_PAIRS):
        row, column = divmod(place, abreast)
        left, below = 0.65 + column * step, 0.55 + _PANEL * (len(_PAIRS) > abreast and not row)
        top = sheet.height - below - 1.95
        axes = sheet.axes(left, below, sheet.width - left - side, top)
        for layer, colour in tone.items():
            places = _places(layers[layer])
            dots(axes, places[:, across], places[:, up], colour, 3.4)
        _frame(axes, every, (across, up), words)
    _key(sheet, tone, words)


def _axis_name(component: int, words: Wording) -> str:
    return words.text("pictures.parameter_projection.component", number=component + 1)


def _frame(axes: Axes, places: Floats, columns: tuple[int, int], words: Wording) -> None:
    across, up = columns
    grid(axes, "both")
    for component, set_limits in ((across, axes.set_xlim), (up, axes.set_ylim)):
        low, high = (float(end) for end in (places[:, component].min(), places[:, component].max()))
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


def _spread(layers: _Layers) -> dict[str, float]:
    """{layer: mean distance of its vectors from the middle of all}, farthest first."""
    middle = _places(each for own in layers.values() for each in own).mean(axis=0)
    far = {
        layer: float(np.sqrt(((_places(layers[layer]) - middle) ** 2).sum(axis=1)).mean())
        for layer in sorted(layers)
    }
    return dict(sorted(far.items(), key=lambda pair: -pair[1]))


def _title(layers: _Layers, seen: float) -> Message:
    far = list(_spread(layers))
    if len(far) == 1:
        n = sum(map(len, layers.values()))
        return caption("parameter_projection.title_one_layer", n=n, seen=seen)
    return caption("parameter_projection.title", layer=spoken(far[0]), seen=seen)


def _alt(layers: _Layers, shown: _Layers, seen: float) -> Message:
    listed = [
        caption(
            "parameter_projection.alt_layer",
            layer=spoken(name),
            n=len(layers[name]),
            distance=distance,
        )
        for name, distance in [*_spread(layers).items()][:6]
    ]
    n_shown, n = (sum(map(len, each.values())) for each in (shown, layers))
    values = {"shown": n_shown, "n": n, "seen": seen, "layers": listed}
    return caption("parameter_projection.alt", **values)


def _twin(layers: _Layers, tone: dict[str, str], words: Wording) -> dict[str, object]:
    traces = []
    for layer, colour in tone.items():
        hover = [
            twin.text(f"{spoken(layer)}: {spoken(each.parameter)}")
            + f"<br>{words.text('pictures.parameter_projection.hover_row', row=each.row)}"
            for each in layers[layer]
        ]
        fields: twin.Trace = {"text": hover, "name": twin.text(short(layer, 24))}
        fields |= dict(zip("xyz", map(twin.rounded, _places(layers[layer]).T), strict=True))
        marker = {"color": colour, "size": 3, "opacity": 0.85}
        traces.append(twin.trace("scatter3d", mode="markers", marker=marker, **fields))
    plain = {"showbackground": False, "gridcolor": LIGHT.grid, "zerolinecolor": LIGHT.grid}
    scene: dict[str, object] = {
        f"{name}axis": {"title": {"text": _axis_name(at, words)}, "color": LIGHT.muted, **plain}
        for at, name in enumerate("xyz")
    }
    scene |= {"camera": {"eye": {"x": 1.5, "y": 1.5, "z": 1.0}}}
    margin = {"l": 0, "r": 0, "t": 10, "b": 30}
    below = {"orientation": "h", "y": 0, "itemsizing": "constant"}
    layout = {"scene": scene, "margin": margin, "legend": below}
    return twin.twin(traces, layout, words, height=520)
