"""Whether more rows would help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.severity import more_rows_help
from deepseek_report.metrics.failures.failure_rows import LearntFrom
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, known, wrapped
from deepseek_report.visualizations.drawing.read_results import grouped, known_estimate, required
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, on_sheets
from deepseek_report.visualizations.style import Axes, colours, markers
from deepseek_report.wording.estimates import of_score
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Whether more rows help, as the catalogs name it.
_PROMISES = {True: "probably", None: "uncertain", False: "little"}


@dataclass(frozen=True)
class LearningCurvePicture(OnePicture):
    """Draws the ROC AUC reached with growing parts of the training rows."""

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/learning_curve"})

    def picture(self, results: Results) -> Picture:
        table = required(results, "learning_curve", "curve", LearntFrom)
        table = sorted(table, key=lambda row: row.rows)
        gains = results.find("learning_curve_gain")
        gain, words = gains[0] if gains else None, words_of(results)
        return on_sheets(
            "learning_curve",
            3.1,
            lambda sheet: _paint(sheet, table, words),
            title=_title(table, gain),
            alt=_alt(table, gain),
        )


def _paint(sheet: Sheet, table: Sequence[LearntFrom], words: Wording) -> None:
    axes = sheet.axes(0.75, 0.6, 1.3 if sheet.is_narrow else 1.8, 0.2)
    curves = grouped(table, lambda row: row.predictor)
    tone, shape = colours([*curves]), markers([*curves])
    labels = []
    for name, curve in curves.items():
        points = [(float(row.rows), row.roc_auc) for row in curve]
        axes.plot([at for at, _ in points], [auc.value for _, auc in points], color=tone[name])
        marks.intervals(axes, points, marks.MarkStyle(tone[name], shape[name]), upright=True)
        at, last = points[-1]
        label = wrapped(words.label("predictors", name), 14 if sheet.is_narrow else 24)
        labels.append(marks.EndLabel(at, last.value, label, tone[name]))
    _rows_axis(axes, sorted({row.rows for row in table}), words, 4 if sheet.is_narrow else 7)
    marks.grid(axes, "y")
    marks.value_ticks(axes, "y", words)
    axes.set_ylabel(words.text("pictures.common.roc_auc"))
    marks.end_labels(axes, labels, 23.0 if sheet.is_narrow else 11.5)


def _rows_axis(axes: Axes, sizes: list[int], words: Wording, most: int) -> None:
    from matplotlib.ticker import NullLocator

    axes.set_xscale("log", base=2)
    step = -(-len(sizes) // most)
    shown = sizes[::-1][::step][::-1]
    axes.set_xticks(shown, [words.numbers.count(size) for size in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(words.text("pictures.learning_curve.axis"))


def _title(table: Sequence[LearntFrom], gain: Score | None) -> Message:
    if gain is None or not known(gain.value):
        first, last = table[0], table[-1]
        return caption(
            "learning_curve.title_ends",
            first_rows=first.rows,
            last_rows=last.rows,
            first=first.roc_auc.value,
            last=last.roc_auc.value,
        )
    promise = _PROMISES[more_rows_help(gain)]
    return caption("learning_curve.title", gain=of_score(gain), promise=promise)


def _alt(table: Sequence[LearntFrom], gain: Score | None) -> Message:
    predictors = [
        caption(
            "learning_curve.alt_predictor",
            predictor=name,
            sizes=[
                caption("learning_curve.alt_size", roc_auc=row.roc_auc, rows=row.rows)
                for row in curve
            ],
        )
        for name, curve in grouped(table, lambda row: row.predictor).items()
    ]
    return caption("learning_curve.alt", predictors=predictors, gain=known_estimate(gain))
