"""The layers of a model: their time, and their weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.modules import layer_kind, layer_name
from deepseek_report.artifacts.results import Results
from deepseek_report.metrics.internals.compute import WeightVector
from deepseek_report.metrics.internals.internal_rows import ProfiledLayer
from deepseek_report.visualizations.drawing import marks, read_results, twin
from deepseek_report.visualizations.drawing.labels import caption, short, spaced, spoken
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- Where the time of a forward pass goes --------------------------------------------------------


@dataclass(frozen=True)
class LayerProfilePicture(OnePicture):
    """Draws the time that each layer takes, slowest first.

    most : layers shown.
    """

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/layer_profile"})

    most: Annotated[int, Field(ge=1, le=40)] = 16

    def picture(self, results: Results) -> Picture:
        table, words = (
            read_results.required(results, "layer_profile", "layers", ProfiledLayer),
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
        return on_sheets(
            "layer_profile",
            Sheet.heights(len(shown), row=0.28, narrow=0.4, around=0.75),
            lambda sheet: _paint(sheet, shown, words),
            title=_title(ordered),
            alt=_alt(shown, len(ordered)),
        )


def _paint(sheet: Sheet, table: Sequence[ProfiledLayer], words: Wording) -> None:
    layers = [f"{row.layer}  ({row.kind})" for row in table]
    labels, left = sheet.row_labels(layers, 42, 3.5)
    axes = sheet.axes(left, 0.5, 0.6, 0.15)
    marks.rows(axes, labels)
    axes.barh(range(len(table)), [row.ms.value for row in table], height=0.66, color=SERIES[0])
    _, low, high = read_results.estimate_columns(row.ms for row in table)
    whole = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    axes.hlines(whole, low[whole], high[whole], colors=LIGHT.ink, linewidth=1.3)
    for at, row in enumerate(table):
        share = words.numbers.percent(row.share)
        marks.note(axes, share, (read_results.reach(row.ms), at), (5, 0), va="center")
    marks.grid(axes, "x")
    axes.set_xlim(0, max(read_results.reach(row.ms) for row in table) * 1.12)
    marks.value_ticks(axes, "x", words)
    axes.set_xlabel(words.text("pictures.layer_profile.axis"))


def _title(table: Sequence[ProfiledLayer]) -> Message:
    kinds = {
        kind: sum(row.share for row in own)
        for kind, own in read_results.grouped(table, lambda row: row.kind).items()
    }
    kind = max(sorted(kinds), key=lambda name: kinds[name])
    return caption(
        "layer_profile.title",
        layer=spoken(table[0].layer),
        share=table[0].share,
        kind=spoken(kind),
        kind_share=kinds[kind],
    )


def _alt(table: Sequence[ProfiledLayer], n_layers: int) -> Message:
    layers = [
        caption("layer_profile.alt_layer", layer=spoken(row.layer), time=row.ms, share=row.share)
        for row in table[:6]
    ]
    return caption("layer_profile.alt", n=n_layers, layers=layers)


# --- The rows of the weight matrices, seen on three directions ------------------------------------

#: Inches of the picture, and of one panel with its axes.
_HEIGHT, _PANEL = 3.1, 2.6
#: Pairs of components, counted from 0, each a panel.
_PAIRS = ((0, 1), (0, 2), (1, 2))
#: Vectors by their layer, with where each lies.
_Layers = dict[str, list[WeightVector]]


@dataclass(frozen=True)
class ParameterProjectionPicture(OnePicture):
    """Draws each row of the weight matrices as a point on the first three principal components.

    points : how many are drawn, evenly spaced within each layer.
    """

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/parameter_projection"})

    points: Annotated[int, Field(ge=50, le=1500)] = 900

    def picture(self, results: Results) -> Picture:
        words = words_of(results)
        table = [
            replace(each, layer=words.name(layer_name(each.layer)))
            for each in read_results.required(
                results, "parameter_projection", "points", WeightVector
            )
        ]
        score = results.score("explained_variance")
        seen = score.value if score is not None else float("nan")
        layers = read_results.grouped(table, lambda each: each.layer)
        shown = _sample(layers, len(table), self.points)
        largest = sorted(layers, key=lambda layer: -len(layers[layer]))[: len(SERIES)]
        own = dict(zip((layer for layer in layers if layer in largest), SERIES, strict=False))
        tone = {layer: own.get(layer, LIGHT.context) for layer in layers}
        return on_sheets(
            "parameter_projection",
            (_HEIGHT, 2 * _PANEL + 0.25 * (1 + len(tone) // 3)),
            lambda sheet: _paint_projection(sheet, shown, tone, words),
            title=_title_projection(layers, seen),
            alt=_alt_projection(layers, shown, seen),
            how_to_read=caption("parameter_projection.how_to_read", unseen=1 - seen),
            interactive=_twin(shown, tone, words),
        )


def _sample(layers: _Layers, n: int, points: int) -> _Layers:
    """At most so many of the n vectors, from each layer in proportion to its size, at least one."""
    if n <= points:
        return layers
    shown = {}
    for layer, own in layers.items():
        few = max(1, int(points * len(own) / n))
        shown[layer] = [own[at] for at in spaced(len(own), few)]
    return shown


def _places(vectors: Iterable[WeightVector]) -> Floats:
    """(vector, component) where they lie."""
    return np.array([each.place for each in vectors]).reshape(-1, 3)


def _paint_projection(sheet: Sheet, layers: _Layers, tone: dict[str, str], words: Wording) -> None:
    every = _places(each for own in layers.values() for each in own)
    abreast, step, side = (2, 2.1, 1.35) if sheet.is_narrow else (3, 2.3, 1.55)
    for place, (across, up) in enumerate(_PAIRS):
        row, column = divmod(place, abreast)
        left, below = 0.65 + column * step, 0.55 + _PANEL * (len(_PAIRS) > abreast and not row)
        top = sheet.height - below - 1.95
        axes = sheet.axes(left, below, sheet.width - left - side, top)
        for layer, colour in tone.items():
            places = _places(layers[layer])
            marks.dots(axes, places[:, across], places[:, up], colour, 3.4)
        _frame(axes, every, (across, up), words)
    _key(sheet, tone, words)


def _axis_name(component: int, words: Wording) -> str:
    return words.text("pictures.parameter_projection.component", number=component + 1)


def _frame(axes: Axes, places: Floats, columns: tuple[int, int], words: Wording) -> None:
    across, up = columns
    marks.grid(axes, "both")
    for component, set_limits in ((across, axes.set_xlim), (up, axes.set_ylim)):
        low, high = (float(end) for end in (places[:, component].min(), places[:, component].max()))
        room = 0.06 * (high - low) or 1.0
        set_limits(low - room, high + room)
    marks.value_ticks(axes, "x", words, 4)
    marks.value_ticks(axes, "y", words, 4)
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


def _title_projection(layers: _Layers, seen: float) -> Message:
    far = list(_spread(layers))
    if len(far) == 1:
        n = sum(map(len, layers.values()))
        return caption("parameter_projection.title_one_layer", n=n, seen=seen)
    return caption("parameter_projection.title", layer=spoken(far[0]), seen=seen)


def _alt_projection(layers: _Layers, shown: _Layers, seen: float) -> Message:
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
