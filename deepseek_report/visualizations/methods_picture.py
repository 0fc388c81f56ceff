"""Every run of every method by the main measure, with the mean of a method's seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.comparisons.comparison import MethodRank
from deepseek_report.comparisons.paired_performance import MethodPair, MethodRun, MethodSpread
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption
from deepseek_report.visualizations.drawing.read_results import estimate_columns, grouped, reach
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- Mean ranks of methods over data sets, with the distance that chance explains -----------------

_RANKS = "compared_ranks"


def ranks_picture(results: Results) -> Picture | None:
    """A critical-difference diagram: two methods whose lines overlap are not told apart.

    Reference: Demšar 2006, jmlr.org/papers/v7/demsar06a.html.
    """
    table = results.rows("compared_data_sets", "ranks", MethodRank)
    if not table:
        return None
    height, words = 0.85 + _ROW * len(table), words_of(results)
    best = table[0]
    apart = [each.method for each in table if abs(best.rank - each.rank) >= best.half + each.half]
    return on_sheets(
        _RANKS,
        (height, height + 0.1 * len(table)),
        lambda sheet: _paint_ranks(sheet, table, words),
        title=caption("compared_ranks.title", best=best.method, apart=apart, of=len(table) - 1),
        alt=caption(
            "compared_ranks.alt",
            rows=[
                caption("compared_ranks.row", method=each.method, rank=each.rank) for each in table
            ],
        ),
        how_to_read=caption("compared_ranks.how_to_read", distance=2 * best.half),
        section="compared_data_sets",
    )


def _paint_ranks(sheet: Sheet, table: Sequence[MethodRank], words: Wording) -> None:
    across = words.text("pictures.compared_ranks.axis")
    axes, across = _axes(sheet, [each.method for each in table], across)
    ranks = [Estimate(each.rank, each.rank - each.half, each.rank + each.half) for each in table]
    marks.intervals(axes, enumerate(ranks), marks.MarkStyle(SERIES[0]))
    for place, rank in enumerate(ranks):
        text = words.numbers.number(rank.value)
        marks.note(axes, text, (reach(rank), place), (6, 0), va="center")
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
    values = results.rows("compared_performance", "values", MethodRun)
    spread = results.rows("compared_performance", "spread", MethodSpread)
    if not values or not spread:
        return None
    measure = spread[0].measure
    own = [each for each in spread if each.measure == measure]
    single = grouped((run for run in values if run.measure == measure), lambda run: run.method)
    height, words = 0.85 + _ROW * len(own), words_of(results)
    best = max(own, key=lambda each: each.mean)
    label = message(f"metrics.{measure}")
    return on_sheets(
        _NAME,
        (height, height + 0.1 * len(own)),
        lambda sheet: _paint(sheet, own, single, words),
        title=caption("compared_methods.title_one", measure=label, method=best.method)
        if len(own) == 1
        else _title(results, measure, label),
        alt=caption(
            "compared_methods.alt",
            measure=label,
            rows=[
                caption(
                    "compared_methods.row", method=each.method, mean=each.mean, seeds=each.seeds
                )
                for each in own
            ],
            highest=best.method,
        ),
        how_to_read=caption("compared_methods.how_to_read"),
        section="compared",
    )


def _title(results: Results, measure: str, label: Message) -> Message:
    """By the verdicts of the table on methods: the one that is better than each of the others."""
    pairs = results.rows("compared_performance", "methods", MethodPair)
    pairs = [pair for pair in pairs if pair.measure == measure]
    firsts, others = [pair.first for pair in pairs], [pair.other for pair in pairs]
    for method in dict.fromkeys([*firsts, *others]):
        mine = [pair for pair in pairs if method in (pair.first, pair.other)]
        if all(pair.better == method for pair in mine):
            return caption("compared_methods.title_better", better=method, measure=label)
    return caption("compared_methods.title_open", measure=label)


def _paint(
    sheet: Sheet,
    spread: Sequence[MethodSpread],
    runs: Mapping[str, Sequence[MethodRun]],
    words: Wording,
) -> None:
    axes, across = _axes(
        sheet, [each.method for each in spread], words.label("metrics", spread[0].measure)
    )
    for place, each in enumerate(spread):
        values, lows, highs = estimate_columns(run.value for run in runs[each.method])
        low, high = (
            float(ends[np.isfinite(ends)].mean()) if np.isfinite(ends).any() else None
            for ends in (lows, highs)
        )
        mean = Estimate(each.mean, low, high)
        marks.intervals(axes, [(place, mean)], marks.MarkStyle(SERIES[0]))
        if len(values) > 1:
            marks.dots(axes, values, np.full(len(values), place + 0.26), LIGHT.context)
        furthest = max(reach(mean), each.most)
        marks.note(axes, words.numbers.number(each.mean), (furthest, place), (6, 0), va="center")
    marks.grid(axes, "x")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high + 0.12 * (high - low))
    marks.plain_ticks(axes, "x", words)
    axes.set_xlabel(across)


def _axes(sheet: Sheet, methods: Sequence[str], across: str) -> tuple[Axes, str]:
    """Axes with a row a method, and what stands below them."""
    labels, left = sheet.row_labels(methods, 48, 3.6)
    across, foot = sheet.below(across, left)
    axes = sheet.axes(left, foot, 0.25, 0.15)
    marks.rows(axes, labels)
    return axes, across
