"""How frequent a class is, cell by cell of the two parameters that tell of it most surely."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import quantity
from deepseek_report.artifacts.schema import CLASS_TASKS
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.risk_windows import RiskCell, RiskWindow
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, in_unit, known, short, spoken
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import OnePicture, picture_of
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Cells that the alternative text tells of, and inches around the cells.
_TOLD, _LEFT, _FOOT, _CELL = 3, 0.95, 0.75, 0.5


@dataclass(frozen=True)
class RiskWindowsPicture(OnePicture):
    """Draws rate and number of rows by the first two parameters of the surest range."""

    reveals = "aggregate"
    section = "explanations"
    tasks = CLASS_TASKS
    needs = frozenset({"measures/risk_windows"})

    def picture(self, results: Results) -> Picture:
        table = required(results, "risk_windows", "cells", RiskCell)
        windows = required(results, "risk_windows", "windows", RiskWindow)
        mapped = [window for window in windows if window.slice == table[0].slice]
        if not mapped:  # left out for privacy
            raise NotApplicableError(message("refusals.no_windows", confirmed=0))
        target = results.schema.target.explained_class
        view = _View(table, mapped[0], target, words_of(results))
        return picture_of(view, "risk_windows")


@dataclass(frozen=True)
class _View:
    """The cells, the range that it shows, and the class."""

    table: Sequence[RiskCell]
    window: RiskWindow
    target: str
    words: Wording

    def _grid(self, value: Callable[[RiskCell], float], empty: float) -> Floats:
        """(row, column) of a number of each cell; what the table lacks is `empty`."""
        shape = max(cell.row for cell in self.table) + 1, max(c.column for c in self.table) + 1
        grid = np.full(shape, empty)
        for cell in self.table:
            grid[cell.row, cell.column] = value(cell)
        return grid

    @property
    def counts(self) -> Ints:
        return self._grid(lambda cell: cell.n, 0.0).astype(np.int64)

    @property
    def rates(self) -> Floats:
        return self._grid(lambda cell: cell.rate, np.nan)

    @property
    def levels(self) -> Ints:
        """(row, column) the shade of each cell; 0 where too few rows are."""
        rates = np.nan_to_num(self.rates, nan=-1.0)
        most = max(float(rates.max()), 1e-9)
        shades = np.clip(np.ceil(rates / most * len(marks.SHADES)), 1, len(marks.SHADES))
        return np.where(rates < 0, 0, shades).astype(np.int64)

    @property
    def inside(self) -> Bools:
        return self._grid(lambda cell: cell.inside, 0.0).astype(bool)

    def drawn(self, page: float) -> str:
        rows, columns = self.counts.shape
        height = _FOOT + rows * _CELL + 0.15

        def paint(figure: style.Figure) -> None:
            axes = style.panel(figure, _LEFT, _FOOT, page - 0.2, height - 0.15)
            is_small = (page - _LEFT - 0.2) / columns < 0.6
            marks.written_cells(
                axes, self.levels, self._texts, style.SMALL - (2 if is_small else 1)
            )
            axes.set_ylim(-0.5, rows - 0.5)
            axes.spines[:].set_visible(False)
            self._frame(axes)
            self._ticks(axes, page < style.WIDTH)

        return style.draw_svg("risk_windows", height, paint, page)

    @property
    def _texts(self) -> dict[tuple[int, ...], str]:
        """In each cell the rate above the number of rows; a dash where too few rows are."""
        numbers, levels, rates = self.words.numbers, self.levels, self.rates
        return {
            cell: f"{numbers.percent(float(rates[cell]))}\n{numbers.count(int(n))}"
            if levels[cell]
            else "–"
            for cell, n in np.ndenumerate(self.counts)
        }

    def _frame(self, axes: style.Axes) -> None:
        rows, columns = np.nonzero(self.inside)
        if not len(rows):
            return
        (low, high), (left, right) = (
            (places.min() - 0.5, places.max() + 0.5) for places in (rows, columns)
        )
        corners = ([left, right, right, left, left], [low, low, high, high, low])
        axes.plot(*corners, color=style.LIGHT.ink, linewidth=2, clip_on=False)

    def _ticks(self, axes: style.Axes, is_narrow: bool) -> None:
        size = style.SMALL - 1 if is_narrow else style.SMALL
        first = self.table[0]
        across = {cell.column: cell.across_to for cell in reversed(self.table)}
        down = {cell.row: cell.down_to for cell in reversed(self.table)}
        for axis, ends, label, unit in (
            (axes.xaxis, across, first.across, first.across_unit),
            (axes.yaxis, down, first.down, first.down_unit),
        ):
            borders = [quantity(end, None) for _, end in sorted(ends.items()) if known(end)]
            axis.set_ticks([k + 0.5 for k in range(len(borders))])
            look: style.Look = {"fontsize": size, "color": style.LIGHT.ink}
            if axis is axes.xaxis and is_narrow:
                look |= {"rotation": 40, "ha": "right"}
            axis.set_ticklabels([self.words.name(border) for border in borders], **look)
            name = in_unit(short(self.words.name(label), 40), unit, self.words)
            axis.set_label_text(name, fontsize=style.SMALL)

    def title(self) -> Message:
        return caption(
            "risk_windows.title",
            target=spoken(self.target),
            pattern=spoken(self.words.name(self.window.slice)),
            rate=self.window.rate,
            n=self.window.n,
            rest=self.window.rest_rate,
        )

    def alt(self) -> Message:
        rated = [cell for cell in self.table if known(cell.rate)]
        highest = sorted(rated, key=lambda cell: -cell.rate)[:_TOLD]
        return caption(
            "risk_windows.alt",
            target=spoken(self.target),
            across=spoken(self.table[0].across),
            down=spoken(self.table[0].down),
            cells=len(self.table),
            empty=len(self.table) - len(rated),
            highest=[
                caption(
                    "risk_windows.alt_cell",
                    rate=cell.rate,
                    n=cell.n,
                    across=_between(
                        cell.across, cell.across_from, cell.across_to, cell.across_unit
                    ),
                    down=_between(cell.down, cell.down_from, cell.down_to, cell.down_unit),
                )
                for cell in highest
            ],
        )


def _between(name: str, low: float, high: float, unit: str) -> Message:
    start, end = (quantity(value, unit or None) if known(value) else None for value in (low, high))
    return caption("risk_windows.between", name=spoken(name), low=start, high=end)
