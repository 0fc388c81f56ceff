"""What small changes of the inputs do to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from deepseek_report.artifacts.numbers import percent
from deepseek_report.artifacts.picture import Picture
from deepseek_report.visualizations.labels import (
    percent_with_interval,
    setting,
    short,
    spoken,
    with_interval,
)
from deepseek_report.visualizations.marks import (
    EndLabel,
    Look,
    end_labels,
    grid,
    percent_ticks,
    upright_intervals,
    value_ticks,
)
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import colours, draw_svg, markers, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_HEIGHT = 3.2
_AUC, _FLIPPED = ("roc_auc", "low", "high"), ("flipped", "flipped_low", "flipped_high")


@dataclass(frozen=True)
class Robustness:
    """Draws the AUC and the share of changed decisions as the inputs are disturbed."""

    needs: ClassVar[frozenset[str]] = frozenset({"measures/robustness"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "robustness", "perturbations")
        return [
            Picture(
                name="robustness",
                svg=draw_svg("robustness", _HEIGHT, lambda figure: _paint(figure, table)),
                title=_title(table),
                alt=_alt(table),
                how_to_read=(
                    "From left to right the inputs are disturbed more; a robust model keeps its "
                    "AUC (left) and changes few decisions (right). Lines are 95 % intervals."
                ),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame) -> None:
    left = panel(figure, 0.7, 0.6, 2.6, 2.75)
    right = panel(figure, 3.2, 0.6, 5.0, 2.75)
    _lines(left, table, _AUC)
    _lines(right, table, _FLIPPED)
    left.set_title("ROC AUC")
    right.set_title("Decisions that change")
    value_ticks(left, "y")
    percent_ticks(right, "y")
    right.set_ylim(bottom=0)
    names = list(dict.fromkeys(table["label"]))
    tone = colours(names)
    ends = [_last(table, name) for name in names]
    end_labels(
        right,
        [
            EndLabel(float(end["level"]), float(end["flipped"]), short(name, 28), tone[name])
            for name, end in zip(names, ends, strict=True)
        ],
    )


def _lines(axes: Axes, table: pd.DataFrame, columns: tuple[str, str, str]) -> None:
    names = list(dict.fromkeys(table["label"]))
    tone, shape = colours(names), markers(names)
    value, low, high = columns
    step = 0.015 * float(table["level"].max() - table["level"].min())
    for name in names:
        own = table[table["label"] == name].sort_values("level")
        aside = own["level"] + (names.index(name) - (len(names) - 1) / 2) * step
        axes.plot(aside, own[value], color=tone[name])
        look = Look(tone[name], shape[name], size=5)
        upright_intervals(axes, aside, own[value], (own[low], own[high]), look)
    grid(axes, "y")
    value_ticks(axes, "x", 4)
    axes.set_xlabel("level of the disturbance")


def _last(table: pd.DataFrame, name: str) -> pd.Series:
    return table[table["label"] == name].sort_values("level").iloc[-1]


def _title(table: pd.DataFrame) -> str:
    worst = table.loc[table["flipped"].idxmax()]
    share = percent(worst["flipped"], worst["flipped_low"], worst["flipped_high"])
    what = f"{spoken(worst['label'])} at level {setting(worst['level'])}"
    return f"{what} changes most decisions, {share}"


def _alt(table: pd.DataFrame) -> str:
    parts = []
    for name in dict.fromkeys(table["label"]):
        last = _last(table, name)
        parts.append(
            f"{spoken(name)} at level {setting(last['level'])}: AUC "
            f"{with_interval(last['roc_auc'], last['low'], last['high'])}, decisions changed "
            f"{percent_with_interval(last['flipped'], last['flipped_low'], last['flipped_high'])}"
        )
    return "ROC AUC and changed decisions by level of disturbance. " + "; ".join(parts) + "."
