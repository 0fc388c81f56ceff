"""What small changes of the inputs do to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import percent
from deepseek_report.artifacts.picture import Picture
from deepseek_report.visualizations.labels import (
    capital,
    known,
    percent_with_interval,
    setting,
    spoken,
    with_interval,
    wrapped,
)
from deepseek_report.visualizations.marks import (
    Look,
    grid,
    percent_ticks,
    upright_intervals,
    value_ticks,
)
from deepseek_report.visualizations.numbers import with_unit
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, WIDTH, draw_svg, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_HEIGHT = 4.2
_Columns = tuple[str, str, str]


@dataclass(frozen=True)
class _Judged:
    """What is judged under perturbation, and what it moves: of decisions, or of a number.

    above, below : columns of the value and its interval. calm : the score of undisturbed inputs.
    """

    above: _Columns
    below: _Columns
    calm: str
    names: tuple[str, str]
    moved: str


_CLASSES = _Judged(
    ("roc_auc", "low", "high"),
    ("flipped", "flipped_low", "flipped_high"),
    "roc_auc",
    ("ROC AUC", "decisions changed"),
    "changes few decisions",
)
_NUMBER = _Judged(
    ("mae", "low", "high"),
    ("change", "change_low", "change_high"),
    "mae",
    ("MAE", "mean change"),
    "moves its predictions little",
)


@dataclass(frozen=True)
class Robustness:
    """Draws the AUC and the changed decisions, or a number's error and change, under noise."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "robustness"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/robustness"})
    also: ClassVar[frozenset[str]] = frozenset({"measures/roc_auc", "measures/mae"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "robustness", "perturbations")
        judged = _NUMBER if results.schema.target.is_number else _CLASSES
        score = results.score(judged.calm)
        calm = score.value if score is not None and known(score.value) else None
        return [
            Picture(
                name="robustness",
                svg=draw_svg("robustness", _HEIGHT, lambda fig: _paint(fig, table, calm, judged)),
                title=_number_title(table, results) if judged is _NUMBER else _title(table),
                alt=_alt(table, calm, judged),
                how_to_read=(
                    "In each column the inputs are disturbed more from left to right; a robust "
                    "model stays near the grey line of undisturbed inputs (above) and "
                    f"{judged.moved} (below). Upright lines are 95 % intervals."
                ),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame, calm: float | None, judged: _Judged) -> None:
    names = list(dict.fromkeys(table["label"]))
    width = (WIDTH - 0.7) / len(names)
    for column, name in enumerate(names):
        left, right = 0.7 + column * width, 0.7 + (column + 1) * width - 0.2
        own = table[table["label"] == name].sort_values("level")
        above = panel(figure, left, 2.4, right, _HEIGHT - 0.45)
        below = panel(figure, left, 0.6, right, 2.15)
        _line(above, own, judged.above, SERIES[0])
        _line(below, own, judged.below, SERIES[1])
        _frame(above, below, table, calm, judged)
        above.set_title(wrapped(capital(name), int(width * 12)))
        if column == 0:
            above.set_ylabel(judged.names[0])
            below.set_ylabel(judged.names[1])
        for axes in (above, below):
            axes.tick_params(labelleft=column == 0)


def _line(axes: Axes, own: pd.DataFrame, columns: tuple[str, str, str], colour: str) -> None:
    value, low, high = columns
    places = range(len(own))
    axes.plot(places, own[value], color=colour)
    upright_intervals(axes, places, own[value], (own[low], own[high]), Look(colour))
    axes.set_xticks(places, [setting(level) for level in own["level"]])
    axes.set_xlim(-0.4, len(own) - 0.6)
    grid(axes, "y")


def _frame(
    above: Axes, below: Axes, table: pd.DataFrame, calm: float | None, judged: _Judged
) -> None:
    columns = table[list(judged.above)]
    shown = columns.to_numpy(float)[~columns.isna().to_numpy()]
    low, high = float(shown.min()), max(float(shown.max()), calm or 0.0)
    above.set_ylim(low - 0.08 * (high - low) - 0.002, high + 0.08 * (high - low) + 0.002)
    below.set_ylim(0, float(table[list(judged.below)].max().max()) * 1.1 + 0.001)
    if calm is not None:
        above.axhline(calm, color=LIGHT["context"], linewidth=1.4, zorder=1)
    value_ticks(above, "y", 4)
    (value_ticks if judged is _NUMBER else percent_ticks)(below, "y", 4)
    above.tick_params(labelbottom=False)
    below.set_xlabel("level")


def _last(table: pd.DataFrame, name: str) -> pd.Series:
    return table[table["label"] == name].sort_values("level").iloc[-1]


def _title(table: pd.DataFrame) -> str:
    worst = table.loc[table["flipped"].idxmax()]
    if worst["flipped"] == 0:
        return "Nothing that was tried changes a decision"
    share = percent(worst["flipped"], worst["flipped_low"], worst["flipped_high"])
    what = f"{capital(spoken(worst['label']))} at level {setting(worst['level'])}"
    return f"{what} changes most decisions, {share}"


def _number_title(table: pd.DataFrame, results: Results) -> str:
    worst = table.loc[table["change"].idxmax()]
    moved = with_unit(
        float(worst["change"]),
        results.schema.target.unit,
        worst["change_low"],
        worst["change_high"],
    )
    what = f"{capital(spoken(worst['label']))} at level {setting(worst['level'])}"
    return f"{what} moves predictions most, by {moved} on average"


def _alt(table: pd.DataFrame, calm: float | None, judged: _Judged) -> str:
    write = with_interval if judged is _NUMBER else percent_with_interval
    parts = []
    for name in dict.fromkeys(table["label"]):
        last = _last(table, name)
        above, below = ([last[key] for key in keys] for keys in (judged.above, judged.below))
        parts.append(
            f"{spoken(name)} at level {setting(last['level'])}: {judged.names[0]} "
            f"{with_interval(*above)}, {judged.names[1]} {write(*below)}"
        )
    before = "" if calm is None else f", {with_interval(calm, None, None)} undisturbed"
    head = f"{judged.names[0]}{before}, and {judged.names[1]}, by level: "
    return head + "; ".join(parts) + "."
