"""The sheet that a picture is drawn on: the width of a page, or of a phone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.picture import Picture
from deepseek_report.visualizations.drawing.labels import caption, extent, short, wrapped
from deepseek_report.visualizations.style import NARROW, WIDTH, Axes, Figure, draw_svg, panel

# --- The picture of an object that draws itself at a width and says what is to be seen ------------


class DrawsItself(Protocol):
    """What a picture shows of a run.

    drawn : the SVG for a page of so many inches.
    """

    def drawn(self, page: float) -> str: ...

    def title(self) -> Text: ...

    def alt(self) -> Text: ...


def picture_of(view: DrawsItself, name: str) -> Picture:
    """A view on a wide and on a narrow page, with the texts beside it."""
    return Picture(
        name=name,
        svg=view.drawn(WIDTH),
        narrow=view.drawn(NARROW),
        title=view.title(),
        alt=view.alt(),
        how_to_read=caption(f"{name}.how_to_read"),
    )


# --- The sheet that a picture is drawn on: the width of a page, or of a phone ---------------------

#: Inches between the labels of rows and their axes, and share of a narrow sheet for labels.
_GAP, _LABELS = 0.15, 0.4
#: Columns of a broken label in an inch.
_COLUMNS = 15
#: Inches below axes for ticks and a name of one line, and for each further line.
_FOOT, _LINE = 0.55, 0.15


@dataclass(frozen=True)
class Sheet:
    """Its width in inches, and the figure on it; a layout measures from its edges."""

    figure: Figure
    width: float

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
    name: str,
    height: float | tuple[float, float],
    paint: PaintSheet,
    *,
    title: Text,
    alt: Text,
    how_to_read: Text = "",
    **others: Any,
) -> Picture:
    """The picture on a wide and on a narrow sheet.

    height : inches; as a pair those of the wide sheet and of the narrow one. how_to_read : by
    default the text `pictures.<name>.how_to_read`. others : further fields of the picture.
    """
    tall, taller = height if isinstance(height, tuple) else (height, height)
    return Picture(
        name,
        draw_svg(name, tall, lambda figure: paint(Sheet(figure, WIDTH)), WIDTH),
        title,
        alt,
        how_to_read or caption(f"{name}.how_to_read"),
        narrow=draw_svg(name, taller, lambda figure: paint(Sheet(figure, NARROW)), NARROW),
        **others,
    )
