"""Whether explainers point where the cause is known to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import count
from deepseek_report.artifacts.picture import Picture
from deepseek_report.data_kinds import kind_of
from deepseek_report.visualizations.labels import (
    capital,
    extent,
    known,
    named,
    short,
    with_interval,
    wrapped,
)
from deepseek_report.visualizations.marks import Look, grid, intervals, rows, value_ticks
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import (
    CONTROL,
    LIGHT,
    SERIES,
    SMALL,
    draw_svg,
    panel,
)
from deepseek_report.wording.of_results import words_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

#: Short titles; a measure that is not among them has its label of the catalog.
_TITLES = {
    "pointing_game": "Main {noun} on it",
    "relevance_mass": "Attribution on it",
    "relevance_rank": "Top ranks on it",
    "localisation_auc": "ROC AUC",
}
_ROW, _HEAD, _FOOT, _RIGHT = 0.3, 0.72, 0.55, 7.05


@dataclass(frozen=True)
class Localisation:
    """Draws how much of each explainer lies where the cause is known to be, against chance."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "trust"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/localisation"})
    needs_truth: ClassVar[bool] = True

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "localisation", "localisation")
        noun = kind_of(results.schema).noun
        titles = {one: text.format(noun=noun) for one, text in _TITLES.items()}
        words = words_of(results)
        labels = {
            measure: titles.get(measure, words.label("localisation_measures", measure))
            for measure in table["measure"]
        }
        table = table.assign(label=table["measure"].map(labels))
        measures = list(dict.fromkeys(table["measure"]))
        names = sorted(dict.fromkeys(table["explainer"]), key=lambda one: one == CONTROL)
        height = _HEAD + _ROW * len(names) + _FOOT
        return [
            Picture(
                name="localisation",
                svg=draw_svg(
                    "localisation", height, lambda figure: _paint(figure, table, names, measures)
                ),
                title=_title(table, names, measures[0]),
                alt=_alt(table, names, measures),
                how_to_read=(
                    "Each point is a share or an area, higher is better, with a 95 % interval; "
                    "the broken line is what an explainer that points anywhere would reach."
                ),
            )
        ]


def _paint(
    figure: Figure, table: pd.DataFrame, names: Sequence[str], measures: Sequence[str]
) -> None:
    labels = [named(one) for one in names]
    left = extent(labels) + 0.12
    step = (_RIGHT - left) / len(measures)
    height = float(figure.get_size_inches()[1])
    for at, measure in enumerate(measures):
        axes = panel(
            figure, left + at * step + 0.1, _FOOT, left + (at + 1) * step - 0.16, height - _HEAD
        )
        mine = _of(table, measure, names)
        rows(axes, labels if at == 0 else [""] * len(labels))
        _points(axes, mine, names)
        title = wrapped(capital(str(mine["label"].iloc[0])), max(10, int(step * 11)), 3)
        axes.set_title(title, fontsize=SMALL)


def _of(table: pd.DataFrame, measure: str, names: Sequence[str]) -> pd.DataFrame:
    """The rows of one measure, one an explainer, missing ones empty."""
    mine = table[table["measure"] == measure].set_index("explainer")
    found = mine.loc[~mine.index.duplicated()].reindex(list(names))
    return found.assign(label=found["label"].dropna().iloc[0])


def _points(axes: Axes, mine: pd.DataFrame, names: Sequence[str]) -> None:
    chance = mine["chance"].dropna()
    if len(chance):
        dashes = (0, (3, 3))
        axes.axvline(float(chance.mean()), color=LIGHT["context"], linewidth=1, linestyle=dashes)
    for row, name in enumerate(names):
        one = mine.loc[name]
        look = Look(LIGHT["context"], hollow=True) if name == CONTROL else Look(SERIES[0])
        intervals(axes, [row], [one["value"]], ([one["low"]], [one["high"]]), look)
    axes.set_xlim(-0.03, 1.03)
    grid(axes, "x")
    value_ticks(axes, "x", 3)


def _title(table: pd.DataFrame, names: Sequence[str], measure: str) -> str:
    mine = _of(table, measure, names)
    judged = mine.drop(index=CONTROL, errors="ignore").dropna(subset=["value"])
    if judged.empty:
        return "No explainer could be compared with what makes the label"
    best: Any = judged["value"].astype(float).idxmax()
    one = judged.loc[best]
    label = short(one["label"], 40)
    label = label if label[1:2].isupper() else label[:1].lower() + label[1:]
    low = one["low"] if known(one["low"]) else one["value"]
    above = known(one["chance"]) and low > one["chance"]
    verb = "points best at" if above else "points no better than chance at"
    value = with_interval(*(float(one[key]) for key in ("value", "low", "high")))
    said = f"{capital(named(str(best)))} {verb} what makes the label: {label} {value}"
    return said + (f", chance {with_interval(float(one['chance']), None, None)}" if above else "")


def _alt(table: pd.DataFrame, names: Sequence[str], measures: Sequence[str]) -> str:
    parts = []
    for measure in measures:
        mine = _of(table, measure, names)
        told = ", ".join(
            f"{named(name)} {with_interval(*_ends(mine, name))}"
            for name in names
            if known(mine.loc[name, "value"])
        )
        parts.append(f"{short(mine['label'].iloc[0], 50)}: {told}.")
    cases = table["n"].dropna()
    over = f" Over {count(int(np.max(cases)))} cases." if len(cases) else ""
    return " ".join(parts) + over


def _ends(mine: pd.DataFrame, name: str) -> tuple[float, float, float]:
    value, low, high = (float(mine.loc[name, key]) for key in ("value", "low", "high"))
    return value, low, high
