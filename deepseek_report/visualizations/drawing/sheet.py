"""The sheet that a picture is drawn on, and panels on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.tasks.task import Drawn
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, extent, short, wrapped
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

# --- The sheet that a picture is drawn on: the width of a page, or of a phone ---------------------


class OnePicture(PicturePart):
    """A part that draws a single picture."""

    def picture(self, results: Results) -> Picture:
        """The picture of these results."""
        raise NotImplementedError

    def draw(self, results: Results) -> Sequence[Picture]:
        return [self.picture(results)]


def on_pages(
    name: str,
    drawn: Callable[[float], str],
    *,
    title: Text,
    alt: Text,
    how_to_read: Text = "",
    **others: Any,
) -> Picture:
    """The picture on a wide and on a narrow page, with the texts beside it.

    drawn : the SVG for a page of so many inches. how_to_read : by default the text
    `pictures.<name>.how_to_read`. others : further fields of the picture.
    """
    how_to_read = how_to_read or caption(f"{name}.how_to_read")
    wide = drawn(WIDTH)
    return Picture(name, wide, title, alt, how_to_read, narrow=drawn(NARROW), **others)


class DrawsItself(Protocol):
    """What a picture shows of a run; `drawn` as in `on_pages`."""

    def drawn(self, page: float) -> str: ...

    def title(self) -> Text: ...

    def alt(self) -> Text: ...


def picture_of(view: DrawsItself, name: str) -> Picture:
    """A view on a wide and on a narrow page, with the texts beside it."""
    return on_pages(name, view.drawn, title=view.title(), alt=view.alt())


# --- The sheet that a picture is drawn on: the width of a page, or of a phone ---------------------

#: Inches between the labels of rows and their axes, and share of a narrow sheet for labels.
_GAP, _LABELS = 0.15, 0.4
#: Columns of a broken label in an inch.
_COLUMNS = 15
#: Inches below axes for ticks and a name of one line, and for each further line.
_FOOT, _LINE = 0.55, 0.15


@dataclass(frozen=True)
class Sheet:
    """A figure as wide as a page or a phone; a layout measures from its edges."""

    figure: Figure

    @staticmethod
    def heights(
        rows: int, row: float, narrow: float | None = None, around: float = 0.95
    ) -> tuple[float, float]:
        """Inches of a wide and of a narrow sheet that hold so many rows.

        row, narrow : of each row on a wide and on a narrow sheet, by default the same. around :
        above and below the rows.
        """
        return around + row * rows, around + (narrow or row) * rows

    @property
    def width(self) -> float:
        """Inches."""
        return float(self.figure.get_size_inches()[0])

    @property
    def is_narrow(self) -> bool:
        return self.width < WIDTH

    @property
    def height(self) -> float:
        """Inches."""
        return float(self.figure.get_size_inches()[1])

    def axes(self, left: float, bottom: float, right: float, top: float) -> Axes:
        """Axes whose box is so many inches from each edge of the sheet."""
        return panel(self.figure, left, bottom, self.width - right, self.height - top)

    def row_labels(self, texts: Sequence[str], most: int, room: float) -> tuple[list[str], float]:
        """Labels left of rows, and the inches from the edge to the axes.

        most, room : columns of a label and inches for all on a wide sheet; on a narrow one labels
        are broken into up to three lines that take two fifths of it.
        """
        if self.is_narrow:
            room = _LABELS * self.width
            labels = [wrapped(text, int((room - _GAP) * _COLUMNS), 3) for text in texts]
        else:
            labels = [short(text, most) for text in texts]
        return labels, min(extent(labels) + _GAP, room)

    def below(self, text: str, left: float) -> tuple[str, float]:
        """The name of a lower axis that begins at `left`, and the inches it needs below the axes.

        On a narrow sheet it is broken into lines as wide as the axes, which none leaves.
        """
        if not self.is_narrow:
            return text, _FOOT
        broken = wrapped(text, int((self.width - left - _GAP) * _COLUMNS), 3)
        return broken, _FOOT + _LINE * broken.count("\n")


#: Paints a picture on a sheet.
PaintSheet = Callable[[Sheet], None]


def on_sheets(
    name: str, height: float | tuple[float, float], paint: PaintSheet, **texts: Any
) -> Picture:
    """The picture on a wide and on a narrow sheet.

    height : inches; as a pair those of the wide sheet and of the narrow one. texts : see
    `on_pages`.
    """
    wide, narrow = height if isinstance(height, tuple) else (height, height)

    def drawn(page: float) -> str:
        tall = wide if page == WIDTH else narrow
        return draw_svg(name, tall, lambda figure: paint(Sheet(figure)), page)

    return on_pages(name, drawn, **texts)


class PaintsItself(Protocol):
    """What a picture shows of a run, painted on a sheet."""

    def paint(self, sheet: Sheet) -> None: ...

    def title(self) -> Text: ...

    def alt(self) -> Text: ...


def sheets_of(
    view: PaintsItself, name: str, height: float | tuple[float, float], **texts: Any
) -> Picture:
    """A view on a wide and on a narrow sheet; see `on_sheets`."""
    return on_sheets(name, height, view.paint, title=view.title(), alt=view.alt(), **texts)


# Panels of one size on one page, laid out for a wide and for a narrow page.

#: Paints one panel: its axes, and which one it is.
PaintPanel = Callable[["Axes", int], None]


@dataclass(frozen=True)
class Multiples:
    """Panels in rows, read from left to right.

    titles : of the panels. paint : what is in each. lefts : inches left of each panel for its
    labels. heading : what all of them measure, above the first row. key : what the colours stand
    for, as (text, colour), beside the heading. notes : a line below each title, or none.
    tall, foot : inches of a panel, and of the labels below it. abreast : panels side by side on a
    wide page; on a narrow one there is one fewer, and one with long labels has a row of its own.
    """

    #: Inches left of a panel whose rows are categories, and the columns that their labels may take.
    CATEGORIES: ClassVar[float] = 1.38
    CATEGORY_LETTERS: ClassVar[int] = 21

    titles: Sequence[str]
    paint: PaintPanel
    lefts: Sequence[float]
    heading: str = ""
    key: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    tall: float = 1.3
    foot: float = 0.36
    abreast: int = 3

    def picture(self, name: str, **texts: Any) -> Picture:
        """The panels on a wide and on a narrow page; texts : see `on_pages`."""
        return on_pages(name, lambda page: self._drawn(name, page), **texts)

    def _drawn(self, name: str, page: float) -> str:
        most = self.abreast if page == WIDTH else max(self.abreast - 1, 1)
        cells = self._cells(page, min(most, len(self.titles)))
        letters = [int((cell.wide - 0.15) * _CHARACTERS) for cell in cells]
        titles = [wrapped(title, n) for title, n in zip(self.titles, letters, strict=True)]
        lines = max(text.count("\n") + 1 for text in titles)
        above = _PANEL_LINE * (lines + bool(self.notes)) + 0.1
        row, heading = above + self.tall + self.foot, self._heading(page)
        head = heading[-1][1] + _PANEL_LINE + 0.07 if heading else 0.05
        height = head + (cells[-1].row + 1) * row

        def panels(figure: Figure) -> None:
            def write(left: float, down: float, text: str, colour: str) -> None:
                place = left / page, 1 - down / height
                figure.text(*place, text, fontsize=SMALL, color=colour, va="top")

            for entry in heading:
                write(*entry)
            for place, (text, cell) in enumerate(zip(titles, cells, strict=True)):
                top, begin = head + cell.row * row, cell.begin
                write(begin + 0.02, top, text, LIGHT.ink)
                if self.notes:
                    down = top + _PANEL_LINE * (text.count("\n") + 1)
                    write(begin + 0.02, down, self.notes[place], LIGHT.muted)
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
        first = [(self.heading, LIGHT.muted)] if self.heading else []
        for text, colour in (*first, *self.key):
            wide = extent([text])
            if placed and begins + wide > page:
                begins, down = 0.02, down + _PANEL_LINE
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
_PANEL_LINE, _RIGHT = 0.16, 0.26
#: Inches that a panel must have beside its labels; with less, it takes the width of the page.
_NARROWEST = 0.75
#: Characters of a title in an inch.
_CHARACTERS = 13.5


# --- Panels that share their rows, such as parts of the data, and bars for boards -----------------

#: Inches of a line of a label and of what is between rows, and above and below the rows.
_LINE_ROWS, _BETWEEN, _ABOVE, _BELOW = 0.15, 0.21, 0.35, 0.5
#: Inches between two panels side by side, and for the counts beside the last one.
_GAP_ROWS, _COUNTS = 0.3, 0.55


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
        tall = (_LINE_ROWS * (most + 1) + _BETWEEN) * len(names)
        whole = tall + _ABOVE + _BELOW
        n = len(self.panels)

        def paint(figure: style.Figure) -> None:
            left = min(extent(names) + 0.2, 0.42 * page)
            room = page - left - _COUNTS
            width = (room - (n - 1) * _GAP_ROWS) / n if wide else room
            for place, draw in enumerate(self.panels):
                start = left + (place * (width + _GAP_ROWS) if wide else 0)
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
