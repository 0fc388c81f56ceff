"""Mean ranks of methods over data sets, with the distance that chance explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.picture import Picture
from deepseek_report.visualizations.drawing.captions import caption
from deepseek_report.visualizations.drawing.marks import (
    MarkStyle,
    grid,
    intervals,
    note,
    plain_ticks,
    rows,
)
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import SERIES
from deepseek_report.wording.of_results import words_of

if TYPE_CHECKING:
    import pandas as pd

    from deepseek_report.artifacts.results import Results
    from deepseek_report.wording.words import Wording

_ROW = 0.3
_NAME = "compared_ranks"


def ranks_picture(results: Results) -> Picture | None:
    """A critical-difference diagram: two methods whose lines overlap are not told apart.

    Reference: Demšar 2006, jmlr.org/papers/v7/demsar06a.html.
    """
    table = results.table("compared_data_sets", "ranks")
    if table is None:
        return None
    height, words = 0.85 + _ROW * len(table), words_of(results)
    best = table.iloc[0]
    apart = [row["method"] for _, row in table.iterrows() if not _overlap(best, row)]
    wide, narrow = on_sheets(
        _NAME, (height, height + 0.1 * len(table)), lambda sheet: _paint(sheet, table, words)
    )
    return Picture(
        name=_NAME,
        svg=wide,
        narrow=narrow,
        title=caption("compared_ranks.title", best=best["method"], apart=apart, of=len(table) - 1),
        alt=caption(
            "compared_ranks.alt",
            rows=[
                caption("compared_ranks.row", method=row["method"], rank=row["rank"])
                for _, row in table.iterrows()
            ],
        ),
        how_to_read=caption("compared_ranks.how_to_read", distance=2 * float(best["half"])),
        section="compared_data_sets",
    )


def _overlap(first: pd.Series, other: pd.Series) -> bool:
    return bool(abs(first["rank"] - other["rank"]) < first["half"] + other["half"])


def _paint(sheet: Sheet, table: pd.DataFrame, words: Wording) -> None:
    labels, left = sheet.row_labels([str(method) for method in table["method"]], 48, 3.6)
    across, foot = sheet.below(words.text("pictures.compared_ranks.axis"), left)
    axes = sheet.axes(left, foot, 0.25, 0.15)
    rows(axes, labels)
    places, ranks, half = np.arange(len(table)), table["rank"], table["half"]
    intervals(axes, places, ranks, (ranks - half, ranks + half), MarkStyle(SERIES[0]))
    for place, (rank, reach) in enumerate(zip(ranks, half, strict=True)):
        note(axes, words.numbers.number(rank), (rank + reach, place), (6, 0), va="center")
    grid(axes, "x")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high + (0.2 if sheet.is_narrow else 0.12) * (high - low))
    plain_ticks(axes, "x", words)
    axes.set_xlabel(across)
