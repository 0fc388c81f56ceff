"""How the output falls when the features are removed in the order of an explanation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from deepseek_report.artifacts.numbers import count, number
from deepseek_report.artifacts.picture import Picture
from deepseek_report.visualizations.labels import (
    capital,
    known,
    listed,
    named,
    surely_positive,
    with_interval,
)
from deepseek_report.visualizations.marks import EndLabel, band, end_labels, grid, percent_ticks
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import CONTROL, LIGHT, colours, draw_svg, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results
    from deepseek_report.artifacts.score import Score

_HEIGHT = 3.6


@dataclass(frozen=True)
class DeletionCurves:
    """Draws deletion, and insertion beside it, for every explainer and the random control."""

    needs: ClassVar[frozenset[str]] = frozenset({"measures/deletion"})

    def draw(self, results: Results) -> Sequence[Picture]:
        deletion = required(results, "deletion", "curve")
        insertion = results.table("insertion", "curve")
        gains = {
            name: results.score("deletion_gain", explainer=name)
            for name in dict.fromkeys(deletion["explainer"])
            if name != CONTROL
        }
        return [
            Picture(
                name="deletion_curves",
                svg=draw_svg(
                    "deletion_curves", _HEIGHT, lambda fig: _paint(fig, deletion, insertion)
                ),
                title=_title(gains),
                alt=_alt(deletion, gains),
                how_to_read=(
                    "Left, the features that an explainer ranks first are removed first: the "
                    "sooner its line falls below the grey one of random order, the more its "
                    "ranking agrees with the model. Right, they are put back in that order: the "
                    "sooner it rises, the better. Bands are 95 % intervals."
                ),
            )
        ]


def _paint(figure: Figure, deletion: pd.DataFrame, insertion: pd.DataFrame | None) -> None:
    names = list(dict.fromkeys(deletion["explainer"]))
    two = insertion is not None
    left = panel(figure, 0.7, 0.6, 2.95 if two else 5.4, 3.15)
    _curves(left, deletion, names, "Deletion")
    left.set_ylabel("probability of the decided class")
    left.set_xlabel("features removed")
    if insertion is None:
        _label_ends(left, deletion, names)
        return
    right = panel(figure, 3.5, 0.6, 5.75, 3.15)
    _curves(right, insertion, names, "Insertion")
    right.tick_params(labelleft=False)
    right.set_xlabel("features put back")
    _align(left, right)
    _label_ends(right, insertion, names, at=0.35)


def _curves(axes: Axes, table: pd.DataFrame, names: list[str], title: str) -> None:
    tone = colours(names)
    for name in sorted(names, key=lambda one: one != CONTROL):
        own = table[table["explainer"] == name].sort_values("removed_share")
        band(axes, own["removed_share"], (own["low"], own["high"]), tone[name])
        axes.plot(
            own["removed_share"],
            own["mean"],
            color=tone[name],
            linewidth=2.4 if name == CONTROL else 1.8,
        )
    grid(axes, "y")
    axes.set_xlim(0, 1)
    axes.set_title(title)
    percent_ticks(axes, "x", 4)
    percent_ticks(axes, "y")


def _align(*panels: Axes) -> None:
    top = max(one.get_ylim()[1] for one in panels)
    for one in panels:
        one.set_ylim(0, min(top, 1.02))


def _label_ends(axes: Axes, table: pd.DataFrame, names: list[str], at: float = 0.35) -> None:
    """Names at the right edge, in the order that the curves have where they differ most."""
    tone = colours(names)
    labels = []
    for name in names:
        own = table[table["explainer"] == name].sort_values("removed_share")
        height = float(own.iloc[(own["removed_share"] - at).abs().argsort().iloc[0]]["mean"])
        labels.append(
            EndLabel(1.0, height, named(name), tone[name] if name != CONTROL else LIGHT["muted"])
        )
    end_labels(axes, labels)


def _title(gains: dict[str, Score | None]) -> str:
    there = {name: score for name, score in gains.items() if score is not None}
    if not there:
        return "How the output changes as features are removed"
    better = [name for name, score in there.items() if surely_positive(score.low)]
    if not better:
        return "No explainer finds features that matter more to the model than random ones do"
    best = max(better, key=lambda name: there[name].value)
    doubtful = [named(name) for name in there if name not in better]
    others = (
        f"; {listed(doubtful)} {'does' if len(doubtful) == 1 else 'do'} no better than chance"
        if doubtful
        else ""
    )
    return f"{capital(named(best))} finds what the model relies on best{others}"


def _alt(deletion: pd.DataFrame, gains: dict[str, Score | None]) -> str:
    said = [
        f"{named(name)} {with_interval(score.value, score.low, score.high)}"
        for name, score in gains.items()
        if score is not None and known(score.value)
    ]
    cases = count(deletion["n"].max())
    start = number(float(deletion.loc[deletion["removed_share"].idxmin(), "mean"]))
    gain = (
        f" Gain over random order in the area under the curve: {'; '.join(said)}." if said else ""
    )
    said_first = f"Mean probability of the decided class over {cases} cases"
    return f"{said_first}, {start} with all features.{gain}"
