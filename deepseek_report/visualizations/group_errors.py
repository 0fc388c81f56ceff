"""For whom predicted numbers are further off, or off to one side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import count
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.schema import NUMBER_TASKS, TaskName
from deepseek_report.errors import NotApplicableError
from deepseek_report.visualizations.labels import spoken, with_interval, wrapped
from deepseek_report.visualizations.marks import Look, beside, grid, intervals, rows, value_ticks
from deepseek_report.visualizations.numbers import in_unit, with_unit
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_ROW = 0.36


@dataclass(frozen=True)
class GroupErrors:
    """Draws the mean error and the mean absolute error of every group, with intervals."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "bias"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/group_errors"})
    tasks: ClassVar[frozenset[TaskName]] = NUMBER_TASKS
    metric: ClassVar[str] = "group_errors"
    noun: ClassVar[str] = "group"

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, self.metric, "groups")
        table = table[~table["crossing"]].reset_index(drop=True)
        if table.empty:
            raise NotApplicableError(
                f"measures/{self.metric}: no single attribute has {self.noun}s"
            )
        unit, tests = results.schema.target.unit, results.table(self.metric, "tests")
        height = 1.0 + _ROW * len(table)
        return [
            Picture(
                name=self.metric,
                svg=draw_svg(self.metric, height, lambda fig: _paint(fig, table, unit)),
                title=_title(tests, unit, self.noun),
                alt=_alt(table, self.noun),
                how_to_read=(
                    f"Left, how far predictions are off in each {self.noun}; right, whether they "
                    "are too high (above 0) or too low. Lines are 95 % intervals, hollow points "
                    "have too few cases to be judged."
                ),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame, unit: str | None) -> None:
    height = figure.get_size_inches()[1]
    left = panel(figure, 2.1, 0.55, 4.3, height - 0.3)
    right = panel(figure, 4.55, 0.55, 6.6, height - 0.3)
    rows(
        left, [wrapped(f"{one.attribute_label}: {one.level}", 26, 2) for one in table.itertuples()]
    )
    _column(left, table, "mae")
    left.set_xlim(left=-0.02 * left.get_xlim()[1])
    left.set_xlabel(in_unit("mean absolute error", unit))
    rows(right, [""] * len(table))
    right.axvline(0, color=LIGHT["context"], linewidth=1)
    _column(right, table, "mean_error")
    right.set_xlabel(in_unit("mean error", unit))
    beside(right, table["n"].map(count), "cases", 40)


def _column(axes: Axes, table: pd.DataFrame, name: str) -> None:
    few = table["too_few"].to_numpy(dtype=bool)
    places = np.arange(len(table))
    for hollow in (False, True):
        part = table[few == hollow]
        ends = (part[f"{name}_low"], part[f"{name}_high"])
        look = Look(SERIES[0] if name == "mae" else SERIES[1], hollow=hollow)
        intervals(axes, places[few == hollow], part[name], ends, look)
    grid(axes, "x")
    value_ticks(axes, "x", 4)


def _title(tests: pd.DataFrame | None, unit: str | None, noun: str) -> str:
    if tests is None or tests.empty:
        return f"Errors by {noun}; there are not two {noun}s large enough to compare"
    sure = tests[tests["p_adjusted"] < 0.05]
    if sure.empty:
        return f"No difference in errors between {noun}s goes beyond chance"
    worst = sure.loc[sure["p_adjusted"].idxmin()]
    attribute = spoken(worst["attribute_label"])
    gap = with_unit(abs(float(worst["value"])), unit, worst["low"], worst["high"])
    what = "are further off" if worst["metric"] == "mae_gap" else "are higher against the truth"
    return (
        f"{attribute}: predictions for “{spoken(worst['widest_level'])}” {what} than for "
        f"“{spoken(worst['narrowest_level'])}”, by {gap}"
    )


def _alt(table: pd.DataFrame, noun: str) -> str:
    parts = [
        f"{spoken(row.attribute_label)} {spoken(row.level)} "
        f"{with_interval(row.mae, row.mae_low, row.mae_high)} and "
        f"{with_interval(row.mean_error, row.mean_error_low, row.mean_error_high)}"
        for row in table.itertuples()
    ]
    return f"Mean absolute error and mean error of each {noun}: " + "; ".join(parts) + "."
