"""How frequent a class is, cell by cell of the two parameters that tell of it most surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import quantity
from deepseek_report.artifacts.schema import CLASS_TASKS
from deepseek_report.errors import NotApplicableError
from deepseek_report.visualizations.drawing.labels import caption, in_unit, measured, short, spoken
from deepseek_report.visualizations.drawing.marks import cells
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import picture_of
from deepseek_report.visualizations.style import HEAT, LIGHT, SMALL, WIDTH, Figure, draw_svg, panel
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Shades on which a number can be read in light and in dark: on the first three in ink.
_SHADES, _LIGHT_SHADES = (*HEAT[:3], *HEAT[4:]), 3
#: Cells that the alternative text tells of, and inches around the cells.
_TOLD, _LEFT, _FOOT, _CELL = 3, 0.95, 0.75, 0.5


@dataclass(frozen=True)
class RiskWindowsPicture(PicturePart):
    """Draws rate and number of rows by the first two parameters of the surest range."""

    reveals = "aggregate"
    section = "explanations"
    tasks = CLASS_TASKS
    needs = frozenset({"measures/risk_windows"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "risk_windows", "cells")
        windows = required(results, "risk_windows", "windows")
        if table.empty or windows.empty:
            raise NotApplicableError(message("refusals.no_windows", confirmed=len(windows)))
        target = results.schema.target.explained_class
        mapped = windows[windows["slice"] == table["slice"].iloc[0]]
        if mapped.empty:  # left out for privacy
            raise NotApplicableError(message("refusals.no_windows", confirmed=0))
        view = _View(table, mapped.iloc[0], target, words_of(results))
        return [picture_of(view, "risk_windows")]


@dataclass(frozen=True)
class _View:
    """The cells, the range that it shows, and the class."""

    table: pd.DataFrame
    window: pd.Series
    target: str
    words: Wording

    def _grid(self, column: str, empty: float) -> Floats:
        """(row, column) of a column of the table; what it lacks is `empty`."""
        shape = int(self.table["row"].max()) + 1, int(self.table["column"].max()) + 1
        grid = np.full(shape, empty)
        grid[self.table["row"].to_numpy(int), self.table["column"].to_numpy(int)] = self.table[
            column
        ].to_numpy(float)
        return grid

    @property
    def counts(self) -> Ints:
        return self._grid("n", 0).astype(np.int64)

    @property
    def rates(self) -> Floats:
        return self._grid("rate", np.nan)

    @property
    def levels(self) -> Ints:
        """(row, column) the shade of each cell; 0 where too few rows are."""
        rates = np.nan_to_num(self.rates, nan=-1.0)
        most = max(float(rates.max()), 1e-9)
        shades = np.clip(np.ceil(rates / most * len(_SHADES)), 1, len(_SHADES))
        return np.where(rates < 0, 0, shades).astype(np.int64)

    @property
    def inside(self) -> Bools:
        return self._grid("inside", 0).astype(bool)

    def drawn(self, page: float) -> str:
        rows, columns = self.counts.shape
        height = _FOOT + rows * _CELL + 0.15

        def paint(figure: Figure) -> None:
            axes = panel(figure, _LEFT, _FOOT, page - 0.2, height - 0.15)
            cells(axes, self.levels, _SHADES)
            axes.set_ylim(-0.5, rows - 0.5)
            axes.spines[:].set_visible(False)
            self._numbers(axes, (page - _LEFT - 0.2) / columns)
            self._frame(axes)
            self._ticks(axes, page < WIDTH)

        return draw_svg("risk_windows", height, paint, page)

    def _numbers(self, axes: Any, width: float) -> None:
        """In each cell the rate above the number of rows; a dash where too few rows are."""
        numbers, size = self.words.numbers, SMALL - (2 if width < 0.6 else 1)
        for (row, column), n in np.ndenumerate(self.counts):
            level = self.levels[row, column]
            rate = float(self.rates[row, column])
            text = "–" if not level else f"{numbers.percent(rate)}\n{numbers.count(int(n))}"
            tone = LIGHT.ink if level <= _LIGHT_SHADES else _SHADES[0]
            axes.text(column, row, text, ha="center", va="center", fontsize=size, color=tone)

    def _frame(self, axes: Any) -> None:
        rows, columns = np.nonzero(self.inside)
        if not len(rows):
            return
        (low, high), (left, right) = (
            (places.min() - 0.5, places.max() + 0.5) for places in (rows, columns)
        )
        corners = ([left, right, right, left, left], [low, low, high, high, low])
        axes.plot(*corners, color=LIGHT.ink, linewidth=2, clip_on=False)

    def _ticks(self, axes: Any, is_narrow: bool) -> None:
        size = SMALL - 1 if is_narrow else SMALL
        for side, place, spot in (("across", "column", axes.xaxis), ("down", "row", axes.yaxis)):
            borders = self._borders(side, place)
            spot.set_ticks([k + 0.5 for k in range(len(borders))])
            look: dict[str, Any] = {"fontsize": size, "color": LIGHT.ink}
            if side == "across" and is_narrow:
                look |= {"rotation": 40, "ha": "right"}
            spot.set_ticklabels([self.words.name(border) for border in borders], **look)
            label, unit = (self.table[key].iloc[0] for key in (side, f"{side}_unit"))
            name = in_unit(short(self.words.name(label), 40), unit or None, self.words)
            spot.set_label_text(name, fontsize=SMALL)

    def _borders(self, side: str, place: str) -> list[str]:
        """What stands at the borders between neighbouring cells."""
        ends = self.table.groupby(place)[f"{side}_to"].first().sort_index().dropna()
        return [quantity(float(end), None) for end in ends]

    def title(self) -> Message:
        return caption(
            "risk_windows.title",
            target=spoken(self.target),
            pattern=spoken(self.words.name(self.window["slice"])),
            rate=measured(self.window, "rate", "rate_low", "rate_high"),
            n=int(self.window["n"]),
            rest=float(self.window["rest_rate"]),
        )

    def alt(self) -> Message:
        known = self.table[self.table["rate"].notna()]
        highest = known.sort_values("rate", ascending=False, kind="stable").head(_TOLD)
        return caption(
            "risk_windows.alt",
            target=spoken(self.target),
            across=spoken(self.table["across"].iloc[0]),
            down=spoken(self.table["down"].iloc[0]),
            cells=len(self.table),
            empty=int(self.table["rate"].isna().sum()),
            highest=[
                caption(
                    "risk_windows.alt_cell",
                    rate=float(row["rate"]),
                    n=int(row["n"]),
                    across=self._span(row, "across"),
                    down=self._span(row, "down"),
                )
                for _, row in highest.iterrows()
            ],
        )

    def _span(self, row: pd.Series, side: str) -> Message:
        low, high = (
            None if np.isnan(row[key]) else quantity(float(row[key]), row[f"{side}_unit"] or None)
            for key in (f"{side}_from", f"{side}_to")
        )
        return caption("risk_windows.between", name=spoken(row[side]), low=low, high=high)
