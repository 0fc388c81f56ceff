"""Images and series of single cases, and where in them the output comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds import kind_of
from deepseek_report.visualizations.cases import case_views
from deepseek_report.visualizations.drawing import marks, rasters
from deepseek_report.visualizations.drawing.labels import attribution, caption, short, wrapped
from deepseek_report.visualizations.drawing.sheet import on_pages
from deepseek_report.visualizations.style import (
    LIGHT,
    SMALL,
    WIDTH,
    Axes,
    Figure,
    Look,
    draw_svg,
    panel,
)
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- The image of a case, and where each explainer sees what the output depends on ----------------

_LEFT, _BETWEEN, _HEAD, _FOOT = 0.08, 0.14, 0.5, 0.62
_LARGEST, _ABREAST_NARROW = 2.4, 2
#: A number on a region, readable on any picture.
_MARK: Look = {
    "fontsize": SMALL,
    "fontweight": "bold",
    "color": LIGHT.ink,
    "ha": "center",
    "va": "center_baseline",
    "bbox": {"boxstyle": "round,pad=0.12", "facecolor": LIGHT.grid, "edgecolor": "none"},
}
#: Words beside the scale of colours.
_LEGEND = ("lowers", "raises")


@dataclass(frozen=True)
class ImageHeatmapsPicture(case_views.CasePicture):
    """Draws, for each chosen case, its image and the attributions of each explainer over it.

    explainer : whose attributions come first; empty takes the one that does best in the tests.
    methods : explainers shown side by side.
    """

    reveals = "rows"
    modalities = frozenset({"image"})

    explainer: str = ""
    methods: Annotated[int, Field(ge=1, le=5)] = 3

    def draw(self, results: Results) -> Sequence[Picture]:
        names = case_views.shown_explainers(results, self.explainer, self.methods)
        scale = rasters.value_range(results.test.inputs)
        return [_picture(results, case, names, scale) for case in case_views.cases_of(results)]


def _picture(
    results: Results, case: case_views.Case, names: Sequence[str], scale: tuple[float, float]
) -> Picture:
    shape = kind_of(results.schema).shape
    grey = rasters.colours(case.inputs.reshape(shape), scale)
    truth = None if case.truth is None else np.any(case.truth.reshape(shape), axis=2)
    regions = case_views.numbered(results, case, names[0] if names else None)
    plain = rasters.outlined(rasters.enlarged(grey), truth)
    for player in regions.values():
        plain = rasters.framed(plain, _cells(results, player, shape))
    panels = [plain]
    for name in names:
        explanation = results.explanations[name].of_case(case.place)
        values = explanation.values[0].reshape(shape).sum(axis=2)
        top = np.any(_strongest(results, case, name).reshape(shape), axis=2, keepdims=False)
        shaded = rasters.enlarged(rasters.shaded(grey, values, signed=explanation.signed))
        panels.append(rasters.framed(rasters.outlined(shaded, truth), top))
    words, marked = words_of(results), truth is not None
    first = words.text("pictures.image_heatmaps.image", numbered=bool(regions))
    centres = {}
    for number, player in regions.items():
        cells = _cells(results, player, shape)
        down, across = (
            (at.mean() + 0.5) / n for at, n in zip(cells.nonzero(), shape, strict=False)
        )
        centres[number] = float(across), float(down)
    heads = [first, *(_head(results, case, name) for name in names)]
    name = f"image_heatmaps_{case.number}"
    shown = _Panels(panels, heads, centres)
    return on_pages(
        name,
        lambda page: _drawn(name, shown, words, page, marked=marked),
        title=case_views.title_of(results, case, names[0] if names else None),
        alt=_alt(results, case, names),
        how_to_read=caption(
            "image_heatmaps.how_to_read",
            signed=all(results.explanations[name].signed for name in names),
            marked=marked,
            methods=len(names),
        ),
    )


@dataclass(frozen=True)
class _Panels:
    """What is drawn side by side, with the head of each.

    marks : {number: its place on the first one, as shares of width and height from the upper left}.
    """

    images: Sequence[rasters.Image]
    heads: Sequence[str]
    marks: Mapping[int, tuple[float, float]]


def _cells(results: Results, player: int, shape: tuple[int, ...]) -> Bools:
    """(row, column) the pixels of a player."""
    return np.asarray((results.schema.owners == player).reshape(shape).any(axis=2))


def _drawn(name: str, panels: _Panels, words: Wording, width: float, *, marked: bool) -> str:
    """The panels in as many lines as the width asks for, each with its head, and the key below."""
    images = panels.images
    abreast = len(images) if width == WIDTH else min(len(images), _ABREAST_NARROW)
    side = min(_LARGEST, (width - 2 * _LEFT - _BETWEEN * (abreast - 1)) / abreast)
    tall = side * images[0].shape[0] / images[0].shape[1]
    boxes = [
        (_LEFT + column * (side + _BETWEEN), _HEAD + line * (tall + _HEAD), side, tall)
        for line, column in (divmod(at, abreast) for at in range(len(images)))
    ]
    low = boxes[-1][1] + tall
    key = (_LEFT + 1.3, low + 0.2, 1.5, 0.13)
    height = low + _FOOT + (0.2 if width < WIDTH and marked else 0.0)
    shades = _LEGEND if len(images) > 1 else ()
    legend = (*shades, "marked") if marked else shades
    texts = {part: words.text(f"pictures.image_heatmaps.{part}") for part in legend}
    drawn = draw_svg(name, height, lambda fig: _paint(fig, boxes, panels, low, texts), width)
    scale = [(rasters.scale_bar(), key)] if shades else []
    return rasters.with_images(drawn, [*zip(images, boxes, strict=True), *scale])


def _strongest(results: Results, case: case_views.Case, name: str) -> np.ndarray:
    """(column,) whether it belongs to the player that counts most; none where nothing counts."""
    values = np.abs(case_views.by_players(results, name, case.place))
    if not np.nanmax(values):
        return np.zeros(len(results.schema.owners), dtype=bool)
    return np.asarray(results.schema.owners == int(np.nanargmax(values)))


def _head(results: Results, case: case_views.Case, name: str) -> str:
    values = case_views.by_players(results, name, case.place)
    value = float(values[int(np.nanargmax(np.abs(values)))])
    space, words = results.explanations[name].output_space, words_of(results)
    effect = words.text(
        "pictures.image_heatmaps.patch", effect=attribution(value, space), space=space
    )
    return f"{words.explainer(name)}\n{effect}"


def _paint(
    figure: Figure,
    boxes: Sequence[rasters.Box],
    panels: _Panels,
    below: float,
    legend: Mapping[str, str],
) -> None:
    """The words of the picture; the panels end so many inches `below` its top."""
    width, height = figure.get_size_inches()
    text: Look = {"fontsize": SMALL, "color": LIGHT.ink, "va": "bottom", "linespacing": 1.3}
    for (left, top, _, _), head in zip(boxes, panels.heads, strict=True):
        lines = "\n".join(wrapped(line, 26, 1) for line in head.split("\n"))
        figure.text(left / width, 1 - (top - 0.06) / height, lines, **text)
    left, top, side, tall = boxes[0]
    for number, (across, down) in panels.marks.items():
        place = ((left + across * side) / width, 1 - (top + down * tall) / height)
        figure.text(*place, str(number), **_MARK)
    low = 1 - (below + 0.28) / height
    quiet: Look = {"fontsize": SMALL, "color": LIGHT.muted, "va": "center"}
    places = {
        "lowers": (_LEFT, low),
        "raises": (_LEFT + 2.88, low),
        "marked": (_LEFT + 3.75, low) if width == WIDTH else (_LEFT, low - 0.25 / height),
    }
    for part, words in legend.items():
        x, y = places[part]
        figure.text(x / width, y, words, **quiet)


def _alt(results: Results, case: case_views.Case, names: Sequence[str]) -> Message:
    return caption(
        "image_heatmaps.alt",
        case=case.outcome,
        explainers=[case_views.strongest(results, case, name) for name in names],
        truth=0 if case.truth is None else case.truth.sum(),
    )


# The curve of a case, and under it what each window of time added to or took from the output

_CURVE, _BARS, _TITLE, _FOOT_SERIES = 0.95, 0.62, 0.34, 0.55
#: Points of a curve: more than this many steps are drawn by the least and the most of each piece.
_POINTS = 600
_LEFT_SERIES = 0.75


@dataclass(frozen=True)
class SeriesAttributionsPicture(case_views.CasePicture):
    """Draws, for each chosen case, its channels with the attribution of every window.

    explainer : whose attributions; empty takes the one that does best in the tests.
    channels : channels shown, those with the most attribution.
    """

    reveals = "rows"
    modalities = frozenset({"series"})

    explainer: str = ""
    channels: Annotated[int, Field(ge=1, le=8)] = 4

    def draw(self, results: Results) -> Sequence[Picture]:
        name = next(iter(case_views.shown_explainers(results, self.explainer, 1)), None)
        return [
            _picture_series(results, case, name, self.channels)
            for case in case_views.cases_of(results)
        ]


@dataclass(frozen=True)
class _Channel:
    """One channel of a case; `windows` are (first step, last step, attribution).

    numbers : {number of a listed reason: position in `windows`}.
    """

    label: str
    curve: Floats
    windows: list[tuple[int, int, float]]
    truth: Bools | None
    numbers: dict[int, int]


def _picture_series(
    results: Results, case: case_views.Case, explainer: str | None, most: int
) -> Picture:
    shown, left_out = _channels(results, case, explainer, most)
    name = f"series_attributions_{case.number}"
    height = len(shown) * (_TITLE + _CURVE + (_BARS if explainer else 0.0) + 0.12) + _FOOT_SERIES
    words = words_of(results)
    return on_pages(
        name,
        lambda page: draw_svg(name, height, lambda fig: _paint_series(fig, shown, words), page),
        title=case_views.title_of(results, case, explainer),
        alt=_alt_series(results, case, explainer),
        how_to_read=caption(
            "series_attributions.how_to_read",
            explainer=explainer,
            unit=case_views.unit_of(results, explainer, case.place) if explainer else None,
            left_out=left_out,
            marked=case.truth is not None,
        ),
    )


def _channels(
    results: Results, case: case_views.Case, explainer: str | None, most: int
) -> tuple[list[_Channel], int]:
    """The channels with the most attribution in their own order, and how many are left out."""
    schema = results.schema
    steps, count_ = kind_of(schema).shape
    windows: list[list[tuple[int, int, float]]] = [[] for _ in range(count_)]
    numbers: list[dict[int, int]] = [{} for _ in range(count_)]
    listed = {player: n for n, player in case_views.numbered(results, case, explainer).items()}
    values = case_views.by_players(results, explainer, case.place) if explainer else np.zeros(0)
    for player in range(len(values)):
        columns = np.flatnonzero(schema.owners == player).tolist()
        for channel in sorted({column % count_ for column in columns}):
            mine = [column // count_ for column in columns if column % count_ == channel]
            if player in listed:
                numbers[channel][listed[player]] = len(windows[channel])
            windows[channel].append((min(mine), max(mine), float(values[player])))
    sizes = [sum(abs(value) for _, _, value in spans) for spans in windows]
    kept = sorted(sorted(range(count_), key=lambda c: (-sizes[c], c))[:most])
    curves = case.inputs.reshape(steps, count_)
    truth = None if case.truth is None else case.truth.reshape(steps, count_)
    channels = [
        _Channel(
            label=_label(results, channel),
            curve=curves[:, channel],
            windows=windows[channel],
            truth=None if truth is None else truth[:, channel],
            numbers=numbers[channel],
        )
        for channel in kept
    ]
    return channels, count_ - len(kept)


def _label(results: Results, channel: int) -> str:
    channels, unit = kind_of(results.schema).channels, results.schema.features[channel].unit
    series = words_of(results).text("pictures.series_attributions.series")
    label = channels[channel] if channels else series
    return short(f"{label} ({unit})" if unit else label, 60)


def _paint_series(figure: Figure, channels: Sequence[_Channel], words: Wording) -> None:
    most = max((abs(v) for channel in channels for _, _, v in channel.windows), default=0.0) or 1.0
    width, top = (float(inches) for inches in figure.get_size_inches())
    right = width - 0.2
    for at, channel in enumerate(channels):
        top -= _TITLE
        curve = panel(figure, _LEFT_SERIES, top - _CURVE, right, top)
        _curve(curve, channel, most, words)
        top -= _CURVE
        lowest = curve
        if channel.windows:
            lowest = panel(figure, _LEFT_SERIES, top - _BARS - 0.06, right, top - 0.06)
            _bars(lowest, channel, most, words)
            top -= _BARS
        if at == len(channels) - 1:
            most_ticks = round(float(lowest.get_window_extent().width) / 55)
            marks.count_ticks(lowest, "x", words, most_ticks)
            lowest.set_xlabel(words.text("pictures.series_attributions.step"))
        top -= 0.12


def _curve(axes: Axes, channel: _Channel, most: float, words: Wording) -> None:
    for first, last, value in channel.windows:
        tone = LIGHT.raises if value > 0 else LIGHT.lowers
        share = abs(value) / most
        if share > 0.05:
            axes.axvspan(first + 0.5, last + 1.5, color=tone, alpha=0.35 * share, linewidth=0)
    steps, values = _thinned(channel.curve)
    axes.plot(steps + 1, values, color=LIGHT.ink, linewidth=1.2)
    marks.grid(axes, "y")
    marks.value_ticks(axes, "y", words, 3)
    axes.set_xlim(0.5, len(channel.curve) + 0.5)
    axes.set_xticks([])
    axes.set_title(channel.label, fontsize=9.5, pad=5)
    for number, at in channel.numbers.items():
        first, last, _ = channel.windows[at]
        middle, edges = (first + last) / 2 + 1, (first + 0.5, last + 1.5)
        for edge in edges:
            axes.axvline(edge, color=LIGHT.muted, linewidth=0.7, linestyle=(0, (2, 2)))
        axes.text(
            middle,
            0.98,
            str(number),
            fontsize=9,
            weight="bold",
            ha="center",
            va="top",
            transform=axes.get_xaxis_transform(),
        )
    if channel.truth is not None:
        _mark(axes, channel.truth)


def _mark(axes: Axes, truth: Bools) -> None:
    edges = np.flatnonzero(np.diff(np.pad(truth.astype(np.int8), 1)))
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        axes.plot(
            (first + 0.5, after + 0.5),
            (1, 1),
            transform=axes.get_xaxis_transform(),
            solid_capstyle="butt",
            color=LIGHT.ink,
            linewidth=4,
        )


def _thinned(curve: Floats) -> tuple[Ints, Floats]:
    """Steps and values to draw; of a long curve the least and the most of each piece."""
    if len(curve) <= _POINTS:
        return np.arange(len(curve)), curve
    kept: list[int] = []
    for piece in np.array_split(np.arange(len(curve)), _POINTS // 2):
        if np.isfinite(curve[piece]).any():
            ends = (int(piece[np.nanargmin(curve[piece])]), int(piece[np.nanargmax(curve[piece])]))
            kept.extend(sorted(set(ends)))
    return np.array(kept), curve[kept]


def _bars(axes: Axes, channel: _Channel, most: float, words: Wording) -> None:
    for raises in (True, False):
        mine = [window for window in channel.windows if (window[2] > 0) == raises]
        tone = LIGHT.raises if raises else LIGHT.lowers
        starts = [first + 0.5 for first, _, _ in mine]
        widths = [last - first + 1 for first, last, _ in mine]
        axes.bar(starts, [v for _, _, v in mine], widths, align="edge", color=tone, linewidth=0)
    axes.axhline(0, color=LIGHT.context, linewidth=0.8)
    axes.spines.bottom.set_visible(False)
    axes.spines.left.set_visible(False)
    axes.set_ylim(-1.08 * most, 1.08 * most)
    axes.set_xlim(0.5, len(channel.curve) + 0.5)
    ends = [words.text(f"pictures.series_attributions.{way}") for way in ("lowers", "raises")]
    axes.set_yticks([-most / 2, most / 2], ends)
    axes.set_xticks([])


def _alt_series(results: Results, case: case_views.Case, explainer: str | None) -> Message:
    return caption(
        "series_attributions.alt",
        case=case.outcome,
        steps=kind_of(results.schema).shape[0],
        strongest=case_views.strongest(results, case, explainer) if explainer else "",
        truth=0 if case.truth is None else case.truth.sum(),
    )
