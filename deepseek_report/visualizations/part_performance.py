"""In which parts of the data the model decides rightly more or less often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import count, percent
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.schema import CLASS_TASKS, TaskName
from deepseek_report.visualizations.labels import percent_with_interval, spoken, wrapped
from deepseek_report.visualizations.marks import Look, beside, grid, intervals, percent_ticks, rows
from deepseek_report.visualizations.part_rows import LEVEL
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg, panel

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
    tasks: ClassVar[frozenset[TaskName]] = CLASS_TASKS

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "part_performance", "parts")
        overall = results.predicted.accuracy
        height = 0.95 + _ROW * len(table)
        return [
            Picture(
                name="part_performance",
                svg=draw_svg(
                    "part_performance", height, lambda figure: _paint(figure, table, overall)
                ),
                title=_title(table, results.table("part_performance", "tests")),
                alt=_alt(table, overall),
                how_to_read=(
                    "Points are the share of cases in each part that are decided rightly, with "
                    "95 % intervals; the grey line is the share over all cases. Hollow points "
                    "have too few cases to be judged."
                ),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame, overall: float) -> None:
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
    percent_ticks(axes, "x")
    axes.set_xlabel("decided rightly")
    beside(axes, table["n"].map(count), "cases", 44)


def _title(table: pd.DataFrame, tests: pd.DataFrame | None) -> str:
    if tests is None or tests.empty:
        return "Right decisions by part of the data; no two parts are large enough to compare"
    sure = tests[tests["p_adjusted"] < LEVEL]
    if sure.empty:
        return "No part of the data is decided rightly more often than another beyond chance"
    found = sure.loc[sure["value"].idxmax(), "attribute"]
    judged = table[(table["attribute"] == found) & ~table["too_few"].astype(bool)]
    best = judged.loc[judged["accuracy"].idxmax()]
    worst = judged.loc[judged["accuracy"].idxmin()]
    return f"{spoken(best['attribute_label'])}: {_right(worst)} are decided rightly, {_right(best)}"


def _right(row: pd.Series) -> str:
    share = percent(row["accuracy"], row["accuracy_low"], row["accuracy_high"])
    return f"{share} in “{spoken(row['level'])}”"


def _alt(table: pd.DataFrame, overall: float) -> str:
    parts = [
        f"{spoken(row.attribute_label)} {spoken(row.level)} "
        f"{percent_with_interval(row.accuracy, row.accuracy_low, row.accuracy_high)} of "
        f"{count(row.n)}"
        for row in table.itertuples()
    ]
    return f"Share decided rightly, {percent(overall)} over all: " + "; ".join(parts) + "."
