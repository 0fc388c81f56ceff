"""How the losses went while the model was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from deepseek_report.artifacts.numbers import number, plural
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols import Capability
from deepseek_report.errors import NotApplicableError
from deepseek_report.visualizations.labels import known
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
_LINES = {
    "loss": (
        ("train_loss", "training", LIGHT["muted"]),
        ("validation_loss", "validation", SERIES[0]),
    ),
    "auc": (("validation_score", "validation", SERIES[0]),),
}


@dataclass(frozen=True)
class TrainingCurves:
    """Draws training and validation loss, and validation AUC, by epoch."""

    needs: ClassVar[frozenset[str]] = frozenset({"training"})
    requires: ClassVar[frozenset[Capability]] = frozenset({"module"})

    def draw(self, results: Results) -> Sequence[Picture]:
        history, summary = results.history, results.training
        if history.empty:
            raise NotApplicableError("the model was not trained in epochs, so there is no curve")
        return [
            Picture(
                name="training_curves",
                svg=draw_svg("training_curves", _HEIGHT, lambda fig: _paint(fig, history, summary)),
                title=_title(history, summary),
                alt=_alt(history, summary),
                how_to_read=(
                    "The gap between the two loss lines shows how much better the model knows the "
                    "rows it learned from; the weights of the marked epoch were kept."
                ),
            )
        ]


def _paint(figure: Figure, history: pd.DataFrame, summary: Mapping[str, Any]) -> None:
    ranked = "validation_score" in history and history["validation_score"].notna().any()
    loss = panel(figure, 0.6, 0.55, 3.05 if ranked else 6.2, 2.5)
    _lines(loss, history, summary, "loss")
    loss.set_title("Loss")
    if ranked:
        auc = panel(figure, 4.45, 0.55, 6.35, 2.5)
        _lines(auc, history, summary, "auc")
        auc.set_title("ROC AUC on the validation part")


def _lines(axes: Axes, history: pd.DataFrame, summary: Mapping[str, Any], which: str) -> None:
    epochs = history["epoch"]
    for column, _, colour in _LINES[which]:
        marker = "o" if len(history) < 3 else None
        axes.plot(epochs, history[column], color=colour, marker=marker, markersize=4)
    grid(axes, "y")
    count_ticks(axes, "x", 6)
    value_ticks(axes, "y")
    axes.set_xlabel("epoch")
    if len(history) == 1:
        axes.set_xlim(epochs.iloc[0] - 0.5, epochs.iloc[0] + 0.5)
    _mark_best(axes, summary.get("best_epoch"), label=which == "loss")
    end_labels(axes, [end for line in _LINES[which] if (end := _end(history, *line))])


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
        parts.append(f"Validation AUC ends at {number(last['validation_score'])}.")
    if known(summary.get("best_epoch")):
        parts.append(f"The weights of epoch {summary['best_epoch']} were kept.")
    return " ".join(parts)
