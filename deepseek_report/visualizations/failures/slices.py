"""Where the model does worse than elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.error_budget import level_of
from deepseek_report.findings.rules_bottlenecks import unexpected_slice
from deepseek_report.metrics.failures.failure_rows import Slice
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import Loss
from deepseek_report.visualizations.drawing import marks, twin
from deepseek_report.visualizations.drawing.labels import caption, short, wrapped
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES

#: Inches of a row.
_ROW, _ROW_NARROW = 0.46, 0.56


@dataclass(frozen=True)
class SlicesPicture(OnePicture):
    """Draws the error of the worst slices against that of the rest.

    most : slices shown, worst first.
    """

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/slices"})

    most: Annotated[int, Field(ge=1, le=20)] = 10

    def picture(self, results: Results) -> Picture:
        loss, level = task_of(results.schema.target).loss, level_of(results, "slices")
        table = required(results, "slices", "slices", Slice)
        named = {row.slice: row for row in reversed(table)}
        once = [row for row in table if named[row.slice] is row][: self.most]
        score = results.find("slices_examined")
        view = _View(
            [_DrawnSlice.of(row, loss, level) for row in once],
            marks.Scale.of(loss, results),
            int(score[0].value) if score else len(once),
            unexpected_slice(results),
        )
        n = len(once)
        return on_sheets(
            "slices",
            (0.95 + _ROW * n, 0.95 + _ROW_NARROW * n),
            lambda sheet: _paint(sheet, view),
            title=_title(view),
            alt=_alt(view),
            how_to_read=caption("slices.how_to_read", examined=view.examined),
            interactive=_twin(view),
        )


@dataclass(frozen=True)
class _DrawnSlice:
    """A slice of the picture.

    rest : what it should have: the loss that is expected, and that elsewhere where nothing is
    stated. p : adjusted; 1 where it has many errors, as expected. is_sure : whether it is beyond
    chance.
    """

    name: str
    n: int
    value: Estimate
    rest: float
    p: float
    is_sure: bool

    @classmethod
    def of(cls, row: Slice, loss: Loss, level: float) -> _DrawnSlice:
        expected, p = row.expected(loss.key), row.p_adjusted if row.kind == "unexpected" else 1.0
        return cls(
            row.slice,
            row.n,
            row.loss(loss.key),
            row.rest(loss.key) if expected is None else expected,
            math.nan if p is None else p,
            p is not None and p < level,
        )


@dataclass(frozen=True)
class _View:
    """The slices of the picture, worst first, and how they are written.

    worst : the one that the report concludes on.
    """

    slices: list[_DrawnSlice]
    scale: marks.Scale
    examined: int
    worst: Slice | None


def _paint(sheet: Sheet, view: _View) -> None:
    """A point with its interval for each slice, hollow where it may be chance; the rest beside."""
    left, columns = (1.75, 22) if sheet.is_narrow else (3.4, 44)
    axes = sheet.axes(left, 0.55, 0.8, 0.35)
    marks.rows(axes, [wrapped(part.name, columns, 3) for part in view.slices])
    rest = enumerate(Estimate(part.rest) for part in view.slices)
    marks.intervals(axes, rest, marks.MarkStyle(LIGHT.context, "D", size=4.5))
    for sure in (True, False):
        own = [(at, part.value) for at, part in enumerate(view.slices) if part.is_sure == sure]
        marks.intervals(axes, own, marks.MarkStyle(SERIES[1], hollow=not sure))
    marks.grid(axes, "x")
    axes.set_xlim(left=-0.02 * axes.get_xlim()[1])
    view.scale.ticks(axes, "x")
    words = view.scale.words
    axes.set_xlabel(view.scale.label(words.text("pictures.slices.axis")))
    counts = (words.numbers.count(part.n) for part in view.slices)
    marks.beside(axes, counts, words.text("pictures.common.cases"), 44)


def _title(view: _View) -> Message:
    if view.worst is None:
        return caption("slices.title_none")
    worst = next(part for part in view.slices if part.name == view.worst.slice)
    low, high = (None, None) if view.scale.is_share else (worst.value.low, worst.value.high)
    return caption(
        "slices.title",
        slice=short(worst.name, 130),
        error=view.scale.full(Estimate(worst.value.value, low, high)),
        n=worst.n,
        elsewhere=view.scale.plain(Estimate(worst.rest, low, high)),
    )


def _part(name: str, part: _DrawnSlice, scale: marks.Scale) -> Message:
    return caption(
        name,
        slice=short(part.name, 130),
        error=scale.with_interval(part.value),
        n=part.n,
        elsewhere=scale.plain(Estimate(part.rest)),
    )


def _alt(view: _View) -> Message:
    slices = [_part("slices.alt_slice", part, view.scale) for part in view.slices[:5]]
    return caption("slices.alt", examined=view.examined, slices=slices)


def _twin(view: _View) -> dict[str, object]:
    parts, scale, words = view.slices, view.scale, view.scale.words
    places = range(len(parts))
    filled = ["circle" if part.is_sure else "circle-open" for part in parts]
    fields: twin.Trace = {
        "text": [_hover(part, scale) for part in parts],
        "error_x": twin.error_bars(part.value for part in parts),
        "name": words.text("pictures.slices.slice"),
    }
    diamond = {"symbol": "diamond", "size": 8}
    others = words.text("pictures.slices.others")
    rests, values = [part.rest for part in parts], [part.value.value for part in parts]
    rest = twin.points(rests, places, LIGHT.context, diamond, name=others)
    layout = {
        "xaxis": scale.axis(words.text("pictures.slices.axis"), rangemode="tozero"),
        "yaxis": twin.row_axis([wrapped(part.name, 38, 3) for part in parts]),
    }
    traces = [rest, twin.points(values, places, SERIES[1], {"symbol": filled}, **fields)]
    return twin.twin(traces, layout, words, height=120 + 52 * len(parts))


def _hover(part: _DrawnSlice, scale: marks.Scale) -> str:
    words = scale.words
    error = words.say(_part("slices.hover_error", part, scale))
    elsewhere = words.say(_part("slices.hover_elsewhere", part, scale))
    p = words.text("pictures.slices.hover_p", p=part.p)
    return f"{twin.text(short(part.name, 130))}<br>{error}<br>{elsewhere}<br>{twin.text(p)}"
