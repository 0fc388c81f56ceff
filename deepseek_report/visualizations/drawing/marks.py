"""The marks that all pictures are made of: points with intervals, direct labels, cells, dots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.results import Results
from deepseek_report.visualizations.drawing import twin
from deepseek_report.visualizations.drawing.labels import caption, extent, in_unit, unit_label
from deepseek_report.visualizations.drawing.read_results import estimate_columns
from deepseek_report.visualizations.style import HEAT, LIGHT, SMALL, Axes, Figure, Look
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording


@dataclass(frozen=True)
class MarkStyle:
    """How a series looks. `hollow` is for what is too small to judge or only for comparison."""

    colour: str
    marker: str = "o"
    size: float = 5.5
    hollow: bool = False


#: The axis that ticks stand on.
Along = Literal["x", "y"]
#: A point of a picture: where it stands, and what is drawn there.
Placed = Iterable[tuple[float, Estimate]]


def intervals(axes: Axes, placed: Placed, look: MarkStyle, *, upright: bool = False) -> None:
    """Points at (value, place), each with a line from its low to its high end.

    A missing end leaves the line away, a missing value the point. upright : whether the values lie
    on the upright axis.
    """
    pairs = list(placed)
    places = np.array([place for place, _ in pairs], float)
    values, low, high = estimate_columns(estimate for _, estimate in pairs)
    whole = np.isfinite(low) & np.isfinite(high)
    if whole.any():
        lines = axes.vlines if upright else axes.hlines
        lines(places[whole], low[whole], high[whole], colors=look.colour, linewidth=1.6)
    present = np.isfinite(values)
    across, up = (places, values) if upright else (values, places)
    style: Look = {
        "marker": look.marker,
        "markersize": look.size,
        "markerfacecolor": "none" if look.hollow else look.colour,
        "markeredgecolor": look.colour,
        "markeredgewidth": 1.2,
    }
    axes.plot(across[present], up[present], linestyle="none", **style)


#: How opaque the shades of the weakest to the strongest amounts are; text on the strongest keeps a
#: contrast of 4.5.
OPACITY = (0.0, 0.1, 0.17, 0.24, 0.31)


def level_of(size: float, most: float) -> int:
    """Which of `OPACITY` shades an amount: 0 for next to nothing, the last for the most."""
    return min(int(5 * size / most), len(OPACITY) - 1) if most else 0


def note(axes: Axes, text: str, place: Any, offset: tuple[float, float], **look: Any) -> None:
    """A small text beside a place of the axes, `offset` points away from it."""
    common = {"fontsize": SMALL, "color": LIGHT.muted, "annotation_clip": False}
    axes.annotate(text, place, xytext=offset, textcoords="offset points", **{**common, **look})


def above(axes: Axes, text: str, place: float, points: float, **look: Any) -> None:
    """A small text so many points above the axes, at a place along them."""
    note(axes, text, (place, 1), (0, points), xycoords=("data", "axes fraction"), **look)


def beside(axes: Axes, texts: Iterable[str], heading: str, points: float) -> None:
    """A column of small words right of the rows, its right end so many points from the axes."""
    look = {"ha": "right", "va": "center", "xycoords": ("axes fraction", "data")}
    for place, text in enumerate(texts):
        note(axes, text, (1, place), (points, 0), **look)
    note(axes, heading, (1, 1), (points, 5), xycoords="axes fraction", ha="right")


def grid(axes: Axes, along: Along | Literal["both"]) -> None:
    """Quiet lines to read values by."""
    axes.grid(visible=True, axis=along)
    if along == "x":
        axes.spines.left.set_visible(False)
    else:
        axes.spines.left.set_color(LIGHT.grid)
    axes.spines.bottom.set_color(LIGHT.context if along != "x" else LIGHT.grid)


def frame(axes: Axes) -> None:
    """A quiet line around axes without ticks."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=LIGHT.grid)


def rows(axes: Axes, labels: Sequence[str]) -> None:
    """One row a label, the first at the top, labels in ink; an empty one draws nothing."""
    shown = [place for place, label in enumerate(labels) if label]
    axes.set_yticks(shown, [labels[place] for place in shown], color=LIGHT.ink)
    axes.set_ylim(len(labels) - 0.5, -0.5)


