"""How well each of several labels is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import number, percent
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.schema import LABEL_TASKS, TaskName
from deepseek_report.visualizations.labels import spoken, with_interval, wrapped
from deepseek_report.visualizations.marks import Look, beside, grid, intervals, rows, value_ticks
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_ROW = 0.36


@dataclass(frozen=True)
class LabelsTable(PicturePart):
    """Draws ROC AUC and F1 of every label with intervals, the hardest label first.

    most : labels shown.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "performance"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/labels_table"})
    tasks: ClassVar[frozenset[TaskName]] = LABEL_TASKS

    most: Annotated[int, Field(ge=2, le=40)] = 20

    def draw(self, results: Results) -> Sequence[Picture]:
        whole = required(results, "labels_table", "labels")
        table = whole.sort_values("roc_auc").head(self.most).reset_index(drop=True)
        height = 0.95 + _ROW * len(table)
        return [
            Picture(
                name="labels_table",
                svg=draw_svg("labels_table", height, lambda figure: _paint(figure, table)),
                title=_title(whole),
                alt=_alt(table),
                how_to_read=(
                    "Each row is a label, the hardest first. Left, how well cases with the label "
                    "are ranked above others (0.5 is guessing); right, F1 at the label’s own "
                    "threshold, which also hangs on how common the label is. Lines are 95 % "
                    "intervals; the label that this report is about is marked ▸."
                ),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame) -> None:
    height = figure.get_size_inches()[1]
    left = panel(figure, 2.0, 0.55, 4.25, height - 0.3)
    right = panel(figure, 4.45, 0.55, 6.6, height - 0.3)
    marks = [f"{'▸ ' if row.reported else ''}{row.label}" for row in table.itertuples()]
    rows(left, [wrapped(one, 24, 2) for one in marks])
    rows(right, [""] * len(table))
    _column(left, table, "roc_auc", SERIES[0])
    left.axvline(0.5, color=LIGHT["context"], linewidth=1)
    left.set_xlabel("ROC AUC")
    _column(right, table, "f1", SERIES[1])
    right.set_xlabel("F1")
    beside(right, table["prevalence"].map(percent), "have it", 40)


def _column(axes: Axes, table: pd.DataFrame, name: str, colour: str) -> None:
    ends = (table[f"{name}_low"], table[f"{name}_high"])
    intervals(axes, np.arange(len(table)), table[name], ends, Look(colour))
    grid(axes, "x")
    axes.set_xlim(right=1.0)
    value_ticks(axes, "x", 4)


def _title(table: pd.DataFrame) -> str:
    hardest, easiest = table.loc[table["roc_auc"].idxmin()], table.loc[table["roc_auc"].idxmax()]
    return (
        f"“{spoken(hardest['label'])}” is the hardest of {len(table)} labels (ROC AUC "
        f"{number(hardest['roc_auc'])}), “{spoken(easiest['label'])}” the easiest "
        f"({number(easiest['roc_auc'])})"
    )


def _alt(table: pd.DataFrame) -> str:
    parts = [
        f"{spoken(row.label)} {with_interval(row.roc_auc, row.roc_auc_low, row.roc_auc_high)} and "
        f"{with_interval(row.f1, row.f1_low, row.f1_high)}"
        for row in table.head(8).itertuples()
    ]
    return "ROC AUC and F1 of each label, the hardest first: " + "; ".join(parts) + "."
