"""Panels of one size on one page, laid out for a wide and for a narrow page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.picture import Picture
from deepseek_report.visualizations.drawing.labels import caption, extent, unit_label, wrapped
from deepseek_report.visualizations.drawing.marks import keep_ticks_apart
from deepseek_report.visualizations.style import (
    LIGHT,
    NARROW,
    SMALL,
    WIDTH,
    Axes,
    Figure,
    draw_svg,
    panel,
)
from deepseek_report.wording.words import Wording

#: Paints one panel: its axes, and which one it is.
PaintPanel = Callable[["Axes", int], None]


#: Inches left of a panel whose rows are categories, and the columns that their labels may take.
CATEGORIES, CATEGORY_LETTERS = 1.38, 21


@dataclass(frozen=True)
class Multiples:
    """Panels in rows, read from left to right.

    titles : of the panels. paint : what is in each. lefts : inches left of each panel for its
    labels. heading : what all of them measure, above the first row. key : what the colours stand
    for, as (text, colour), beside the heading. notes : a line below each title, or none.
    tall, foot : inches of a panel, and of the labels below it. abreast : panels side by side on a
    wide page; on a narrow one there is one fewer, and one with long labels has a row of its own.
    """

    titles: Sequence[str]
    paint: PaintPanel
    lefts: Sequence[float]
    heading: str = ""
    key: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    tall: float = 1.3
    foot: float = 0.36
    abreast: int = 3

    def picture(self, name: str, *, title: Text, alt: Text, how_to_read: Text = "") -> Picture:
        """The panels on a wide and on a narrow page, with the texts beside them."""
        return Picture(
            name=name,
            svg=self._drawn(name, WIDTH, self.abreast),
            narrow=self._drawn(name, NARROW, max(self.abreast - 1, 1)),
            title=title,
            alt=alt,
            how_to_read=how_to_read or caption(f"{name}.how_to_read"),
        )

    def _drawn(self, name: str, page: float, most: int) -> str:
        cells = self._cells(page, min(most, len(self.titles)))
        letters = [int((cell.wide - 0.15) * _CHARACTERS) for cell in cells]
        titles = [wrapped(title, n) for title, n in zip(self.titles, letters, strict=True)]
        lines = max(text.count("\n") + 1 for text in titles)
        above = _LINE * (lines + bool(self.notes)) + 0.1
        row, heading = above + self.tall + self.foot, self._heading(page)
        head = heading[-1][1] + _LINE + 0.07 if heading else 0.05
        height = head + (cells[-1].row + 1) * row

        def panels(figure: Figure) -> None:
            def write(left: float, down: float, text: str, colour: str) -> None:
                place = left / page, 1 - down / height
                figure.text(*place, text, fontsize=SMALL, color=colour, va="top")

            for entry in heading:
                write(*entry)
            for place, (text, cell) in enumerate(zip(titles, cells, strict=True)):
                top, begin = head + cell.row * row, cell.begin
                write(begin + 0.02, top, text, LIGHT["ink"])
                if self.notes:
                    down = top + _LINE * (text.count("\n") + 1)
                    write(begin + 0.02, down, self.notes[place], LIGHT["muted"])
                upper = height - top - above
                box = (begin + self.lefts[place], upper - self.tall, begin + cell.wide - _RIGHT)
                axes = panel(figure, *box, upper)
                self.paint(axes, place)
                keep_ticks_apart(axes, beyond=_RIGHT)

        return draw_svg(name, height, panels, page)

    def _cells(self, page: float, abreast: int) -> list[_Cell]:
        """Where each panel stands: beside others, or in a row of its own if it needs the width."""
        wide, row, column = page / abreast, 0, 0
        cells = list[_Cell]()
        for left in self.lefts:
            alone = wide - left - _RIGHT < _NARROWEST
            if column and (alone or column == abreast):
                row, column = row + 1, 0
            cells.append(_Cell(row, column * wide, page if alone else wide))
            column = abreast if alone else column + 1
        return cells

    def _heading(self, page: float) -> list[tuple[float, float, str, str]]:
        """Inches from the left and from the top, text and colour of the heading and of the key."""
        placed, begins, down = list[tuple[float, float, str, str]](), 0.02, 0.02
        first = [(self.heading, LIGHT["muted"])] if self.heading else []
        for text, colour in (*first, *self.key):
            wide = extent([text])
            if placed and begins + wide > page:
                begins, down = 0.02, down + _LINE
            placed.append((begins, down, text, colour))
            begins += wide + 0.12
        return placed


@dataclass(frozen=True)
class _Cell:
    """The row of a panel, and inches: from the left of the page to where it begins, its width."""

    row: int
    begin: float
    wide: float


#: Inches of a line of text, and right of a panel.
_LINE, _RIGHT = 0.16, 0.26
#: Inches that a panel must have beside its labels; with less, it takes the width of the page.
_NARROWEST = 0.75
#: Characters of a title in an inch.
_CHARACTERS = 13.5


def quantity_ticks(axes: Axes, unit: str | None, words: Wording, most: int = 2) -> None:
    """At most so many ticks along the bottom, written as quantities of this unit, if any."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 5, 10]))
    write = words.numbers.quantity
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value, unit_label(unit))))
