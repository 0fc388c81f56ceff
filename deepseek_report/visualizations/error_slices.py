"""Where predicted numbers are further off than elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.schema import NUMBER_TASKS, Task
from deepseek_report.visualizations.captions import caption, measured
from deepseek_report.visualizations.labels import short
from deepseek_report.visualizations.marks import value_ticks
from deepseek_report.visualizations.numbers import in_unit
from deepseek_report.visualizations.part_rows import LEVEL, height_of, paint_parts
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import draw_svg
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

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
    tasks: ClassVar[frozenset[Task]] = NUMBER_TASKS

    most: Annotated[int, Field(ge=1, le=20)] = 8

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "error_slices", "slices").head(self.most)
        unit, score = results.schema.target.unit, results.find("parts_examined")
        examined = int(score[0].value) if score else len(table)
        height, words = height_of(table), words_of(results)
        return [
            Picture(
                name="error_slices",
                svg=draw_svg("error_slices", height, lambda fig: _paint(fig, table, unit, words)),
                title=_title(table, unit),
                alt=_alt(table, examined),
                how_to_read=caption("error_slices.how_to_read", examined=examined),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame, unit: str | None, words: Wording) -> None:
    label = in_unit(words.text("pictures.common.mae"), unit, words)
    paint_parts(figure, table, ("mae", "rest_mae"), value_ticks, label, words)


def _title(table: pd.DataFrame, unit: str | None) -> Message:
    sure = table[table["p_adjusted"] < LEVEL]
    if sure.empty:
        return caption("error_slices.title_none")
    return _part("error_slices.title", sure.iloc[0], unit)


def _part(name: str, row: pd.Series, unit: str | None = None) -> Message:
    """What is known of one part of the data."""
    return caption(
        name,
        part=short(row["slice"], 130),
        n=row["n"],
        error=measured(row, "mae"),
        elsewhere=row["rest_mae"],
        unit=unit,
    )


def _alt(table: pd.DataFrame, examined: int) -> Message:
    parts = [_part("error_slices.alt_part", row) for _, row in table.head(5).iterrows()]
    return caption("error_slices.alt", examined=examined, parts=parts)
