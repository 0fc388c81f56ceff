"""In which parts of the data the model decides rightly more or less often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.schema import CLASS_TASKS, Task
from deepseek_report.visualizations.captions import caption, measured
from deepseek_report.visualizations.labels import spoken, wrapped
from deepseek_report.visualizations.marks import Look, beside, grid, intervals, percent_ticks, rows
from deepseek_report.visualizations.part_rows import LEVEL
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg, panel
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_ROW = 0.36


@dataclass(frozen=True)
class PartPerformance:
    """Draws the share of right decisions in each part of the data that is no group of people."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "performance"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/part_performance", "predictions"})
    tasks: ClassVar[frozenset[Task]] = CLASS_TASKS

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "part_performance", "parts")
        overall = results.predicted.accuracy
        height, words = 0.95 + _ROW * len(table), words_of(results)
        return [
            Picture(
                name="part_performance",
                svg=draw_svg(
                    "part_performance", height, lambda fig: _paint(fig, table, overall, words)
                ),
                title=_title(table, results.table("part_performance", "tests")),
                alt=_alt(table, overall),
                how_to_read=caption("part_performance.how_to_read"),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame, overall: float, words: Wording) -> None:
    axes = panel(figure, 2.6, 0.55, 6.4, figure.get_size_inches()[1] - 0.3)
    rows(axes, [wrapped(f"{one.attribute_label}: {one.level}", 34) for one in table.itertuples()])
    axes.axvline(overall, color=LIGHT["context"], linewidth=1.4)
    places, few = np.arange(len(table)), table["too_few"].to_numpy(dtype=bool)
    for hollow in (False, True):
        part = table[few == hollow]
        ends = (part["accuracy_low"], part["accuracy_high"])
        look = Look(SERIES[0], hollow=hollow)
        intervals(axes, places[few == hollow], part["accuracy"], ends, look)
    grid(axes, "x")
    percent_ticks(axes, "x", words)
    axes.set_xlabel(words.text("pictures.part_performance.axis"))
    cases = words.text("pictures.common.cases")
    beside(axes, table["n"].map(words.numbers.count), cases, 44)


def _title(table: pd.DataFrame, tests: pd.DataFrame | None) -> Message:
    if tests is None or tests.empty:
        return caption("part_performance.title_too_few")
    sure = tests[tests["p_adjusted"] < LEVEL]
    if sure.empty:
        return caption("part_performance.title_none")
    attribute = sure.loc[sure["value"].idxmax(), "attribute"]
    judged = table[(table["attribute"] == attribute) & ~table["too_few"].astype(bool)]
    best = judged.loc[judged["accuracy"].idxmax()]
    worst = judged.loc[judged["accuracy"].idxmin()]
    return caption(
        "part_performance.title",
        attribute=spoken(best["attribute_label"]),
        worst=spoken(worst["level"]),
        worst_share=_share(worst),
        best=spoken(best["level"]),
        best_share=_share(best),
    )


def _share(row: pd.Series) -> dict[str, Any]:
    return measured(row, "accuracy", "accuracy_low", "accuracy_high")


def _alt(table: pd.DataFrame, overall: float) -> Message:
    parts = [
        caption(
            "part_performance.alt_part",
            attribute=spoken(row["attribute_label"]),
            level=spoken(row["level"]),
            share=_share(row),
            n=row["n"],
        )
        for _, row in table.iterrows()
    ]
    return caption("part_performance.alt", overall=overall, parts=parts)
