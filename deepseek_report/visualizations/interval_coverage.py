"""Whether intervals around predicted numbers hold the truth as often as they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import declared, number, percent
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.schema import NUMBER_TASKS, TaskName
from deepseek_report.visualizations.labels import percent_with_interval
from deepseek_report.visualizations.marks import Look, grid, intervals, note, percent_ticks, rows
from deepseek_report.visualizations.numbers import with_unit
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_ROW = 0.42


@dataclass(frozen=True)
class IntervalCoverage(PicturePart):
    """Draws how often intervals of several levels hold the true number, against what they say."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "performance"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/prediction_intervals"})
    tasks: ClassVar[frozenset[TaskName]] = NUMBER_TASKS

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "prediction_intervals", "coverage")
        unit = results.schema.target.unit
        height = 0.95 + _ROW * len(table)
        return [
            Picture(
                name="interval_coverage",
                svg=draw_svg("interval_coverage", height, lambda fig: _paint(fig, table, unit)),
                title=_title(table),
                alt=_alt(table, unit),
                how_to_read=(
                    "Each row is a level of interval. The grey diamond is the share of true "
                    "numbers that it is made to hold, the coloured point the share that it held "
                    "in the test part, with its 95 % interval."
                ),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame, unit: str | None) -> None:
    height = figure.get_size_inches()[1]
    axes = panel(figure, 1.2, 0.55, 5.6, height - 0.3)
    rows(axes, [declared(level, as_percent=True) for level in table["level"]])
    places = np.arange(len(table))
    nothing = np.full(len(table), np.nan)
    intervals(axes, places, table["level"], (nothing, nothing), Look(LIGHT["context"], "D"))
    intervals(axes, places, table["coverage"], (table["low"], table["high"]), Look(SERIES[0]))
    grid(axes, "x")
    axes.set_xlim(max(0.0, float(table["low"].min()) - 0.05), 1.01)
    percent_ticks(axes, "x")
    axes.set_xlabel("share of true numbers inside")
    for place, half in enumerate(table["half_width"]):
        where = {"xycoords": ("axes fraction", "data"), "ha": "left", "va": "center"}
        note(axes, f"± {with_unit(float(half), unit)}", (1, place), (8, 0), **where)


def _title(table: pd.DataFrame) -> str:
    off = table[(table["high"] < table["level"]) | (table["low"] > table["level"])]
    if off.empty:
        return "Intervals around the predictions hold the true number as often as they say"
    worst = off.loc[(off["level"] - off["coverage"]).abs().idxmax()]
    level = declared(worst["level"], as_percent=True)
    held = percent(worst["coverage"], worst["low"], worst["high"])
    return f"Intervals made to hold {level} of the true numbers hold {held}"


def _alt(table: pd.DataFrame, unit: str | None) -> str:
    parts = [
        f"{declared(row.level, as_percent=True)}: "
        f"{percent_with_interval(row.coverage, row.low, row.high)}, plus or "
        f"minus {number(row.half_width)}{f' {unit}' if unit else ''}"
        for row in table.itertuples()
    ]
    return "Share of true numbers inside intervals by what they say: " + "; ".join(parts) + "."
