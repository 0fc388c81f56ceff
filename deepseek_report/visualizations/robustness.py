"""What small changes of the inputs do to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

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
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, WIDTH, draw_svg, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_HEIGHT = 4.2
_AUC, _FLIPPED = ("roc_auc", "low", "high"), ("flipped", "flipped_low", "flipped_high")


@dataclass(frozen=True)
class Robustness:
    """Draws the AUC and the share of changed decisions as the inputs are disturbed."""

    needs: ClassVar[frozenset[str]] = frozenset({"measures/robustness"})
    also: ClassVar[frozenset[str]] = frozenset({"measures/roc_auc"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "robustness", "perturbations")
        score = results.score("roc_auc")
        calm = score.value if score is not None and known(score.value) else None
        return [
            Picture(
                name="robustness",
                svg=draw_svg("robustness", _HEIGHT, lambda fig: _paint(fig, table, calm)),
                title=_title(table),
                alt=_alt(table, calm),
                how_to_read=(
                    "In each column the inputs are disturbed more from left to right; a robust "
                    "model stays near the grey line of undisturbed inputs (above) and changes few "
                    "decisions (below). Upright lines are 95 % intervals."
                ),
            )
        ]


def _paint(figure: Figure, table: pd.DataFrame, calm: float | None) -> None:
    names = list(dict.fromkeys(table["label"]))
    width = (WIDTH - 0.7) / len(names)
    for column, name in enumerate(names):
        left, right = 0.7 + column * width, 0.7 + (column + 1) * width - 0.2
        own = table[table["label"] == name].sort_values("level")
        above = panel(figure, left, 2.4, right, _HEIGHT - 0.45)
        below = panel(figure, left, 0.6, right, 2.15)
        _line(above, own, _AUC, SERIES[0])
        _line(below, own, _FLIPPED, SERIES[1])
        _frame(above, below, table, calm)
        above.set_title(wrapped(capital(name), int(width * 12)))
        if column == 0:
            above.set_ylabel("ROC AUC")
            below.set_ylabel("decisions changed")
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


def _frame(above: Axes, below: Axes, table: pd.DataFrame, calm: float | None) -> None:
    shown = table[list(_AUC)].to_numpy(float)[~table[list(_AUC)].isna().to_numpy()]
    low, high = float(shown.min()), max(float(shown.max()), calm or 0.0)
    above.set_ylim(low - 0.08 * (high - low) - 0.002, high + 0.08 * (high - low) + 0.002)
    below.set_ylim(0, float(table[list(_FLIPPED)].max().max()) * 1.1 + 0.001)
    if calm is not None:
        above.axhline(calm, color=LIGHT["context"], linewidth=1.4, zorder=1)
    value_ticks(above, "y", 4)
    percent_ticks(below, "y", 4)
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


def _alt(table: pd.DataFrame, calm: float | None) -> str:
    parts = []
    for name in dict.fromkeys(table["label"]):
        last = _last(table, name)
        parts.append(
            f"{spoken(name)} at level {setting(last['level'])}: AUC "
            f"{with_interval(last['roc_auc'], last['low'], last['high'])}, decisions changed "
            f"{percent_with_interval(last['flipped'], last['flipped_low'], last['flipped_high'])}"
        )
    before = "" if calm is None else f", {with_interval(calm, None, None)} undisturbed"
    return f"ROC AUC{before}, and changed decisions by level: " + "; ".join(parts) + "."
