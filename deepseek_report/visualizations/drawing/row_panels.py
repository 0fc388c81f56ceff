"""Panels that share their rows, side by side on a wide page and stacked on a narrow one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepseek_report.visualizations.drawing.labels import extent, wrapped
from deepseek_report.visualizations.drawing.marks import beside, grid, keep_ticks_apart, rows
from deepseek_report.visualizations.style import WIDTH, draw_svg, panel
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
                rows(axes, names if place == 0 or not wide else [""] * len(names))
                draw(axes)
                grid(axes, "x")
                keep_ticks_apart(axes)
                if place == n - 1 or not wide:
                    counts = map(self.words.numbers.count, self.counts)
                    beside(axes, counts, self.words.text("pictures.common.cases"), 40)

        return draw_svg(name, whole if wide else n * whole, paint, page)
