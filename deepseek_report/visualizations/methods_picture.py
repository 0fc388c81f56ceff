"""Every run of every method by the main measure, with the mean of a method's seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- Mean ranks of methods over data sets, with the distance that chance explains -----------------

_RANKS = "compared_ranks"


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
    return on_sheets(
        _RANKS,
        (height, height + 0.1 * len(table)),
        lambda sheet: _paint_ranks(sheet, table, words),
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


def _paint_ranks(sheet: Sheet, table: pd.DataFrame, words: Wording) -> None:
    labels, left = sheet.row_labels([str(method) for method in table["method"]], 48, 3.6)
    across, foot = sheet.below(words.text("pictures.compared_ranks.axis"), left)
    axes = sheet.axes(left, foot, 0.25, 0.15)
    marks.rows(axes, labels)
    places, ranks, half = np.arange(len(table)), table["rank"], table["half"]
    marks.intervals(axes, places, ranks, (ranks - half, ranks + half), marks.MarkStyle(SERIES[0]))
    for place, (rank, reach) in enumerate(zip(ranks, half, strict=True)):
        marks.note(axes, words.numbers.number(rank), (rank + reach, place), (6, 0), va="center")
    marks.grid(axes, "x")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high + (0.2 if sheet.is_narrow else 0.12) * (high - low))
    marks.plain_ticks(axes, "x", words)
    axes.set_xlabel(across)


# --- Every run of every method by the main measure, with the mean of a method's seeds -------------

_ROW = 0.3
_NAME = "compared_methods"


def methods_picture(results: Results) -> Picture | None:
    """A row for each method: the mean with the interval over rows, and a dot for each seed."""
    values = results.table("compared_performance", "values")
    spread = results.table("compared_performance", "spread")
    if values is None or spread is None:
        return None
    measure = str(spread["measure"].iloc[0])
    own = spread[spread["measure"] == measure]
    height, words = 0.85 + _ROW * len(own), words_of(results)
    single = values[values["measure"] == measure]
    best = own.loc[own["mean"].idxmax()]
    label = message(f"metrics.{measure}")
    return on_sheets(
        _NAME,
        (height, height + 0.1 * len(own)),
        lambda sheet: _paint(sheet, own, single, measure, words),
        title=caption("compared_methods.title_one", measure=label, method=best["method"])
        if len(own) == 1
        else _title(results.table("compared_performance", "methods"), measure, label),
        alt=caption(
            "compared_methods.alt",
            measure=label,
            rows=[_spoken(row) for _, row in own.iterrows()],
            highest=best["method"],
        ),
        how_to_read=caption("compared_methods.how_to_read"),
        section="compared",
    )


def _title(table: pd.DataFrame | None, measure: str, label: Message) -> Message:
    """By the verdicts of the table on methods: the one that is better than each of the others."""
    if table is not None:
        own = table[table["measure"] == measure]
        for method in dict.fromkeys([*own["first"], *own["other"]]):
            mine = own[(own["first"] == method) | (own["other"] == method)]
            if (mine["better"] == method).all():
                return caption("compared_methods.title_better", better=method, measure=label)
    return caption("compared_methods.title_open", measure=label)


def _spoken(row: pd.Series) -> Message:
    return caption(
        "compared_methods.row", method=row["method"], mean=row["mean"], seeds=int(row["seeds"])
    )


def _paint(
    sheet: Sheet, spread: pd.DataFrame, values: pd.DataFrame, measure: str, words: Wording
) -> None:
    labels, left = sheet.row_labels([str(method) for method in spread["method"]], 48, 3.6)
    across, foot = sheet.below(words.label("metrics", measure), left)
    axes = sheet.axes(left, foot, 0.25, 0.15)
    marks.rows(axes, labels)
    for place, (_, row) in enumerate(spread.iterrows()):
        runs = values[values["method"] == row["method"]]
        low, high = runs["low"].mean(), runs["high"].mean()
        marks.intervals(
            axes, np.array([place]), [row["mean"]], ([low], [high]), marks.MarkStyle(SERIES[0])
        )
        if len(runs) > 1:
            marks.dots(axes, runs["value"], np.full(len(runs), place + 0.26), LIGHT.context)
        furthest = max(high, row["most"])
        marks.note(axes, words.numbers.number(row["mean"]), (furthest, place), (6, 0), va="center")
    marks.grid(axes, "x")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high + 0.12 * (high - low))
    marks.plain_ticks(axes, "x", words)
    axes.set_xlabel(across)
