"""Panels of one size on one page, laid out for a wide and for a narrow page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepseek_report.visualizations.drawing.labels import wrapped
from deepseek_report.visualizations.style import LIGHT, NARROW, SMALL, WIDTH, draw_svg, panel
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Paints one panel: its axes, and which one it is.
PaintPanel = Callable[["Axes", int], None]


@dataclass(frozen=True)
class Multiples:
    """Panels in rows, read from left to right.

    titles : of the panels. paint : what is in each. heading : what all of them measure, above the
    first row. lefts : inches left of each panel for its labels. tall : inches of a panel.
    abreast : panels side by side on a wide page; on a narrow one there is one fewer.
    """

    titles: Sequence[str]
    paint: PaintPanel
    lefts: Sequence[float]
    heading: str = ""
    tall: float = 1.3
    abreast: int = 3

    def wide(self, name: str) -> str:
        """The SVG for a wide page."""
        return self._drawn(name, WIDTH, self.abreast)

    def narrow(self, name: str) -> str:
        """The SVG for a narrow page."""
        return self._drawn(name, NARROW, max(self.abreast - 1, 1))

    def _drawn(self, name: str, page: float, most: int) -> str:
        abreast = min(most, len(self.titles))
        cell = page / abreast
        titles = [wrapped(title, int((cell - 0.15) * _CHARACTERS)) for title in self.titles]
        title = _LINE * max(1 + text.count("\n") for text in titles) + 0.1
        row = title + self.tall + _FOOT
        heading = _HEADING if self.heading else 0.05
        height = heading + -(-len(titles) // abreast) * row

        def panels(figure: Figure) -> None:
            look: Any = {"fontsize": SMALL, "color": LIGHT["muted"], "va": "top"}
            figure.text(0.02 / page, 1 - 0.02 / height, self.heading, **look)
            for place, text in enumerate(titles):
                below, column = divmod(place, abreast)
                top, begin = height - heading - below * row, column * cell
                corner = ((begin + 0.02) / page, 1 - (height - top) / height)
                figure.text(*corner, text, fontsize=SMALL, color=LIGHT["ink"], va="top")
                box = (begin + self.lefts[place], top - title - self.tall, begin + cell - _RIGHT)
                self.paint(panel(figure, *box, top - title), place)

        return draw_svg(name, height, panels, page)


#: Inches for the heading, for a line of a title, for the labels below a panel, and right of it.
_HEADING, _LINE, _FOOT, _RIGHT = 0.24, 0.15, 0.36, 0.26
#: Characters of a title in an inch.
_CHARACTERS = 13.5


def quantity_ticks(axes: Axes, unit: str | None, words: Wording, most: int = 2) -> None:
    """At most so many ticks along the bottom, written as quantities of this unit, if any."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 5, 10]))
    write = words.numbers.quantity
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value, unit)))
