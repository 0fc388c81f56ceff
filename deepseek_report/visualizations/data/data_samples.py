"""What the data look like: a few images or series of each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of
from deepseek_report.tasks import task_of
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks, rasters
from deepseek_report.visualizations.drawing.labels import caption, extent, short, spaced
from deepseek_report.visualizations.drawing.sheet import OnePicture
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_MARGIN, _BETWEEN, _LARGEST, _CURVE = 0.1, 0.06, 1.1, 0.62
_MOST_CHANNELS, _MOST_POINTS, _MOST_LABEL = 3, 120, 1.9
#: Pixels along the longer side of an enlarged image, fewer than in a picture of its own.
_PIXELS = 96


@dataclass(frozen=True)
class DataSamplesPicture(OnePicture):
    """Draws a few images or series of each class, so that a reader sees what is classified.

    They are spread evenly over the cases of a class in the test part: training rows stay out of a
    report.
    Where the target is a number, the classes are thirds of it.

    each : cases shown of a class. most : classes shown, the first ones.
    """

    reveals = "rows"
    section = "data"
    needs = frozenset({"predictions"})
    modalities = frozenset({"image", "series"})

    each: Annotated[int, Field(ge=1, le=12)] = 6
    most: Annotated[int, Field(ge=1, le=20)] = 10

    def picture(self, results: Results) -> Picture:
        groups = _groups(results.schema, results.test, words_of(results))
        shown = [
            _Row(label, places[spaced(len(places), self.each)])
            for label, places in groups[: self.most]
        ]
        view = _view(results.schema)
        half = (self.each + 1) // 2
        fewer = [replace(row, places=row.places[spaced(len(row.places), half)]) for row in shown]
        marked = view.marks_truth and results.test.truth is not None
        return Picture(
            name="data_samples",
            svg=view.draw(results, shown, style.WIDTH),
            narrow=view.draw(results, fewer, style.NARROW),
            title=_title(results, groups, len(shown)),
            alt=_alt(results, shown),
            how_to_read=caption("data_samples.how_to_read", marked=marked),
        )


@dataclass(frozen=True)
class _Row:
    """A class, and positions in the test part that are of it."""

    label: str
    places: Ints


def _groups(schema: Schema, part: Split, words: Wording) -> list[tuple[str, Ints]]:
    """(class, all its positions), classes without a case left out."""
    task = task_of(schema.target)
    names, labels = schema.target.classes, part.labels
    if not task.decides:
        thirds = ("low", "middle", "high")
        names = tuple(words.text(f"pictures.data_samples.{third}") for third in thirds)
        labels = task.strata(part.labels, 3, "left")
    groups = [(name, np.flatnonzero(labels == code)) for code, name in enumerate(names)]
    return [(name, places) for name, places in groups if len(places)]


# --- images ---------------------------------------------------------------------------------------


def _images(results: Results, shown: Sequence[_Row], page: float) -> str:
    """One picture a row, its cases side by side."""
    shape = kind_of(results.schema).shape
    scale, test = rasters.value_range(results.test.inputs), results.test
    columns = max(len(row.places) for row in shown)
    left = _left(shown)
    side = min(_LARGEST, (page - left - _MARGIN - _BETWEEN * (columns - 1)) / columns)
    tall = side * shape[0] / shape[1]
    pieces = []
    for at, row in enumerate(shown):
        for column, place in enumerate(row.places):
            plain = rasters.colours(test.inputs[place].reshape(shape), scale)
            image = rasters.enlarged(plain, _PIXELS)
            truth = None if test.truth is None else test.truth[place].reshape(shape).any(axis=2)
            top = _MARGIN + at * (tall + _BETWEEN)
            box = (left + column * (side + _BETWEEN), top, side, tall)
            pieces.append((rasters.outlined(image, truth), box))
    middles = [_MARGIN + at * (tall + _BETWEEN) + tall / 2 for at in range(len(shown))]
    height = 2 * _MARGIN + len(shown) * (tall + _BETWEEN)
    drawn = style.draw_svg(
        "data_samples", height, lambda figure: _names(figure, shown, middles), page
    )
    return rasters.with_images(drawn, pieces)


def _left(shown: Sequence[_Row]) -> float:
    return min(_MOST_LABEL, extent([short(row.label, 24) for row in shown]) + 0.2)


def _names(figure: style.Figure, shown: Sequence[_Row], middles: Sequence[float]) -> None:
    """The names of the classes, at these distances from the top in inches."""
    width, height = figure.get_size_inches()
    for row, middle in zip(shown, middles, strict=True):
        x, y = _MARGIN / width, 1 - middle / height
        figure.text(
            x, y, short(row.label, 24), va="center", fontsize=style.SMALL, color=style.LIGHT.ink
        )


# --- series ---------------------------------------------------------------------------------------


def _series(results: Results, shown: Sequence[_Row], page: float) -> str:
    """A small curve for each case, all on one scale; of many channels the first three."""
    height = 2 * _MARGIN + len(shown) * (_CURVE + _BETWEEN)
    return style.draw_svg(
        "data_samples", height, lambda figure: _curves(figure, results, shown), page
    )


def _curves(figure: style.Figure, results: Results, shown: Sequence[_Row]) -> None:
    shape = kind_of(results.schema).shape
    test, (page, height) = results.test, map(float, figure.get_size_inches())
    columns, left = max(len(row.places) for row in shown), _left(shown)
    wide = (page - left - _MARGIN - _BETWEEN * (columns - 1)) / columns
    rows = np.concatenate([test.inputs[row.places] for row in shown]).reshape(-1, *shape)
    limits = float(np.nanmin(rows)), float(np.nanmax(rows))
    middles = []
    for at, row in enumerate(shown):
        top = height - _MARGIN - at * (_CURVE + _BETWEEN)
        middles.append(height - top + _CURVE / 2)
        for column, place in enumerate(row.places):
            start = left + column * (wide + _BETWEEN)
            axes = style.panel(figure, start, top - _CURVE, start + wide, top)
            _curve(axes, test.inputs[place].reshape(shape), limits)
    _names(figure, shown, middles)


def _curve(axes: style.Axes, series: Floats, limits: tuple[float, float]) -> None:
    kept = np.unique(np.linspace(0, len(series) - 1, _MOST_POINTS).round().astype(int))
    for channel in range(min(series.shape[1], _MOST_CHANNELS)):
        axes.plot(kept, series[kept, channel], color=style.SERIES[channel], linewidth=0.9)
    room = 0.05 * (limits[1] - limits[0] or 1.0)
    axes.set_ylim(limits[0] - room, limits[1] + room)
    axes.set_xlim(0, max(len(series) - 1, 1))
    marks.frame(axes)


# --- words ----------------------------------------------------------------------------------------


def _title(results: Results, groups: Sequence[tuple[str, Ints]], n_shown: int) -> Message:
    return caption(
        "data_samples.title",
        inputs=caption(f"common.inputs.{kind_of(results.schema).name}"),
        n=n_shown,
        left_out=len(groups) - n_shown,
    )


def _alt(results: Results, shown: Sequence[_Row]) -> Message:
    classes = [
        caption("data_samples.alt_class", label=short(row.label, 40), n=len(row.places))
        for row in shown
    ]
    size = _view(results.schema).size(kind_of(results.schema).shape)
    return caption("data_samples.alt", size=size, classes=classes)


def _image_size(shape: tuple[int, ...]) -> Message:
    return caption("data_samples.size_images", height=shape[0], width=shape[1])


def _series_size(shape: tuple[int, ...]) -> Message:
    drawn = min(shape[1], _MOST_CHANNELS)
    return caption("data_samples.size_series", steps=shape[0], drawn=drawn, channels=shape[1])


@dataclass(frozen=True)
class _View:
    """How inputs are drawn, how the text for the blind tells their size, and if truth is marked."""

    draw: Callable[[Results, Sequence[_Row], float], str]
    size: Callable[[tuple[int, ...]], Message]
    marks_truth: bool


#: By the names of `DataKind.views`.
_VIEWS = {
    "raster": _View(_images, _image_size, marks_truth=True),
    "curves": _View(_series, _series_size, marks_truth=False),
}


def _view(schema: Schema) -> _View:
    return next(_VIEWS[name] for name in kind_of(schema).views if name in _VIEWS)
