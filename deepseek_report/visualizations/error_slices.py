"""Where predicted numbers are further off than elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.numbers import count, number
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.schema import NUMBER_TASKS, Task
from deepseek_report.visualizations.labels import short, with_interval, wrapped
from deepseek_report.visualizations.marks import Look, grid, intervals, note, rows, value_ticks
from deepseek_report.visualizations.numbers import in_unit, with_unit
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_ROW = 0.46
_LEVEL = 0.05


@dataclass(frozen=True)
class ErrorSlices:
    """Draws the mean absolute error of the worst parts against that of the rest.

    most : parts shown, the surest first.
    """

    section: ClassVar[str] = "bottlenecks"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/error_slices"})
    tasks: ClassVar[frozenset[Task]] = NUMBER_TASKS

    most: Annotated[int, Field(ge=1, le=20)] = 8

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "error_slices", "slices").head(self.most)
        unit, score = results.schema.target.unit, results.find("parts_examined")
        examined = int(score[0].value) if score else len(table)
        height = 0.95 + _ROW * len(table)
        return [
            Picture(
                name="error_slices",
                svg=draw_svg("error_slices", height, lambda fig: _paint(fig, table, unit)),
                title=_title(table, unit),
                alt=_alt(table, examined),
                how_to_read=(
                    "Coloured points are the mean absolute error in a part of the data with its "
                    "95 % interval, grey diamonds that among all other cases; hollow points could "
                    f"be chance, after correcting for the {count(examined)} parts looked at."
                ),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame, unit: str | None) -> None:
    height = figure.get_size_inches()[1]
    axes = panel(figure, 3.4, 0.55, 6.4, height - 0.35)
    rows(axes, [wrapped(one, 44, 3) for one in table["slice"]])
    places, nothing = np.arange(len(table)), np.full(len(table), np.nan)
    rest = Look(LIGHT["context"], "D", size=4.5)
    intervals(axes, places, table["rest_mae"], (nothing, nothing), rest)
    sure = (table["p_adjusted"] < _LEVEL).to_numpy()
    for chance in (False, True):
        part, own = table[sure != chance], places[sure != chance]
        look = Look(SERIES[1], hollow=chance)
        intervals(axes, own, part["mae"], (part["low"], part["high"]), look)
    grid(axes, "x")
    axes.set_xlim(left=0)
    value_ticks(axes, "x")
    axes.set_xlabel(in_unit("mean absolute error", unit))
    for place, cases in enumerate(table["n"]):
        where = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "center"}
        note(axes, count(cases), (1, place), (44, 0), **where)
    note(axes, "cases", (1, 1), (44, 5), xycoords="axes fraction", ha="right")


def _title(table: pd.DataFrame, unit: str | None) -> str:
    sure = table[table["p_adjusted"] < _LEVEL]
    if sure.empty:
        return "No part of the data has larger errors than the rest beyond what chance explains"
    worst = sure.iloc[0]
    off = with_unit(float(worst["mae"]), unit)
    elsewhere = f"against {number(worst['rest_mae'])} elsewhere"
    return f"Where {short(worst['slice'], 130)}, predictions are off by {off}, {elsewhere}"


def _alt(table: pd.DataFrame, examined: int) -> str:
    parts = [
        f"{short(row.slice, 130)} {with_interval(row.mae, row.low, row.high)} in "
        f"{count(row.n)} cases against {number(row.rest_mae)}"
        for row in table.head(5).itertuples()
    ]
    head = f"Mean absolute error in the worst of {count(examined)} parts: "
    return head + "; ".join(parts) + "."
