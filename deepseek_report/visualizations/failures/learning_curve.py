"""Whether more rows would help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.severity import more_rows_help
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, known, measured, wrapped
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import Axes, colours, markers
from deepseek_report.wording.estimates import of_score
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Whether more rows help, as the catalogs name it.
_PROMISES = {True: "probably", None: "uncertain", False: "little"}


@dataclass(frozen=True)
class LearningCurvePicture(PicturePart):
    """Draws the ROC AUC reached with growing parts of the training rows."""

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/learning_curve"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "learning_curve", "curve")
        gains = results.find("learning_curve_gain")
        gain, words = gains[0] if gains else None, words_of(results)
        return [
            on_sheets(
                "learning_curve",
                3.1,
                lambda sheet: _paint(sheet, table, words),
                title=_title(table, gain),
                alt=_alt(table, gain),
            )
        ]


def _paint(sheet: Sheet, table: pd.DataFrame, words: Wording) -> None:
    axes = sheet.axes(0.75, 0.6, 1.3 if sheet.is_narrow else 1.8, 0.2)
    names = list(dict.fromkeys(table["predictor"]))
    tone, shape = colours(names), markers(names)
    labels = []
    for name in names:
        own = table[table["predictor"] == name].sort_values("rows")
        axes.plot(own["rows"], own["roc_auc"], color=tone[name])
        look = marks.MarkStyle(tone[name], shape[name])
        marks.upright_intervals(axes, own["rows"], own["roc_auc"], (own["low"], own["high"]), look)
        last = own.iloc[-1]
        label = wrapped(words.label("predictors", name), 14 if sheet.is_narrow else 24)
        labels.append(
            marks.EndLabel(float(last["rows"]), float(last["roc_auc"]), label, tone[name])
        )
    _rows_axis(axes, sorted(set(table["rows"])), words, 4 if sheet.is_narrow else 7)
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


def _title(table: pd.DataFrame, gain: Score | None) -> Message:
    ends = table.sort_values("rows")
    if gain is None or not known(gain.value):
        first, last = ends.iloc[0], ends.iloc[-1]
        return caption(
            "learning_curve.title_ends",
            first_rows=first["rows"],
            last_rows=last["rows"],
            first=first["roc_auc"],
            last=last["roc_auc"],
        )
    promise = _PROMISES[more_rows_help(gain)]
    return caption("learning_curve.title", gain=of_score(gain), promise=promise)


def _alt(table: pd.DataFrame, gain: Score | None) -> Message:
    predictors = [
        caption("learning_curve.alt_predictor", predictor=name, sizes=_alt_sizes(own))
        for name, own in table.groupby("predictor", sort=False)
    ]
    judged = gain is not None and known(gain.value)
    return caption(
        "learning_curve.alt",
        predictors=predictors,
        gain=of_score(gain) if judged and gain is not None else None,
    )


def _alt_sizes(own: pd.DataFrame) -> list[Message]:
    return [
        caption("learning_curve.alt_size", roc_auc=measured(row, "roc_auc"), rows=row["rows"])
        for _, row in own.sort_values("rows").iterrows()
    ]
