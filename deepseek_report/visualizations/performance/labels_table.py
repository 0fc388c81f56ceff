"""How well each of several labels is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import LABEL_TASKS
from deepseek_report.visualizations.drawing.labels import caption, measured, spoken, wrapped
from deepseek_report.visualizations.drawing.marks import (
    MarkStyle,
    beside,
    grid,
    intervals,
    rows,
    value_ticks,
)
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

_ROW = 0.36


@dataclass(frozen=True)
class LabelsTablePicture(PicturePart):
    """Draws ROC AUC and F1 of every label with intervals, the hardest label first.

    most : labels shown.
    """

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/labels_table"})
    tasks = LABEL_TASKS

    most: Annotated[int, Field(ge=2, le=40)] = 20

    def draw(self, results: Results) -> Sequence[Picture]:
        whole = required(results, "labels_table", "labels")
        table = whole.sort_values("roc_auc").head(self.most).reset_index(drop=True)
        height, words = 0.95 + _ROW * len(table), words_of(results)
        return [
            on_sheets(
                "labels_table",
                height,
                lambda sheet: _paint(sheet, table, words),
                title=_title(whole),
                alt=_alt(table),
            )
        ]


def _paint(sheet: Sheet, table: pd.DataFrame, words: Wording) -> None:
    begin, most = (1.2, 14) if sheet.is_narrow else (2.0, 24)
    across = (sheet.width - begin - 0.8) / 2
    left = sheet.axes(begin, 0.55, 0.7 + across, 0.3)
    right = sheet.axes(begin + across + 0.2, 0.55, 0.6, 0.3)
    marks = [f"{'▸ ' if row.reported else ''}{row.label}" for row in table.itertuples()]
    rows(left, [wrapped(mark, most, 2) for mark in marks])
    rows(right, [""] * len(table))
    _column(left, table, "roc_auc", SERIES[0], words)
    left.axvline(0.5, color=LIGHT.context, linewidth=1)
    left.set_xlabel(words.text("pictures.common.roc_auc"))
    _column(right, table, "f1", SERIES[1], words)
    right.set_xlabel(words.text("pictures.labels_table.f1"))
    having = words.text("pictures.labels_table.having")
    beside(right, table["prevalence"].map(words.numbers.percent), having, 40)


def _column(axes: Axes, table: pd.DataFrame, name: str, colour: str, words: Wording) -> None:
    ends = (table[f"{name}_low"], table[f"{name}_high"])
    intervals(axes, np.arange(len(table)), table[name], ends, MarkStyle(colour))
    grid(axes, "x")
    axes.set_xlim(right=1.0)
    value_ticks(axes, "x", words, 4)


def _title(table: pd.DataFrame) -> Message:
    hardest, easiest = table.loc[table["roc_auc"].idxmin()], table.loc[table["roc_auc"].idxmax()]
    return caption(
        "labels_table.title",
        n=len(table),
        hardest=spoken(hardest["label"]),
        lowest=hardest["roc_auc"],
        easiest=spoken(easiest["label"]),
        highest=easiest["roc_auc"],
    )


def _alt(table: pd.DataFrame) -> Message:
    labels = [
        caption(
            "labels_table.alt_label",
            label=spoken(row["label"]),
            roc_auc=measured(row, "roc_auc", "roc_auc_low", "roc_auc_high"),
            f1=measured(row, "f1", "f1_low", "f1_high"),
        )
        for _, row in table.head(8).iterrows()
    ]
    return caption("labels_table.alt", labels=labels)
