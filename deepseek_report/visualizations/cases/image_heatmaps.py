"""The image of a case, and where each explainer sees what the output depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds import kind_of
from deepseek_report.visualizations.cases import case_views
from deepseek_report.visualizations.drawing import rasters
from deepseek_report.visualizations.drawing.labels import attribution, caption, wrapped
from deepseek_report.visualizations.style import LIGHT, NARROW, SMALL, WIDTH, Figure, Look, draw_svg
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

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
    marks = {n: _centre(_cells(results, player, shape)) for n, player in regions.items()}
    heads = [first, *(_head(results, case, name) for name in names)]
    name = f"image_heatmaps_{case.number}"
    return Picture(
        name=name,
        svg=_drawn(name, _Panels(panels, heads, marks), words, WIDTH, marked=marked),
        narrow=_drawn(name, _Panels(panels, heads, marks), words, NARROW, marked=marked),
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


def _centre(cells: Bools) -> tuple[float, float]:
    """Of the marked cells, as shares of width and height."""
    rows, columns = np.nonzero(cells)
    return (columns.mean() + 0.5) / cells.shape[1], (rows.mean() + 0.5) / cells.shape[0]


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
    if "lowers" in legend:
        figure.text(_LEFT / width, low, legend["lowers"], **{**quiet, "ha": "left"})
        figure.text((_LEFT + 2.88) / width, low, legend["raises"], **quiet)
    if "marked" in legend:
        x, y = (_LEFT + 3.75, low) if width == WIDTH else (_LEFT, low - 0.25 / height)
        figure.text(x / width, y, legend["marked"], **quiet)


def _alt(results: Results, case: case_views.Case, names: Sequence[str]) -> Message:
    return caption(
        "image_heatmaps.alt",
        case=case.outcome,
        explainers=[case_views.strongest(results, case, name) for name in names],
        truth=0 if case.truth is None else case.truth.sum(),
    )
