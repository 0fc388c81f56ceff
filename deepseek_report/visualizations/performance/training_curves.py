"""How the losses went while the model was trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.message import Message, Text, message, text_of
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.table_rows import read_rows
from deepseek_report.errors import NotApplicableError
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, known, wrapped
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case

_HEIGHT = 2.9
_SMALL, _SMALL_NARROW = 1.6, 1.8


@dataclass(frozen=True)
class Epoch:
    """What was measured in an epoch: a row of `history.parquet`; NaN what was not."""

    epoch: int
    train_loss: float = math.nan
    validation_loss: float = math.nan
    validation_score: float = math.nan
    gradient_norm: float = math.nan
    learning_rate: float = math.nan
    balance_loss: float = math.nan


_Of = Callable[[Epoch], float]
#: Small pictures below, drawn where their numbers say something.
_MULTIPLES: dict[str, _Of] = {
    "gradient_norm": lambda epoch: epoch.gradient_norm,
    "learning_rate": lambda epoch: epoch.learning_rate,
    "balance_loss": lambda epoch: epoch.balance_loss,
}
#: What is drawn, name of the part it was measured on (none where it needs no label), and colour.
_Line = tuple[_Of, str, str]
_LOSS: tuple[_Line, ...] = (
    (lambda epoch: epoch.train_loss, "training", LIGHT.muted),
    (lambda epoch: epoch.validation_loss, "validation", SERIES[0]),
)
_SCORE: tuple[_Line, ...] = ((lambda epoch: epoch.validation_score, "validation", SERIES[0]),)


@dataclass(frozen=True)
class TrainingCurvesPicture(OnePicture):
    """Draws loss, validation score, gradient norm, learning rate and expert balance by epoch."""

    reveals = "aggregate"
    section = "model"
    needs = frozenset({"training"})
    requires = frozenset({"module"})

    def picture(self, results: Results) -> Picture:
        history, summary = read_rows(results.history, Epoch, "history"), results.training
        if not history:
            raise NotApplicableError(message("refusals.no_epochs"))
        words, small = words_of(results), bool(_multiples(history))
        return on_sheets(
            "training_curves",
            (_HEIGHT + small * _SMALL, (1 + _is_ranked(history)) * _HEIGHT + small * _SMALL_NARROW),
            lambda sheet: _paint(sheet, history, summary, words),
            title=_title(history, summary),
            alt=_alt(history, summary),
        )


def _multiples(history: Sequence[Epoch]) -> list[str]:
    """The small pictures that have something to show: values, and not all of them 0."""
    return [
        name
        for name, of in _MULTIPLES.items()
        if any(known(of(epoch)) and of(epoch) for epoch in history)
    ]


def _score_name(summary: Mapping[str, object]) -> Text:
    return text_of(summary["score"]) if summary.get("score") else caption("common.roc_auc")


def _is_ranked(history: Sequence[Epoch]) -> bool:
    return any(known(epoch.validation_score) for epoch in history)


def _panels(sheet: Sheet, floor: float, *, two: bool) -> tuple[Axes, Axes | None]:
    """One panel, or two: side by side, on a narrow sheet one above the other."""
    up, ends = floor + 0.55, 1.0
    if sheet.is_narrow:
        below = sheet.axes(0.6, up, ends, sheet.height - floor - 2.5) if two else None
        return sheet.axes(0.6, up + two * _HEIGHT, ends, 0.3), below
    top = sheet.height - floor - 2.5
    loss = sheet.axes(0.6, up, 4.15 if two else ends, top)
    return loss, sheet.axes(4.45, up, 0.85, top) if two else None


def _paint(
    sheet: Sheet, history: Sequence[Epoch], summary: Mapping[str, object], words: Wording
) -> None:
    small, tall = _multiples(history), _SMALL_NARROW if sheet.is_narrow else _SMALL
    loss, score = _panels(sheet, tall * bool(small), two=_is_ranked(history))
    _lines(loss, history, _LOSS, words)
    best = _best(summary)
    _mark_best(loss, best, words, label=True)
    loss.set_title(words.text("pictures.training_curves.loss"))
    if score is not None:
        _lines(score, history, _SCORE, words)
        _mark_best(score, best, words, label=False)
        title = words.text("pictures.training_curves.score", score=_score_name(summary))
        score.set_title(wrapped(sentence_case(title), 38))
    for place, name in enumerate(small):
        step, across = (1.35, 0.8) if sheet.is_narrow else (2.3, 1.6)
        left = 0.6 + place * step
        axes = sheet.axes(left, 0.5, sheet.width - left - across, sheet.height - 1.25)
        _lines(axes, history, ((_MULTIPLES[name], "", LIGHT.ink),), words, ticks=3)
        title = words.text(f"pictures.training_curves.{name}")
        axes.set_title(wrapped(title, 14 if sheet.is_narrow else 26))
        if name != "learning_rate":
            values = [_MULTIPLES[name](epoch) for epoch in history]
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
            axes.set_ylim(min(0.0, low), high + 0.08 * (high - min(0.0, low)))


def _lines(
    axes: Axes, history: Sequence[Epoch], lines: Sequence[_Line], words: Wording, ticks: int = 5
) -> None:
    epochs = [epoch.epoch for epoch in history]
    for of, _, colour in lines:
        marker = "o" if len(history) < 3 else None
        axes.plot(
            epochs, [of(epoch) for epoch in history], color=colour, marker=marker, markersize=4
        )
    marks.grid(axes, "y")
    marks.count_ticks(axes, "x", words, ticks + 1)
    marks.value_ticks(axes, "y", words, ticks)
    axes.set_xlabel(words.text("pictures.training_curves.epoch"))
    if len(history) == 1:
        axes.set_xlim(epochs[0] - 0.5, epochs[0] + 0.5)
    ends = [_end(history, line, words) for line in lines if line[1]]
    marks.end_labels(axes, [end for end in ends if end is not None])


def _mark_best(axes: Axes, best: int | None, words: Wording, *, label: bool) -> None:
    if best is None:
        return
    axes.axvline(best, color=LIGHT.context, linewidth=1, linestyle=(0, (3, 3)))
    if label:
        marks.above(
            axes,
            words.text("pictures.training_curves.kept", epoch=best),
            best,
            2,
            ha="right" if best > sum(axes.get_xlim()) / 2 else "left",
            va="bottom",
        )


def _end(history: Sequence[Epoch], line: _Line, words: Wording) -> marks.EndLabel | None:
    of, part, colour = line
    points = [(epoch.epoch, of(epoch)) for epoch in history if known(of(epoch))]
    text = words.text(f"pictures.training_curves.{part}")
    return marks.EndLabel(*points[-1], text, colour) if points else None


def _best(summary: Mapping[str, object]) -> int | None:
    """The epoch whose weights are kept; None where there is none."""
    best = summary.get("best_epoch")
    return int(best) if isinstance(best, int | float) and known(best) else None


def _title(history: Sequence[Epoch], summary: Mapping[str, object]) -> Message:
    done, best = len(history), _best(summary)
    losses = [epoch.validation_loss for epoch in history if known(epoch.validation_loss)]
    if summary.get("diverged"):
        return caption("training_curves.title_diverged", epochs=done)
    if done == 1 or best is None or not losses:
        return caption("training_curves.title_plain", epochs=done)
    falling = "title_learnt" if summary.get("stopped_early") else "title_falling"
    name = falling if best == history[-1].epoch else "title"
    return caption(f"training_curves.{name}", epochs=done, best=best, lowest=min(losses))


def _alt(history: Sequence[Epoch], summary: Mapping[str, object]) -> Message:
    first, last = history[0], history[-1]
    scored = known(last.validation_score)
    return caption(
        "training_curves.alt",
        epochs=len(history),
        training=[first.train_loss, last.train_loss],
        validation=[first.validation_loss, last.validation_loss],
        score=_score_name(summary) if scored else "",
        score_end=last.validation_score if scored else None,
        multiples=[
            caption(
                f"training_curves.alt_{name}",
                first=_MULTIPLES[name](first),
                last=_MULTIPLES[name](last),
            )
            for name in _multiples(history)
        ],
        best=_best(summary),
    )
