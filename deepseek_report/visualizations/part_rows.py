"""Rows of parts of the data: what each one has beside what all other cases have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

from deepseek_report.visualizations.labels import wrapped
from deepseek_report.visualizations.marks import Look, beside, grid, intervals, rows
from deepseek_report.visualizations.style import LIGHT, SERIES, panel
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.46
#: Corrected p-values below this are told as more than chance.
LEVEL = 0.05


def height_of(table: pd.DataFrame) -> float:
    """Height in inches of a picture with these rows."""
    return 0.95 + _ROW * len(table)


def paint_parts(
    figure: Figure,
    table: pd.DataFrame,
    columns: tuple[str, str],
    ticks: Callable[[Axes, Literal["x", "y"], Wording], None],
    label: str,
    words: Wording,
) -> None:
    """A point with its interval for each part, a diamond for the rest, and the number of cases.

    Parameters
    ----------
    table : one row a part: `slice, n, low, high, p_adjusted`, and the two of `columns`.
    columns : what the part has, and what all other cases have. ticks : draws those of the x axis.
    """
    value, rest = columns
    axes = panel(figure, 3.4, 0.55, 6.4, figure.get_size_inches()[1] - 0.35)
    rows(axes, [wrapped(one, 44, 3) for one in table["slice"]])
    places, nothing = np.arange(len(table)), np.full(len(table), np.nan)
    diamond = Look(LIGHT["context"], "D", size=4.5)
    intervals(axes, places, table[rest], (nothing, nothing), diamond)
    sure = (table["p_adjusted"] < LEVEL).to_numpy()
    for chance in (False, True):
        part, own = table[sure != chance], places[sure != chance]
        look = Look(SERIES[1], hollow=chance)
        intervals(axes, own, part[value], (part["low"], part["high"]), look)
    grid(axes, "x")
    axes.set_xlim(left=-0.02 * axes.get_xlim()[1])
    ticks(axes, "x", words)
    axes.set_xlabel(label)
    cases = words.text("pictures.common.cases")
    beside(axes, table["n"].map(words.numbers.count), cases, 44)