def category_rows(axes: Axes, labels: Sequence[str]) -> None:
    """A row a category in small letters, the first at the top."""
    axes.set_yticks(range(len(labels)), labels, color=LIGHT.ink, fontsize=SMALL - 1.5)
    axes.set_ylim(len(labels) - 0.4, -0.6)


def density(
    axes: Axes, bars: Iterable[tuple[float, float, float]], low: float, tall: float
) -> None:
    """Bars from their start to their end by their share, on a line at `low`, `tall` at most."""
    if cells := list(bars):
        start, end, share = np.array(cells).T
        heights = share * (tall / max(float(share.max()), 1e-9))
        axes.bar(start, heights, (end - start) * 0.96, low, align="edge", color=LIGHT.grid)


def _ticks(
    axes: Axes,
    along: Along,
    most: int,
    write: Callable[[float], str] | None = None,
    steps: Sequence[float] = (1, 2, 2.5, 5, 10),
    **placing: Any,
) -> None:
    """At most so many ticks at round values.

    write : a value in words. steps, placing : see `MaxNLocator`.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis = axes.xaxis if along == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(nbins=most, steps=steps, **placing))
    if write is not None:
        axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))


def value_ticks(axes: Axes, along: Along, words: Wording, most: int = 5) -> None:
    """At most so many ticks at round values, all with the same number of decimals."""
    _ticks(axes, along, most)
    plain_ticks(axes, along, words)


def plain_ticks(axes: Axes, along: Along, words: Wording) -> None:
    """The ticks that there are as numbers of this language, all with as many decimals."""
    from matplotlib.ticker import ScalarFormatter

    class InLanguage(ScalarFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return words.numbers.library_text(super().__call__(x, pos))

    axis = axes.xaxis if along == "x" else axes.yaxis
    plain = InLanguage(useOffset=False)
    plain.set_scientific(False)
    axis.set_major_formatter(plain)


def count_ticks(axes: Axes, along: Along, words: Wording, most: int = 5) -> None:
    """At most so many ticks at whole numbers."""
    _ticks(axes, along, most, words.numbers.count, (1, 2, 5, 10), integer=True, min_n_ticks=1)


def point_ticks(axes: Axes, along: Along, words: Wording, most: int = 5) -> None:
    """At most so many ticks, a share of one written in percentage points, without unit."""
    _ticks(axes, along, most, lambda share: words.numbers.declared(100 * share))


def percent_ticks(axes: Axes, along: Along, words: Wording, most: int = 5) -> None:
    """At most so many ticks, a share of one written as a percentage."""

    def write(share: float) -> str:
        text = words.numbers.declared(100 * share)
        return text if text == "0" else words.numbers.declared(share, as_percent=True)

    _ticks(axes, along, most, write)


def quantity_ticks(axes: Axes, unit: str | None, words: Wording) -> None:
    """At most two ticks along the bottom, written as quantities of this unit, if any."""
    label, quantity = unit_label(unit), words.numbers.quantity
    _ticks(axes, "x", 2, lambda value: quantity(value, label), (1, 2, 5, 10))


def effect_ticks(
    axes: Axes, along: Along, space: OutputSpace, words: Wording, most: int = 5
) -> None:
    """At most so many ticks at attributions: points of a probability, else numbers."""
    (point_ticks if space == "probability" else value_ticks)(axes, along, words, most)


def inches_of(axes: Axes) -> tuple[float, float]:
    """Width and height of the axes."""
    width, height = cast("Figure", axes.figure).get_size_inches()
    box = axes.get_position()
    return box.width * width, box.height * height


def keep_ticks_apart(axes: Axes, size: float = SMALL, beyond: float = 0.04) -> None:
    """Leaves out labels below the axes that would touch another; those at the ends turn inwards.

    The limits of the axes and how ticks are written must stand already. size : points.
    beyond : inches that a label may leave the axes by.
    """
    width, _ = inches_of(axes)
    low, high = axes.get_xlim()
    places = [place for place in axes.get_xticks() if min(low, high) <= place <= max(low, high)]
    texts = axes.xaxis.get_major_formatter().format_ticks(places)
    labels = [
        _TickLabel(place, text, (place - low) / (high - low) * width, extent([text], size)).within(
            -beyond, width + beyond
        )
        for place, text in zip(places, texts, strict=True)
    ]
    if len(labels) > 1 and not labels[0].is_apart(labels[-1]):
        labels[0] = replace(labels[0], side="right").within(-beyond, width + beyond)
    kept: list[_TickLabel] = []
    for label in (*labels[:1], *labels[:0:-1]):
        if all(label.is_apart(other) for other in kept):
            kept.append(label)
    kept.sort(key=lambda label: label.place)
    axes.set_xticks([label.place for label in kept], [label.text for label in kept])
    for text, label in zip(axes.get_xticklabels(), kept, strict=True):
        text.set_horizontalalignment(label.side)


@dataclass(frozen=True)
class _TickLabel:
    """The label of a tick at a value: where the tick is in inches along the axes, and how long."""

    place: float
    text: str
    at: float
    long: float
    side: Literal["left", "center", "right"] = "center"

    @property
    def start(self) -> float:
        return self.at - {"left": 0.0, "center": 0.5, "right": 1.0}[self.side] * self.long

    def within(self, start: float, end: float) -> _TickLabel:
        """Turned inwards where it would leave these inches."""
        if self.start < start:
            return replace(self, side="left")
        return replace(self, side="right") if self.start + self.long > end else self

    def is_apart(self, other: _TickLabel) -> bool:
        first, second = sorted((self, other), key=lambda label: label.start)
        return second.start - first.start - first.long >= _BETWEEN


#: Inches between the labels of two ticks.
_BETWEEN = 0.06
#: Points that a label of several lines reaches up and down, for each line beyond the first.
_HALF_LINE = 6.5


@dataclass(frozen=True)
class EndLabel:
    """A label at the end of a line: where the line ends, what it says, in which colour."""

    x: float
    y: float
    text: str
    colour: str


def end_labels(axes: Axes, labels: Sequence[EndLabel], gap: float = 11.5) -> None:
    """Labels right of the lines' ends, moved apart so that no two are nearer than `gap` points.

    The limits of the axes must stand already.
    """
    if not labels:
        return
    height = inches_of(axes)[1] * 72
    bottom, top = axes.get_ylim()
    scale = height / (top - bottom)
    ordered = sorted(labels, key=lambda label: label.y)
    wanted = np.array([(label.y - bottom) * scale for label in ordered])
    inside = np.array([_HALF_LINE * label.text.count("\n") for label in ordered])
    placed = spread(np.clip(wanted, inside, height - inside), gap)
    placed -= max(float(placed[-1] - height + inside[-1]), 0.0)
    placed += max(float(inside[0] - placed[0]), 0.0)
    for label, y in zip(ordered, placed, strict=True):
        place = (label.x, bottom + y / scale)
        note(axes, label.text, place, (5, 0), va="center", ha="left", color=label.colour)


def spread(wanted: Floats, gap: float) -> Floats:
    """The nearest ascending places to the wanted ascending ones, at least `gap` apart.

    Isotonic least squares by pooling: neighbours that are too near share their mean.
    """
    pools: list[tuple[float, int]] = []
    for place, want in enumerate(wanted):
        pools.append((float(want) - gap * place, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools[-2], pools[-1]
            pools[-2:] = [((a * n + b * m) / (n + m), n + m)]
    flat = np.repeat([mean for mean, _ in pools], [n for _, n in pools])
    return np.asarray(flat + gap * np.arange(len(wanted)))


def dots(axes: Axes, x: ArrayLike, y: ArrayLike, colour: str, size: float = 3.6) -> None:
    """Many small dots as one path, a dozen bytes each."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    places = np.column_stack([np.asarray(x, float), np.asarray(y, float)])
    places = places[np.isfinite(places).all(axis=1)]
    if not len(places):
        return
    codes = np.tile([Path.MOVETO, Path.LINETO], len(places))
    path = Path(np.repeat(places, 2, axis=0), codes)
    path.should_simplify = False
    look = {"edgecolor": colour, "linewidth": size, "capstyle": "round", "alpha": 0.7}
    axes.add_artist(PathPatch(path, fill=False, **look))
    # `add_patch` would look for the bounds of each segment
    axes.update_datalim(places)
    axes.autoscale_view()


