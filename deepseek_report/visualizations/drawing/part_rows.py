"""Rows of parts of the data: what each one has beside what all other cases have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.visualizations.drawing.labels import wrapped
from deepseek_report.visualizations.drawing.marks import MarkStyle, beside, grid, intervals, rows
from deepseek_report.visualizations.drawing.scales import Scale
from deepseek_report.visualizations.drawing.sheet import Sheet
from deepseek_report.visualizations.style import LIGHT, SERIES

if TYPE_CHECKING:
    import pandas as pd

_ROW, _ROW_NARROW = 0.46, 0.56


def heights_of(table: pd.DataFrame) -> tuple[float, float]:
    """Inches of a picture with these rows, on a wide sheet and on a narrow one."""
    return 0.95 + _ROW * len(table), 0.95 + _ROW_NARROW * len(table)


def paint_parts(
    sheet: Sheet,
    table: pd.DataFrame,
    columns: tuple[str, str],
    scale: Scale,
    label: str,
) -> None:
    """A point with its interval for each part, a diamond for the rest, and the number of cases.

    Parameters
    ----------
    table : one row a part: `slice, n, low, high, is_sure`, and the two of `columns`; what is
        not sure to be beyond chance is drawn hollow.
    columns : what the part has, and what all other cases have.
    scale, label : how the values are written, and what their axis says.
    """
    value, rest = columns
    left, columns_of_label = (1.75, 22) if sheet.is_narrow else (3.4, 44)
    axes = sheet.axes(left, 0.55, 0.8, 0.35)
    rows(axes, [wrapped(text, columns_of_label, 3) for text in table["slice"]])
    places, nothing = np.arange(len(table)), np.full(len(table), np.nan)
    diamond = MarkStyle(LIGHT["context"], "D", size=4.5)
    intervals(axes, places, table[rest], (nothing, nothing), diamond)
    sure = table["is_sure"].to_numpy(dtype=bool)
    for chance in (False, True):
        part, own = table[sure != chance], places[sure != chance]
        look = MarkStyle(SERIES[1], hollow=chance)
        intervals(axes, own, part[value], (part["low"], part["high"]), look)
    grid(axes, "x")
    axes.set_xlim(left=-0.02 * axes.get_xlim()[1])
    scale.ticks(axes, "x")
    axes.set_xlabel(scale.label(label))
    words = scale.words
    cases = words.text("pictures.common.cases")
    beside(axes, table["n"].map(words.numbers.count), cases, 44)


def over_all(table: pd.DataFrame, column: str) -> float:
    """The mean over all cases, from the levels of the first attribute, which hold each case once.

    Parameters
    ----------
    table : one row a level: `attribute, n` and the column.
    """
    levels = table[table["attribute"] == table["attribute"].iloc[0]]
    return float(np.average(levels[column], weights=levels["n"]))
