"""How the losses went while the model was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from deepseek_report.artifacts.message import Message, Text, message, text_of
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.errors import NotApplicableError
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, known, wrapped
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case

_HEIGHT = 2.9
_SMALL, _SMALL_NARROW = 1.6, 1.8
#: Columns of the small pictures below, drawn where the column says something.
_MULTIPLES = ("gradient_norm", "learning_rate", "balance_loss")
#: Column, name of the part it was measured on (none where it needs no label), and colour.
_Line = tuple[str, str, str]
_LOSS: tuple[_Line, ...] = (
    ("train_loss", "training", LIGHT.muted),
    ("validation_loss", "validation", SERIES[0]),
)
_SCORE: tuple[_Line, ...] = (("validation_score", "validation", SERIES[0]),)


@dataclass(frozen=True)
class TrainingCurvesPicture(PicturePart):
    """Draws loss, validation score, gradient norm, learning rate and expert balance by epoch."""

    reveals = "aggregate"
    section = "model"
    needs = frozenset({"training"})
    requires = frozenset({"module"})

    def draw(self, results: Results) -> Sequence[Picture]:
        history, summary = results.history, results.training
        if history.empty:
            raise NotApplicableError(message("refusals.no_epochs"))
        words, small = words_of(results), bool(_multiples(history))
        return [
            on_sheets(
                "training_curves",
                (
                    _HEIGHT + small * _SMALL,
                    (1 + _is_ranked(history)) * _HEIGHT + small * _SMALL_NARROW,
                ),
                lambda sheet: _paint(sheet, history, summary, words),
                title=_title(history, summary),
                alt=_alt(history, summary),
            )
        ]


def _multiples(history: pd.DataFrame) -> list[str]:
    """Columns of small pictures that have something to show: values, and not all of them 0."""
    return [column for column in _MULTIPLES if column in history and _says(history[column])]


def _says(column: pd.Series) -> bool:
    return bool(column.notna().any() and (column.fillna(0) != 0).any())


def _score_name(summary: Mapping[str, object]) -> Text:
    return text_of(summary["score"]) if summary.get("score") else caption("common.roc_auc")


def _is_ranked(history: pd.DataFrame) -> bool:
    return "validation_score" in history and bool(history["validation_score"].notna().any())


def _panels(sheet: Sheet, floor: float, *, two: bool) -> tuple[Axes, Axes | None]:
    """One panel, or two: side by side, on a narrow sheet one above the other."""
    up, ends = floor + 0.55, 1.0
    if sheet.is_narrow:
        below = sheet.axes(0.6, up, ends, sheet.height - floor - 2.5) if two else None
        return sheet.axes(0.6, up + two * _HEIGHT, ends, 0.3), below
    top = sheet.height - floor - 2.5
    loss = sheet.axes(0.6, up, 4.15 if two else ends, top)
    return loss, sheet.axes(4.45, up, 0.85, top) if two else None


def _paint(sheet: Sheet, history: pd.DataFrame, summary: Mapping[str, Any], words: Wording) -> None:
    small, tall = _multiples(history), _SMALL_NARROW if sheet.is_narrow else _SMALL
    loss, score = _panels(sheet, tall * bool(small), two=_is_ranked(history))
    _lines(loss, history, _LOSS, words)
    _mark_best(loss, summary.get("best_epoch"), words, label=True)
    loss.set_title(words.text("pictures.training_curves.loss"))
    if score is not None:
        _lines(score, history, _SCORE, words)
        _mark_best(score, summary.get("best_epoch"), words, label=False)
        title = words.text("pictures.training_curves.score", score=_score_name(summary))
        score.set_title(wrapped(sentence_case(title), 38))
    for place, column in enumerate(small):
        step, across = (1.35, 0.8) if sheet.is_narrow else (2.3, 1.6)
        left = 0.6 + place * step
        axes = sheet.axes(left, 0.5, sheet.width - left - across, sheet.height - 1.25)
        _lines(axes, history, ((column, "", LIGHT.ink),), words, ticks=3)
        title = words.text(f"pictures.training_curves.{column}")
        axes.set_title(wrapped(title, 14 if sheet.is_narrow else 26))
        if column != "learning_rate":
            low, high = float(history[column].min()), float(history[column].max())
            axes.set_ylim(min(0.0, low), high + 0.08 * (high - min(0.0, low)))


def _lines(
    axes: Axes, history: pd.DataFrame, lines: Sequence[_Line], words: Wording, ticks: int = 5
) -> None:
    epochs = history["epoch"]
    for column, _, colour in lines:
        marker = "o" if len(history) < 3 else None
        axes.plot(epochs, history[column], color=colour, marker=marker, markersize=4)
    marks.grid(axes, "y")
    marks.count_ticks(axes, "x", words, ticks + 1)
    marks.value_ticks(axes, "y", words, ticks)
    axes.set_xlabel(words.text("pictures.training_curves.epoch"))
    if len(history) == 1:
        axes.set_xlim(epochs.iloc[0] - 0.5, epochs.iloc[0] + 0.5)
    ends = [_end(history, line, words) for line in lines if line[1]]
    marks.end_labels(axes, [end for end in ends if end is not None])


def _mark_best(axes: Axes, best: float | None, words: Wording, *, label: bool) -> None:
    if best is None or not known(best):
        return
    axes.axvline(best, color=LIGHT.context, linewidth=1, linestyle=(0, (3, 3)))
    if label:
        marks.note(
            axes,
            words.text("pictures.training_curves.kept", epoch=best),
            (best, 1),
            (0, 2),
            xycoords=("data", "axes fraction"),
            ha="right" if best > sum(axes.get_xlim()) / 2 else "left",
            va="bottom",
        )


def _end(history: pd.DataFrame, line: _Line, words: Wording) -> marks.EndLabel | None:
    column, part, colour = line
    points = history[["epoch", column]].dropna()
    if points.empty:
        return None
    last = points.iloc[-1]
    text = words.text(f"pictures.training_curves.{part}")
    return marks.EndLabel(float(last["epoch"]), float(last[column]), text, colour)


def _title(history: pd.DataFrame, summary: Mapping[str, object]) -> Message:
    done, best = len(history), summary.get("best_epoch")
    if summary.get("diverged"):
        return caption("training_curves.title_diverged", epochs=done)
    if done == 1 or best is None or history["validation_loss"].isna().all():
        return caption("training_curves.title_plain", epochs=done)
    falling = best == history["epoch"].iloc[-1]
    return caption(
        f"training_curves.{'title_falling' if falling else 'title'}",
        epochs=done,
        best=best,
        lowest=history["validation_loss"].min(),
    )


def _alt(history: pd.DataFrame, summary: Mapping[str, Any]) -> Message:
    first, last = history.iloc[0], history.iloc[-1]
    scored = "validation_score" in history and known(last["validation_score"])
    best = summary.get("best_epoch")
    return caption(
        "training_curves.alt",
        epochs=len(history),
        training=[first["train_loss"], last["train_loss"]],
        validation=[first["validation_loss"], last["validation_loss"]],
        score=_score_name(summary) if scored else "",
        score_end=last["validation_score"] if scored else None,
        multiples=[
            caption(f"training_curves.alt_{column}", first=first[column], last=last[column])
            for column in _multiples(history)
        ],
        best=best if best is not None and known(best) else None,
    )
