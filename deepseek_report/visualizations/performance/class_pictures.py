"""How well each of many classes or labels is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import LABEL_TASKS
from deepseek_report.metrics.performance.classification_scores import PredictedLabel
from deepseek_report.metrics.performance.performance_rows import ClassRecall, Confusion
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, extent, short, spoken, wrapped
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, on_sheets, picture_of
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- What was decided for each label, as a table of shares in shades ------------------------------

#: Classes up to which each cell holds its numbers, and classes that are drawn at most.
_NUMBERED, _MOST = 12, 40
#: Confusions that the alternative text tells of.
_TOLD = 5


@dataclass(frozen=True)
class ConfusionMatrixPicture(OnePicture):
    """Draws which labels are decided as which, as shares of each label."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/confusion_matrix"})

    def picture(self, results: Results) -> Picture:
        matrix = required(results, "confusion_matrix", "matrix", Confusion)
        rates = required(results, "confusion_matrix", "classes", ClassRecall)
        view = _View.of(matrix, rates, words_of(results))
        return picture_of(view, "confusion_matrix")


@dataclass(frozen=True)
class _View:
    """Counts and shares (label, decision), and the rates of each class.

    classes : those that are drawn. errors : of all classes.
    """

    classes: list[str]
    errors: int
    counts: Ints
    shares: Floats
    rates: Sequence[ClassRecall]
    words: Wording

    @classmethod
    def of(cls, matrix: Sequence[Confusion], rates: Sequence[ClassRecall], words: Wording) -> _View:
        names = list(dict.fromkeys(cell.actual for cell in matrix))[:_MOST]
        counts = np.zeros((len(names), len(names)), dtype=np.int64)
        for cell in matrix:
            if cell.actual in names and cell.decided in names:
                counts[names.index(cell.actual), names.index(cell.decided)] = cell.n
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        errors = sum(cell.n for cell in matrix if cell.actual != cell.decided)
        return cls(names, errors, counts, shares, rates, words)

    @property
    def _levels(self) -> Ints:
        """(label, decision) the shade of each cell; 0 where there is no case."""
        return np.ceil(self.shares * len(marks.SHADES)).astype(np.int64)

    def drawn(self, page: float) -> str:
        n = len(self.classes)
        labels = [short(name, 22 if page == style.WIDTH else 14) for name in self.classes]
        left = min(extent(labels) + 0.25, 0.4 * page)
        room = page - left - 0.15
        cell = min(room / n, 1.5 if n == 2 else 0.62)
        tall = min(cell, 0.6 if n <= 5 else 0.36)
        foot = 0.75 if n <= _NUMBERED else 0.35

        def paint(figure: style.Figure) -> None:
            height = float(figure.get_size_inches()[1])
            axes = style.panel(figure, left, foot, left + n * cell, height - 0.1)
            texts = self._texts if n <= _NUMBERED else {}
            marks.written_cells(
                axes, self._levels, texts, style.SMALL - 2 if cell < 0.4 else style.SMALL
            )
            axes.set_yticks(
                range(n), labels, color=style.LIGHT.ink, fontsize=style.SMALL - (n > _NUMBERED)
            )
            axes.spines[:].set_visible(False)
            turned = extent(labels) > 0.9 * cell
            axes.set_xticks(range(n) if n <= _NUMBERED else [])
            if n <= _NUMBERED:
                below = [short(name, 14) for name in labels]
                look: style.Look = {"rotation": 35, "ha": "right"} if turned else {}
                axes.set_xticklabels(below, color=style.LIGHT.ink, fontsize=style.SMALL, **look)
            axes.set_xlabel(
                self.words.text("pictures.confusion_matrix.decided"), fontsize=style.SMALL
            )

        return style.draw_svg("confusion_matrix", foot + n * tall + 0.1, paint, page)

    @property
    def _texts(self) -> dict[tuple[int, ...], str]:
        """Of each cell with cases its share, and below it the count where there is room."""
        numbers, many = self.words.numbers, len(self.classes) > 5
        counts = {cell: int(n) for cell, n in np.ndenumerate(self.counts) if n}
        return {
            cell: ("" if many else f"{numbers.percent(float(self.shares[cell]))}\n")
            + numbers.count(n)
            for cell, n in counts.items()
        }

    @property
    def confusions(self) -> list[tuple[int, int]]:
        """(label, decision) of the errors, the most frequent first."""
        wrong = self.counts * ~np.eye(len(self.classes), dtype=bool)
        order = np.argsort(-wrong.ravel(), kind="stable")
        pairs = [divmod(int(place), len(self.classes)) for place in order]
        return [pair for pair in pairs if wrong[pair]]

    def title(self) -> Message:
        """The class that is found least often, and the error that is made most often."""
        known = [row for row in self.rates if row.n > 0]
        hardest = min(known, key=lambda row: row.recall.value)
        confusions = self.confusions
        actual, decided = confusions[0] if confusions else (0, 0)
        return caption(
            "confusion_matrix.title",
            hardest=spoken(hardest.level),
            recall=hardest.recall,
            of=hardest.n,
            actual=spoken(self.classes[actual]),
            decided=spoken(self.classes[decided]),
            n=int(self.counts[actual, decided]) if confusions else 0,
            errors=self.errors,
            classes=len(self.rates),
            many=len(self.classes) > 2,
        )

    def alt(self) -> Message:
        classes = [
            caption(
                "confusion_matrix.alt_class", name=spoken(row.level), n=row.n, recall=row.recall
            )
            for row in self.rates
        ]
        errors = [
            caption(
                "confusion_matrix.alt_error",
                actual=spoken(self.classes[actual]),
                decided=spoken(self.classes[decided]),
                n=int(self.counts[actual, decided]),
            )
            for actual, decided in self.confusions[:_TOLD]
        ]
        return caption("confusion_matrix.alt", classes=classes, errors=errors)


