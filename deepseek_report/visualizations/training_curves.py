"""How the losses went while the model was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import number, plural
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.errors import NotApplicableError
from deepseek_report.visualizations.labels import capital, known, wrapped
from deepseek_report.visualizations.marks import (
    EndLabel,
    count_ticks,
    end_labels,
    grid,
    note,
    value_ticks,
)
from deepseek_report.visualizations.style import LIGHT, SERIES, draw_svg, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_HEIGHT = 2.9
_SMALL = 1.6
#: (column, title) of the small pictures below, drawn where the column says something.
_MULTIPLES = (
    ("gradient_norm", "Norm of the gradient"),
    ("learning_rate", "Learning rate"),
    ("balance_loss", "Imbalance of the experts"),
)
_Line = tuple[str, str, str]
_LOSS: tuple[_Line, ...] = (
    ("train_loss", "training", LIGHT["muted"]),
    ("validation_loss", "validation", SERIES[0]),
)
_SCORE: tuple[_Line, ...] = (("validation_score", "validation", SERIES[0]),)


@dataclass(frozen=True)
class TrainingCurves(PicturePart):
    """Draws loss, validation score, gradient norm, learning rate and expert balance by epoch."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "model"
    needs: ClassVar[frozenset[str]] = frozenset({"training"})
    requires: ClassVar[frozenset[Capability]] = frozenset({"module"})

    def draw(self, results: Results) -> Sequence[Picture]:
        history, summary = results.history, results.training
        if history.empty:
            raise NotApplicableError("the model was not trained in epochs, so there is no curve")
        height = _HEIGHT + (_SMALL if _multiples(history) else 0)
        return [
            Picture(
                name="training_curves",
                svg=draw_svg("training_curves", height, lambda fig: _paint(fig, history, summary)),
                title=_title(history, summary),
                alt=_alt(history, summary),
                how_to_read=(
                    "The gap between the two loss lines shows how much better the model knows the "
                    "rows it learned from; the weights of the marked epoch were kept. The training "
                    "loss is a mean over the epoch while the weights change, with dropout and "
                    "label smoothing where they are set, and the validation loss is without "
                    "them, so the first may lie above the second."
                ),
            )
        ]


def _multiples(history: pd.DataFrame) -> list[tuple[str, str]]:
    """The small pictures that have something to show: values that are there and not all 0."""
    return [one for one in _MULTIPLES if one[0] in history and _says(history[one[0]])]


def _says(column: pd.Series) -> bool:
    return bool(column.notna().any() and (column.fillna(0) != 0).any())


def _score_name(summary: Mapping[str, Any]) -> str:
    return str(summary.get("score") or "ROC AUC")


def _paint(figure: Figure, history: pd.DataFrame, summary: Mapping[str, Any]) -> None:
    small = _multiples(history)
    floor = _SMALL if small else 0.0
    ranked = "validation_score" in history and history["validation_score"].notna().any()
    loss = panel(figure, 0.6, floor + 0.55, 3.05 if ranked else 6.2, floor + 2.5)
    _lines(loss, history, _LOSS)
    _mark_best(loss, summary.get("best_epoch"), label=True)
    loss.set_title("Loss")
    if ranked:
        score = panel(figure, 4.45, floor + 0.55, 6.35, floor + 2.5)
        _lines(score, history, _SCORE)
        _mark_best(score, summary.get("best_epoch"), label=False)
        score.set_title(wrapped(f"{capital(_score_name(summary))}, validation part", 38))
    for place, (column, title) in enumerate(small):
        left = 0.6 + place * 2.3
        axes = panel(figure, left, 0.5, left + 1.6, _SMALL - 0.35)
        _lines(axes, history, ((column, "", LIGHT["ink"]),), ticks=3)
        axes.set_title(title)
        if column != "learning_rate":
            axes.set_ylim(bottom=min(0.0, float(history[column].min())))


def _lines(axes: Axes, history: pd.DataFrame, lines: Sequence[_Line], ticks: int = 5) -> None:
    epochs = history["epoch"]
    for column, _, colour in lines:
        marker = "o" if len(history) < 3 else None
        axes.plot(epochs, history[column], color=colour, marker=marker, markersize=4)
    grid(axes, "y")
    count_ticks(axes, "x", ticks + 1)
    value_ticks(axes, "y", ticks)
    axes.set_xlabel("epoch")
    if len(history) == 1:
        axes.set_xlim(epochs.iloc[0] - 0.5, epochs.iloc[0] + 0.5)
    end_labels(axes, [end for line in lines if line[1] and (end := _end(history, *line))])


def _mark_best(axes: Axes, best: float | None, *, label: bool) -> None:
    if best is None or not known(best):
        return
    axes.axvline(best, color=LIGHT["context"], linewidth=1, linestyle=(0, (3, 3)))
    if label:
        note(
            axes,
            f"kept: epoch {best}",
            (best, 1),
            (0, 2),
            xycoords=("data", "axes fraction"),
            ha="right" if best > sum(axes.get_xlim()) / 2 else "left",
            va="bottom",
        )


def _end(history: pd.DataFrame, column: str, text: str, colour: str) -> EndLabel | None:
    there = history[["epoch", column]].dropna()
    if there.empty:
        return None
    last = there.iloc[-1]
    return EndLabel(float(last["epoch"]), float(last[column]), text, colour)


def _title(history: pd.DataFrame, summary: Mapping[str, Any]) -> str:
    done, best = len(history), summary.get("best_epoch")
    if summary.get("diverged"):
        return f"Training diverged: the loss was no longer a number after {plural(done, 'epoch')}"
    if done == 1 or best is None or history["validation_loss"].isna().all():
        return f"The model was trained for {plural(done, 'epoch')}"
    lowest = f"{number(float(history['validation_loss'].min()))} in epoch {best}"
    if best == history["epoch"].iloc[-1]:
        return f"The validation loss was still falling when training stopped: lowest, {lowest}"
    return f"The validation loss is lowest, {lowest} of {done}; training on gains nothing"


def _alt(history: pd.DataFrame, summary: Mapping[str, Any]) -> str:
    first, last = history.iloc[0], history.iloc[-1]
    parts = [
        f"Lines over {plural(len(history), 'epoch')}.",
        f"Training loss from {number(first['train_loss'])} to {number(last['train_loss'])},",
        f"validation loss from {number(first['validation_loss'])} to "
        f"{number(last['validation_loss'])}.",
    ]
    if "validation_score" in history and known(last["validation_score"]):
        score = f"Validation {_score_name(summary)} ends at {number(last['validation_score'])}."
        parts.append(score)
    for column, title in _multiples(history):
        ends = f"{number(float(first[column]))} to {number(float(last[column]))}"
        parts.append(f"{title} from {ends}.")
    if known(summary.get("best_epoch")):
        parts.append(f"The weights of epoch {summary['best_epoch']} were kept.")
    return " ".join(parts)
