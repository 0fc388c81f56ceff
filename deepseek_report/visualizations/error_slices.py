"""Where predicted numbers are further off than elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import count, number
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.schema import NUMBER_TASKS, TaskName
from deepseek_report.visualizations.labels import short, with_interval
from deepseek_report.visualizations.marks import value_ticks
from deepseek_report.visualizations.numbers import in_unit, with_unit
from deepseek_report.visualizations.part_rows import LEVEL, height_of, paint_parts
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import draw_svg

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results


@dataclass(frozen=True)
class ErrorSlices:
    """Draws the mean absolute error of the worst parts against that of the rest.

    most : parts shown, the surest first.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "bottlenecks"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/error_slices"})
    tasks: ClassVar[frozenset[TaskName]] = NUMBER_TASKS

    most: Annotated[int, Field(ge=1, le=20)] = 8

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "error_slices", "slices").head(self.most)
        unit, score = results.schema.target.unit, results.find("parts_examined")
        examined = int(score[0].value) if score else len(table)
        height = height_of(table)
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
    label = in_unit("mean absolute error", unit)
    paint_parts(figure, table, ("mae", "rest_mae"), value_ticks, label)


def _title(table: pd.DataFrame, unit: str | None) -> str:
    sure = table[table["p_adjusted"] < LEVEL]
    if sure.empty:
        return "No part of the data has larger errors than the rest beyond what chance explains"
    worst = sure.iloc[0]
    off = with_unit(float(worst["mae"]), unit, worst["low"], worst["high"])
    rest = number(worst["rest_mae"], worst["low"], worst["high"])
    elsewhere = f"against {rest} elsewhere"
    return f"Where {short(worst['slice'], 130)}, predictions are off by {off}, {elsewhere}"


def _alt(table: pd.DataFrame, examined: int) -> str:
    parts = [
        f"{short(row.slice, 130)} {with_interval(row.mae, row.low, row.high)} in "
        f"{count(row.n)} cases against {number(row.rest_mae)}"
        for row in table.head(5).itertuples()
    ]
    head = f"Mean absolute error in the worst of {count(examined)} parts: "
    return head + "; ".join(parts) + "."