# --- How well each of several labels is predicted -------------------------------------------------


@dataclass(frozen=True)
class LabelsTablePicture(OnePicture):
    """Draws ROC AUC and F1 of every label with intervals, the hardest label first.

    most : labels shown.
    """

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/labels_table"})
    tasks = LABEL_TASKS

    most: Annotated[int, Field(ge=2, le=40)] = 20

    def picture(self, results: Results) -> Picture:
        whole = required(results, "labels_table", "labels", PredictedLabel)
        by_roc_auc = sorted(whole, key=_ranking)
        table, words = by_roc_auc[: self.most], words_of(results)
        return on_sheets(
            "labels_table",
            Sheet.heights(len(table), row=0.36),
            lambda sheet: _paint(sheet, table, words),
            title=_title(by_roc_auc),
            alt=_alt(table),
        )


def _ranking(label: PredictedLabel) -> float:
    """Its ROC AUC; where there is none, it is last."""
    return label.roc_auc.value if label.roc_auc.is_defined else 2.0


def _paint(sheet: Sheet, table: Sequence[PredictedLabel], words: Wording) -> None:
    begin, most = (1.2, 14) if sheet.is_narrow else (2.0, 24)
    across = (sheet.width - begin - 0.8) / 2
    left = sheet.axes(begin, 0.55, 0.7 + across, 0.3)
    right = sheet.axes(begin + across + 0.2, 0.55, 0.6, 0.3)
    labels = [f"{'▸ ' if row.reported else ''}{row.label}" for row in table]
    marks.rows(left, [wrapped(label, most, 2) for label in labels])
    marks.rows(right, [""] * len(table))
    _column(left, [row.roc_auc for row in table], style.SERIES[0], words)
    left.axvline(0.5, color=style.LIGHT.context, linewidth=1)
    left.set_xlabel(words.text("pictures.common.roc_auc"))
    _column(right, [row.f1 for row in table], style.SERIES[1], words)
    right.set_xlabel(words.text("pictures.labels_table.f1"))
    having = words.text("pictures.labels_table.having")
    marks.beside(right, (words.numbers.percent(row.prevalence) for row in table), having, 40)


def _column(axes: style.Axes, values: Sequence[Estimate], colour: str, words: Wording) -> None:
    marks.intervals(axes, enumerate(values), marks.MarkStyle(colour))
    marks.grid(axes, "x")
    axes.set_xlim(right=1.0)
    marks.value_ticks(axes, "x", words, 4)


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
