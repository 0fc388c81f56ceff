"""For whom predicted numbers are further off, or off to one side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.schema import NUMBER_TASKS, Task
from deepseek_report.errors import NotApplicableError
from deepseek_report.visualizations.captions import caption, measured
from deepseek_report.visualizations.labels import spoken, wrapped
from deepseek_report.visualizations.marks import Look, beside, grid, intervals, rows, value_ticks
from deepseek_report.visualizations.numbers import in_unit
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg, panel
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

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
    tasks: ClassVar[frozenset[Task]] = NUMBER_TASKS
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
        height, words = 1.0 + _ROW * len(table), words_of(results)
        return [
            Picture(
                name=self.metric,
                svg=draw_svg(self.metric, height, lambda fig: _paint(fig, table, unit, words)),
                title=_title(tests, unit, self.metric),
                alt=_alt(table, self.metric),
                how_to_read=caption(f"{self.metric}.how_to_read"),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame, unit: str | None, words: Wording) -> None:
    height = figure.get_size_inches()[1]
    left = panel(figure, 2.1, 0.55, 4.3, height - 0.3)
    right = panel(figure, 4.55, 0.55, 6.6, height - 0.3)
    rows(
        left, [wrapped(f"{one.attribute_label}: {one.level}", 26, 2) for one in table.itertuples()]
    )
    _column(left, table, "mae", words)
    left.set_xlim(left=-0.02 * left.get_xlim()[1])
    left.set_xlabel(in_unit(words.text("pictures.common.mae"), unit, words))
    rows(right, [""] * len(table))
    right.axvline(0, color=LIGHT["context"], linewidth=1)
    _column(right, table, "mean_error", words)
    right.set_xlabel(in_unit(words.text("pictures.common.mean_error"), unit, words))
    cases = words.text("pictures.common.cases")
    beside(right, table["n"].map(words.numbers.count), cases, 40)


def _column(axes: Axes, table: pd.DataFrame, name: str, words: Wording) -> None:
    few = table["too_few"].to_numpy(dtype=bool)
    places = np.arange(len(table))
    for hollow in (False, True):
        part = table[few == hollow]
        ends = (part[f"{name}_low"], part[f"{name}_high"])
        look = Look(SERIES[0] if name == "mae" else SERIES[1], hollow=hollow)
        intervals(axes, places[few == hollow], part[name], ends, look)
    grid(axes, "x")
    value_ticks(axes, "x", words, 4)


def _title(tests: pd.DataFrame | None, unit: str | None, metric: str) -> Message:
    if tests is None or tests.empty:
        return caption(f"{metric}.title_too_few")
    sure = tests[tests["p_adjusted"] < 0.05]
    if sure.empty:
        return caption(f"{metric}.title_none")
    worst = sure.loc[sure["p_adjusted"].idxmin()]
    return caption(
        "group_errors.title",
        attribute=spoken(worst["attribute_label"]),
        size=bool(worst["metric"] == "mae_gap"),
        widest=spoken(worst["widest_level"]),
        narrowest=spoken(worst["narrowest_level"]),
        gap=measured(worst, "value"),
        unit=unit,
    )


def _alt(table: pd.DataFrame, metric: str) -> Message:
    levels = [
        caption(
            "group_errors.alt_level",
            attribute=spoken(row["attribute_label"]),
            level=spoken(row["level"]),
            mae=measured(row, "mae", "mae_low", "mae_high"),
            mean_error=measured(row, "mean_error", "mean_error_low", "mean_error_high"),
        )
        for _, row in table.iterrows()
    ]
    return caption(f"{metric}.alt", levels=levels)
