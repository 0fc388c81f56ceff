"""Panels that share their rows, such as parts of the data, and bars for boards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from deepseek_report.tasks.task import Drawn
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import extent, short, wrapped
from deepseek_report.wording.words import Wording

#: Inches of a line of a label and of what is between rows, and above and below the rows.
_LINE, _BETWEEN, _ABOVE, _BELOW = 0.15, 0.21, 0.35, 0.5
#: Inches between two panels side by side, and for the counts beside the last one.
_GAP, _COUNTS = 0.3, 0.55


@dataclass(frozen=True)
class RowPanels:
    """Rows with a label and a number of cases each, and what is drawn of them.

    panels : draws each on axes whose rows are at 0, 1, … from the top. letters, lines : of a line
    of a label, and lines of it, on a wide and on a narrow page.
    """

    labels: Sequence[str]
    counts: Sequence[int]
    panels: Sequence[Callable[[style.Axes], None]]
    words: Wording
    letters: tuple[int, int] = (24, 16)
    lines: tuple[int, int] = (6, 10)

    def drawn(self, name: str, page: float) -> str:
        """The SVG of a picture of this name, so many inches wide."""
        wide = page == style.WIDTH
        fit = self.letters[not wide], self.lines[not wide]
        names = [wrapped(label, *fit) for label in self.labels]
        most = max(label.count("\n") for label in names)
        tall = (_LINE * (most + 1) + _BETWEEN) * len(names)
        whole = tall + _ABOVE + _BELOW
        n = len(self.panels)

        def paint(figure: style.Figure) -> None:
            left = min(extent(names) + 0.2, 0.42 * page)
            room = page - left - _COUNTS
            width = (room - (n - 1) * _GAP) / n if wide else room
            for place, draw in enumerate(self.panels):
                start = left + (place * (width + _GAP) if wide else 0)
                bottom = _BELOW + (0 if wide else (n - 1 - place) * whole)
                axes = style.panel(figure, start, bottom, start + width, bottom + tall)
                marks.rows(axes, names if place == 0 or not wide else [""] * len(names))
                draw(axes)
                marks.grid(axes, "x")
                marks.keep_ticks_apart(axes)
                if place == n - 1 or not wide:
                    counts = map(self.words.numbers.count, self.counts)
                    marks.beside(axes, counts, self.words.text("pictures.common.cases"), 40)

        return style.draw_svg(name, whole if wide else n * whole, paint, page)


class OfPart(Protocol):
    """A row on a part of the data, whose cells have the columns of the task."""

    @property
    def attribute(self) -> str: ...

    @property
    def n(self) -> int: ...

    @property
    def cells(self) -> Mapping[str, Any]: ...


def over_all(parts: Sequence[OfPart], column: Drawn) -> float:
    """The mean over all cases, by the levels of the first attribute, which hold each case once."""
    levels = [part for part in parts if part.attribute == parts[0].attribute]
    values = [column.of(part.cells).value for part in levels]
    return float(np.average(values, weights=[part.n for part in levels]))


#: Inches of a row, of the labels, and below the axes.
_BAR, _LABELS_OF_BARS, _FOOT_OF_BARS = 0.27, 3.0, 0.4


@dataclass(frozen=True)
class LabelledValue:
    """A value from zero, of any sign, and what it is the value of."""

    label: str
    value: float


def bars(shown: Sequence[LabelledValue], words: Wording) -> style.Pixels:
    """The bars in their order, the first at the top, as (height, width, 3)."""
    height = _FOOT_OF_BARS + 0.15 + _BAR * max(len(shown), 1)

    def paint(figure: style.Figure) -> None:
        axes = style.panel(figure, _LABELS_OF_BARS, _FOOT_OF_BARS, style.WIDTH - 0.15, height - 0.1)
        values = [bar.value for bar in shown]
        axes.barh(range(len(shown)), values, height=0.62, color=style.SERIES[0])
        marks.rows(axes, [short(bar.label, 42) for bar in shown])
        marks.value_ticks(axes, "x", words)
        marks.grid(axes, "x")

    return style.draw_pixels(height, paint)
