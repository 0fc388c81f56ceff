"""In which parts of the data the model does better or worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import count
from deepseek_report.artifacts.picture import Picture
from deepseek_report.findings.limits import SIGNIFICANT
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Drawn
from deepseek_report.visualizations.labels import (
    capital,
    listed,
    spoken,
    wrapped,
)
from deepseek_report.visualizations.marks import (
    Look,
    beside,
    grid,
    intervals,
    rows,
)
from deepseek_report.visualizations.part_rows import over_all
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.scales import Scale
from deepseek_report.visualizations.style import (
    LIGHT,
    SERIES,
    draw_svg,
    panel,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_ROW = 0.36
_Columns = Sequence[tuple[Drawn, Scale]]


@dataclass(frozen=True)
class PartPerformance:
    """Draws how well the model does in each part of the data that is no group of people."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "performance"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/part_performance"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "part_performance", "parts")
        drawn = task_of(results.schema.target).parts_drawn
        columns = [(column, Scale.of(column, results)) for column in drawn]
        height = 0.95 + _ROW * len(table)
        return [
            Picture(
                name="part_performance",
                svg=draw_svg(
                    "part_performance", height, lambda figure: _paint(figure, table, columns)
                ),
                title=_title(table, results.table("part_performance", "tests"), *columns[0]),
                alt=_alt(table, columns),
                how_to_read=_how_to_read(drawn),
            )
        ]


def _how_to_read(drawn: Sequence[Drawn]) -> str:
    zero = "".join(
        f"; of the {column.label} it is 0, with values too high to its right"
        for column in drawn
        if column.signed
    )
    return (
        f"Points are {listed([column.label for column in drawn])} in each part, with 95 % "
        f"intervals; the grey line is the value over all cases{zero}. Hollow points have too few "
        "cases to be judged."
    )


def _paint(figure: Figure, table: pd.DataFrame, columns: _Columns) -> None:
    left, height = (2.6 if len(columns) == 1 else 2.1), figure.get_size_inches()[1]
    width = (6.4 - left) / len(columns)
    names = [wrapped(f"{one.attribute_label}: {one.level}", 34) for one in table.itertuples()]
    for place, (column, scale) in enumerate(columns):
        start = left + place * width
        axes = panel(figure, start, 0.55, start + width - (0.15 if place else 0), height - 0.3)
        rows(axes, names if not place else [""] * len(table))
        _points(axes, table, column, SERIES[place])
        scale.ticks(axes, "x", *((4,) if len(columns) > 1 else ()))
        axes.set_xlabel(scale.label(column.label))
    beside(axes, table["n"].map(count), "cases", 44)


def _points(axes: Axes, table: pd.DataFrame, column: Drawn, colour: str) -> None:
    centre = 0.0 if column.signed else over_all(table, column.key)
    axes.axvline(centre, color=LIGHT["context"], linewidth=1.4)
    places, few = np.arange(len(table)), table["too_few"].to_numpy(dtype=bool)
    low, high = column.interval
    for hollow in (False, True):
        part = table[few == hollow]
        look = Look(colour, hollow=hollow)
        intervals(axes, places[few == hollow], part[column.key], (part[low], part[high]), look)
    grid(axes, "x")


def _title(table: pd.DataFrame, tests: pd.DataFrame | None, column: Drawn, scale: Scale) -> str:
    what = capital(column.label)
    known = None if tests is None else tests[tests["value"].notna()]
    if known is None or known.empty:
        return f"{what} by part of the data; no two parts are large enough to compare"
    sure = known[known["p_adjusted"] < SIGNIFICANT]
    if sure.empty:
        return f"{what}: no two parts of the data differ beyond chance"
    attribute = sure.loc[sure["p_adjusted"].idxmin(), "attribute"]
    judged = table[(table["attribute"] == attribute) & ~table["too_few"].astype(bool)]
    best, worst = (
        judged.loc[place] for place in (judged[column.key].idxmax(), judged[column.key].idxmin())
    )
    return (
        f"{spoken(best['attribute_label'])}, {column.label}: {_in_part(worst, column, scale)}, "
        f"{_in_part(best, column, scale)}"
    )


def _in_part(row: pd.Series, column: Drawn, scale: Scale) -> str:
    low, high = column.interval
    value = scale.full(float(row[column.key]), row[low], row[high])
    return f"{value} in “{spoken(row['level'])}”"


def _alt(table: pd.DataFrame, columns: _Columns) -> str:
    parts = [
        f"{spoken(row['attribute_label'])} {spoken(row['level'])} "
        + " and ".join(
            scale.with_interval(row[column.key], *(row[end] for end in column.interval))
            for column, scale in columns
        )
        + f" of {count(row['n'])}"
        for row in table.to_dict("records")
    ]
    names = listed([column.label for column, _ in columns])
    first, scale = columns[0]
    whole = scale.full(over_all(table, first.key))
    return f"{capital(names)} by part, {whole} over all: " + "; ".join(parts) + "."
