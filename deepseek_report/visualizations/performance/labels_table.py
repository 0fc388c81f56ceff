"""How well each of several labels is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import LABEL_TASKS
from deepseek_report.metrics.performance.classification_scores import PredictedLabel
from deepseek_report.visualizations.drawing.labels import caption, spoken, wrapped
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
        whole = required(results, "labels_table", "labels", PredictedLabel)
        by_roc_auc = sorted(whole, key=_ranking)
        table, words = by_roc_auc[: self.most], words_of(results)
        height = 0.95 + _ROW * len(table)
        return [
            on_sheets(
                "labels_table",
                height,
                lambda sheet: _paint(sheet, table, words),
                title=_title(by_roc_auc),
                alt=_alt(table),
            )
        ]


def _ranking(label: PredictedLabel) -> float:
    """Its ROC AUC; where there is none, it is last."""
    return label.roc_auc.value if label.roc_auc.is_defined else 2.0


def _paint(sheet: Sheet, table: Sequence[PredictedLabel], words: Wording) -> None:
    begin, most = (1.2, 14) if sheet.is_narrow else (2.0, 24)
    across = (sheet.width - begin - 0.8) / 2
    left = sheet.axes(begin, 0.55, 0.7 + across, 0.3)
    right = sheet.axes(begin + across + 0.2, 0.55, 0.6, 0.3)
    marks = [f"{'▸ ' if row.reported else ''}{row.label}" for row in table]
    rows(left, [wrapped(mark, most, 2) for mark in marks])
    rows(right, [""] * len(table))
    _column(left, [row.roc_auc for row in table], SERIES[0], words)
    left.axvline(0.5, color=LIGHT.context, linewidth=1)
    left.set_xlabel(words.text("pictures.common.roc_auc"))
    _column(right, [row.f1 for row in table], SERIES[1], words)
    right.set_xlabel(words.text("pictures.labels_table.f1"))
    having = words.text("pictures.labels_table.having")
    beside(right, (words.numbers.percent(row.prevalence) for row in table), having, 40)


def _column(axes: Axes, values: Sequence[Estimate], colour: str, words: Wording) -> None:
    intervals(axes, enumerate(values), MarkStyle(colour))
    grid(axes, "x")
    axes.set_xlim(right=1.0)
    value_ticks(axes, "x", words, 4)


def _title(by_roc_auc: Sequence[PredictedLabel]) -> Message:
    known = [label for label in by_roc_auc if label.roc_auc.is_defined] or by_roc_auc
    return caption(
        "labels_table.title",
        n=len(by_roc_auc),
        hardest=spoken(known[0].label),
        lowest=known[0].roc_auc.value,
        easiest=spoken(known[-1].label),
        highest=known[-1].roc_auc.value,
    )


def _alt(table: Sequence[PredictedLabel]) -> Message:
    labels = [
        caption("labels_table.alt_label", label=spoken(row.label), roc_auc=row.roc_auc, f1=row.f1)
        for row in table[:8]
    ]
    return caption("labels_table.alt", labels=labels)