def cells(axes: Axes, levels: Ints, palette: Sequence[str]) -> None:
    """A heat map: the cell in row i, column j has colour `palette[levels[i, j] - 1]`.

    Level 0 stays as the page is. Cells of one colour that stand side by side in a row become one
    rectangle, and all those of a colour one path.
    """
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    for level, colour in enumerate(palette, start=1):
        boxes = _runs(levels == level)
        if boxes:
            corners = np.array(
                [[(a, i), (b, i), (b, i + 1), (a, i + 1), (a, i)] for i, a, b in boxes]
            )
            codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
            path = Path(corners.reshape(-1, 2) - 0.5, codes * len(boxes))
            axes.add_patch(PathPatch(path, facecolor=colour, edgecolor="none"))
    axes.set_xlim(-0.5, levels.shape[1] - 0.5)
    axes.set_ylim(levels.shape[0] - 0.5, -0.5)


#: Shades for cells with words: on the first three ink can be read, on the others the first one.
SHADES = (*HEAT[:3], *HEAT[4:])


def written_cells(
    axes: Axes, levels: Ints, texts: Mapping[tuple[int, ...], str], size: float
) -> None:
    """Cells in `SHADES`, see `cells`, and words in some of them, {(row, column): text}."""
    cells(axes, levels, SHADES)
    for (row, column), text in texts.items():
        tone = LIGHT.ink if levels[row, column] <= 3 else SHADES[0]
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=tone)


