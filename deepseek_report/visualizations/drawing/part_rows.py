"""Rows of parts of the data: what each one has beside what all other cases have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import extent, short, wrapped
from deepseek_report.visualizations.drawing.marks import Scale
from deepseek_report.visualizations.drawing.sheet import Sheet
from deepseek_report.visualizations.style import (
    LIGHT,
    SERIES,
    WIDTH,
    Axes,
    Figure,
    Pixels,
    draw_pixels,
    draw_svg,
    panel,
)
from deepseek_report.wording.words import Wording

# --- Panels that share their rows, side by side on a wide page and stacked on a narrow one --------

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
    panels: Sequence[Callable[[Axes], None]]
    words: Wording
    letters: tuple[int, int] = (24, 16)
    lines: tuple[int, int] = (6, 10)

    def drawn(self, name: str, page: float) -> str:
        """The SVG of a picture of this name, so many inches wide."""
        wide = page == WIDTH
        fit = self.letters[not wide], self.lines[not wide]
        names = [wrapped(label, *fit) for label in self.labels]
        most = max(label.count("\n") for label in names)
        tall = (_LINE * (most + 1) + _BETWEEN) * len(names)
        whole = tall + _ABOVE + _BELOW
        n = len(self.panels)

        def paint(figure: Figure) -> None:
            left = min(extent(names) + 0.2, 0.42 * page)
            room = page - left - _COUNTS
            width = (room - (n - 1) * _GAP) / n if wide else room
            for place, draw in enumerate(self.panels):
                start = left + (place * (width + _GAP) if wide else 0)
                bottom = _BELOW + (0 if wide else (n - 1 - place) * whole)
                axes = panel(figure, start, bottom, start + width, bottom + tall)
                marks.rows(axes, names if place == 0 or not wide else [""] * len(names))
                draw(axes)
                marks.grid(axes, "x")
                marks.keep_ticks_apart(axes)
                if place == n - 1 or not wide:
                    counts = map(self.words.numbers.count, self.counts)
                    marks.beside(axes, counts, self.words.text("pictures.common.cases"), 40)

        return draw_svg(name, whole if wide else n * whole, paint, page)


# --- Rows of parts of the data: what each one has beside what all other cases have ----------------

_ROW, _ROW_NARROW = 0.46, 0.56


def heights_of(table: pd.DataFrame) -> tuple[float, float]:
    """Inches of a picture with these rows, on a wide sheet and on a narrow one."""
    return 0.95 + _ROW * len(table), 0.95 + _ROW_NARROW * len(table)


def paint_parts(
    sheet: Sheet, table: pd.DataFrame, columns: tuple[str, str], scale: Scale, label: str
) -> None:
    """A point with its interval for each part, a diamond for the rest, and the number of cases.

    table : one row a part: `slice, n, low, high, is_sure`, and the two of `columns`; what is
        not sure to be beyond chance is drawn hollow.
    columns : what the part has, and what all other cases have.
    scale, label : how the values are written, and what their axis says.
    """
    value, rest = columns
    left, columns_of_label = (1.75, 22) if sheet.is_narrow else (3.4, 44)
    axes = sheet.axes(left, 0.55, 0.8, 0.35)
    marks.rows(axes, [wrapped(text, columns_of_label, 3) for text in table["slice"]])
    places, nothing = np.arange(len(table)), np.full(len(table), np.nan)
    diamond = marks.MarkStyle(LIGHT.context, "D", size=4.5)
    marks.intervals(axes, places, table[rest], (nothing, nothing), diamond)
    sure = table["is_sure"].to_numpy(dtype=bool)
    for chance in (False, True):
        part, own = table[sure != chance], places[sure != chance]
        look = marks.MarkStyle(SERIES[1], hollow=chance)
        marks.intervals(axes, own, part[value], (part["low"], part["high"]), look)
    marks.grid(axes, "x")
    axes.set_xlim(left=-0.02 * axes.get_xlim()[1])
    scale.ticks(axes, "x")
    axes.set_xlabel(scale.label(label))
    words = scale.words
    cases = words.text("pictures.common.cases")
    marks.beside(axes, table["n"].map(words.numbers.count), cases, 44)


def over_all(table: pd.DataFrame, column: str) -> float:
    """The mean over all cases, from the levels of the first attribute, which hold each case once.

    table : one row a level: `attribute, n` and the column.
    """
    levels = table[table["attribute"] == table["attribute"].iloc[0]]
    return float(np.average(levels[column], weights=levels["n"]))


# --- Horizontal bars as pixels, for boards that show a run while it goes on -----------------------

#: Inches of a row, of the labels, and below the axes.
_BAR, _LABELS_OF_BARS, _FOOT_OF_BARS = 0.27, 3.0, 0.4


@dataclass(frozen=True)
class LabelledValue:
    """A value from zero, of any sign, and what it is the value of."""

    label: str
    value: float


def bars(shown: Sequence[LabelledValue], words: Wording) -> Pixels:
    """The bars in their order, the first at the top, as (height, width, 3)."""
    height = _FOOT_OF_BARS + 0.15 + _BAR * max(len(shown), 1)

    def paint(figure: Figure) -> None:
        axes = panel(figure, _LABELS_OF_BARS, _FOOT_OF_BARS, WIDTH - 0.15, height - 0.1)
        values = [bar.value for bar in shown]
        axes.barh(range(len(shown)), values, height=0.62, color=SERIES[0])
        marks.rows(axes, [short(bar.label, 42) for bar in shown])
        marks.value_ticks(axes, "x", words)
        marks.grid(axes, "x")

    return draw_pixels(height, paint)
