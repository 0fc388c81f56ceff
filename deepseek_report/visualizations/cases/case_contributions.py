"""What moved the output of one case away from the base value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.errors import NotApplicableError
from deepseek_report.visualizations.cases.case_bars import BarView, bar_view
from deepseek_report.visualizations.cases.case_views import CasePicture
from deepseek_report.visualizations.drawing.captions import caption
from deepseek_report.visualizations.drawing.labels import extent, wrapped
from deepseek_report.visualizations.drawing.marks import (
    grid,
    note,
    percent_ticks,
    point_ticks,
    rows,
    value_ticks,
)
from deepseek_report.visualizations.drawing.read_results import leading_for_cases, named_or
from deepseek_report.visualizations.style import LIGHT, NARROW, WIDTH, draw_svg, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

#: Height of a row in inches, and where labels have up to three lines.
_ROW, _ROW_NARROW = 0.33, 0.5


@dataclass(frozen=True)
class CaseContributionsPicture(CasePicture):
    """Draws, for the first chosen cases, what each feature added to or took from the output.

    It is for paper; on a page the browser of cases draws every case from the stored numbers.

    explainer : whose attributions; empty takes the one that does best in the tests.
    cases : how many of the chosen cases are drawn.
    most : features shown one by one; the others are summed in a last bar.
    """

    reveals: ClassVar[Reveals] = "rows"

    explainer: str = ""
    cases: Annotated[int, Field(ge=1, le=200)] = 4
    most: Annotated[int, Field(ge=1, le=20)] = 8

    def draw(self, results: Results) -> Sequence[Picture]:
        if not self.explainer and results.conclusions.has_no_reasons:
            raise NotApplicableError(message("refusals.no_reasons"))
        name = named_or(results, self.explainer, leading_for_cases)
        places = list(results.cases.roles.values())[: self.cases]
        views = [bar_view(results, name, place, self.most) for place in places]
        span = span_of(views)
        return [
            _picture(view, f"case_contributions_{case}", span) for case, view in enumerate(views)
        ]


def span_of(views: Sequence[BarView]) -> tuple[float, float]:
    """The lowest and the highest end of any bar, so that all cases are drawn to one scale."""
    effects = np.concatenate([view.effects for view in views])
    low, high = max(-float(effects.min(initial=0)), 0.0), max(float(effects.max(initial=0)), 0.0)
    return low, high if low + high > 0 else 1.0


def _picture(view: BarView, name: str, span: tuple[float, float]) -> Picture:
    return Picture(
        name=name,
        svg=_drawn(view, name, span, WIDTH, _ROW),
        narrow=_drawn(view, name, span, NARROW, _ROW_NARROW),
        title=_title(view),
        alt=_alt(view),
        how_to_read=caption(
            "case_contributions.how_to_read",
            explainer=view.explainer,
            has_base=view.base is not None,
            space=view.space,
        ),
    )


def _drawn(view: BarView, name: str, span: tuple[float, float], width: float, row: float) -> str:
    """The picture, with rows of so many inches."""
    unit = view.words.say(view.unit)
    unit = unit if width == WIDTH else wrapped(unit, 34, 3)
    foot = 0.4 + 0.15 * len(unit.split("\n"))
    height = 1.2 + foot + row * len(view.bars)
    return draw_svg(name, height, lambda figure: _paint(figure, view, span, unit, foot), width)


def _paint(
    figure: Figure, view: BarView, span: tuple[float, float], unit: str, foot: float
) -> None:
    width, height = (float(inches) for inches in figure.get_size_inches())
    wide = width == WIDTH
    labels = [bar.lines if wide else bar.narrow_lines for bar in view.bars]
    left, right = min(extent(labels) + 0.12, 0.43 * width), width - 0.2
    _strip(panel(figure, left, height - 0.72, right - 0.1, height - 0.34), view)
    axes = panel(figure, left, foot, right, height - 1.1)
    rows(axes, labels)
    values = view.effects
    tones = [LIGHT["raises"] if value > 0 else LIGHT["lowers"] for value in values]
    axes.barh(range(len(values)), values, height=0.66, color=tones)
    grid(axes, "x")
    axes.axvline(0, color=LIGHT["context"], linewidth=1)
    _effects(axes, view, span, right - left)
    ticks = point_ticks if view.space == "probability" else value_ticks
    ticks(axes, "x", view.words, 5 if wide else 3)
    axes.set_xlabel(unit)


def _effects(axes: Axes, view: BarView, span: tuple[float, float], width: float) -> None:
    """The number beside each bar, on the side it points to, with room inside the `width` inches."""
    write, values = view.words.numbers.attribution, view.effects
    texts = [write(view.effect(value), unit=False) for value in values]
    below, above = span
    room = extent(texts) + 0.12
    scale = (below + above) / (width - room * ((below > 0) + (above > 0)))
    axes.set_xlim(-below - room * scale * (below > 0), above + room * scale * (above > 0))
    for row, (value, text) in enumerate(zip(values, texts, strict=True)):
        side, offset = ("left", 4) if value >= 0 else ("right", -4)
        look = {"ha": side, "va": "center", "color": LIGHT["ink"]}
        note(axes, text, (value, row), (offset, 0), **look)


def _strip(axes: Axes, view: BarView) -> None:
    """The way from the base value to the prediction on a line of probabilities or numbers."""
    axes.set(xlim=_extent(view), ylim=(-1, 1), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_position(("data", 0))
    axes.tick_params(pad=5)
    (value_ticks if view.in_unit else percent_ticks)(axes, "x", view.words, 4)
    rising = view.base is None or view.output >= view.base
    tone = LIGHT["raises"] if rising else LIGHT["lowers"]
    if view.base is not None:
        axes.plot([view.base, view.output], [0, 0], color=tone, linewidth=4)
        axes.plot(view.base, 0, "o", color=LIGHT["muted"], markersize=6, clip_on=False)
    axes.plot(view.output, 0, "D", color=tone, markersize=7, clip_on=False)
    if view.threshold is not None:
        axes.vlines(view.threshold, -0.1, 0.9, colors=LIGHT["ink"], linewidth=1.4)
    note(axes, _heading(view), (1, 1), (0, 4), xycoords="axes fraction", ha="right")


def _extent(view: BarView) -> tuple[float, float]:
    """The ends of the line: 0 and 1 of a probability, somewhat around the numbers."""
    if not view.in_unit:
        return 0.0, 1.0
    ends = [view.output, view.output if view.base is None else view.base]
    pad = 0.6 * (max(ends) - min(ends)) or abs(ends[0]) * 0.1 or 1.0
    return min(ends) - pad, max(ends) + pad


def _heading(view: BarView) -> str:
    return view.words.text(
        "pictures.case_contributions.heading",
        base=None if view.base is None else view.written(view.base),
        output=view.written(view.output),
        threshold=view.threshold,
    )


def _title(view: BarView) -> Message:
    if not view.bars or not view.bars[0].value:
        within = bool(view.effects.any())
        about = {"case": view.identity, "explainer": view.explainer}
        return caption("case_contributions.title_nothing", within=within, **about)
    return caption(
        "case_contributions.title",
        case=view.identity,
        player=view.bars[0].title,
        effect=view.effect(view.bars[0].effect),
        space=view.space,
        unit=view.number_unit or "",
        class_name=view.class_name,
    )


def _alt(view: BarView) -> Message:
    bars = [
        caption("case_contributions.alt_bar", player=bar.words, effect=view.effect(bar.effect))
        for bar in view.bars[:5]
    ]
    return caption(
        f"case_contributions.{'alt_number' if view.in_unit else 'alt'}",
        case=view.identity,
        class_name=view.class_name,
        output=view.written(view.output),
        base=None if view.base is None else view.written(view.base),
        decided=view.decided,
        actual=view.actual,
        unit=view.unit,
        bars=bars,
    )