def steps_key(
    figure: Figure, place: tuple[float, float], apart: float, steps: Sequence[float], words: Wording
) -> None:
    """What each shade of `HEAT` stands for: from how many times on a cell has it.

    place : inches from the left and from the top. apart : inches between two shades.
    """
    width, height = (float(inches) for inches in figure.get_size_inches())
    left, top = place
    for at, (step, colour) in enumerate(zip(steps, HEAT, strict=True)):
        x, y = (left + apart * at) / width, 1 - top / height
        figure.text(x, y, "■", fontsize=11, color=colour, va="center")
        look: Look = {"fontsize": SMALL, "color": LIGHT.muted, "va": "center"}
        figure.text(x + 0.15 / width, y, f"{words.numbers.declared(step)}+", **look)


def _runs(mask: Bools) -> list[tuple[int, int, int]]:
    """(row, first column, column after the last) of the runs of true cells."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    return [
        (row, int(start), int(end))
        for row in range(len(mask))
        for start, end in zip(
            np.flatnonzero(edges[row] == 1), np.flatnonzero(edges[row] == -1), strict=True
        )
    ]


# How the values of a measure are written and drawn: as percentages, or in the target's unit.


class Scaled(Protocol):
    """Something that a task measures: a `Loss`, a `Measure` or a `Drawn`."""

    @property
    def is_share(self) -> bool: ...


@dataclass(frozen=True)
class Scale:
    """How values of one measure are written.

    is_share : whether as percentages. unit : of the target, or nothing. words : the language.
    """

    is_share: bool
    unit: str | None
    words: Wording

    @classmethod
    def of(cls, measure: Scaled, results: Results) -> Scale:
        """Of a measure in these results; a share has no unit."""
        unit = None if measure.is_share else results.schema.target.unit
        return cls(measure.is_share, unit, words_of(results))

    def plain(self, value: Estimate) -> Message:
        """The value without its unit, as precise as its interval allows."""
        name = "percent" if self.is_share else "number"
        ends = {"low": value.low, "high": value.high}
        return caption(f"common.measured.{name}", value=value.value, **ends)

    def full(self, value: Estimate) -> Message:
        """The value with its unit."""
        if self.is_share:
            return self.plain(value)
        ends = {"low": value.low, "high": value.high, "unit": self.unit}
        return caption("common.measured.quantity", value=value.value, **ends)

    def with_interval(self, value: Estimate) -> Message:
        """The value with the ends of its interval in brackets."""
        return caption(f"common.measured.{'share' if self.is_share else 'value'}", estimate=value)

    def distance(self, value: float) -> Message:
        """How far two values are apart."""
        if self.is_share:
            return caption("common.measured.gap", estimate=Estimate(value))
        return self.full(Estimate(value))

    def ticks(self, axes: Axes, along: Along, most: int = 5) -> None:
        """At most so many ticks of an axis, as such values are written."""
        (percent_ticks if self.is_share else value_ticks)(axes, along, self.words, most)

    def label(self, text: str) -> str:
        """An axis label, with the unit."""
        return in_unit(text, self.unit, self.words)

    def axis(self, text: str, **fields: object) -> dict[str, object]:
        """The axis of a twin."""
        make = twin.share_axis if self.is_share else twin.axis
        return make(self.label(text), **fields)
