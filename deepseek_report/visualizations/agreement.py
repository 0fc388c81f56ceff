"""How far the explainers give the same ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.numbers import number
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.visualizations.labels import capital, extent, named, short, with_interval
from deepseek_report.visualizations.marks import Look, grid, intervals, note, rows
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import CONTROL, LIGHT, SERIES, draw_svg, panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_ROW = 0.25


@dataclass(frozen=True)
class Agreement(PicturePart):
    """Draws the rank correlation of every pair of explainers, with intervals."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "trust"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/explainer_agreement"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "explainer_agreement", "pairs")
        control = (table["explainer_a"] == CONTROL) | (table["explainer_b"] == CONTROL)
        ordered = table.assign(control=control).sort_values(
            ["control", "spearman"], ascending=[True, False], kind="stable"
        )
        undefined = ordered[ordered["spearman"].isna()]
        ordered = ordered[ordered["spearman"].notna()]
        return [
            Picture(
                name="agreement",
                svg=draw_svg(
                    "agreement", 0.85 + _ROW * len(ordered), lambda fig: _paint(fig, ordered)
                ),
                title=_title(ordered, undefined),
                alt=_alt(ordered),
                how_to_read=(
                    "1 means the same order of features in every case, 0 no relation; grey are "
                    "pairs with the random control. Agreement does not prove that either is right."
                    f"{_not_drawn(undefined)}"
                ),
            )
        ]


def _pair(row: Any, between: str = " – ") -> str:
    return f"{named(row.explainer_a)}{between}{named(row.explainer_b)}"


def _paint(figure: Figure, table: pd.DataFrame) -> None:
    labels = [short(capital(_pair(row)), 48) for row in table.itertuples()]
    height = figure.get_size_inches()[1]
    axes = panel(figure, min(extent(labels) * 0.97 + 0.15, 3.6), 0.55, 6.95, height - 0.15)
    rows(axes, labels)
    places = np.arange(len(table))
    for control in (False, True):
        part, own = table[table["control"] == control], places[table["control"] == control]
        look = Look(LIGHT["context"] if control else SERIES[0])
        intervals(axes, own, part["spearman"], (part["low"], part["high"]), look)
        for place, row in zip(own, part.itertuples(), strict=True):
            note(
                axes,
                number(row.spearman, row.low, row.high),
                (np.nanmax([row.spearman, row.high]), place),
                (6, 0),
                va="center",
            )
    grid(axes, "x")
    axes.axvline(0, color=LIGHT["context"], linewidth=1)
    axes.set_xlim(min(-0.1, float(table[["spearman", "low"]].min().min()) - 0.05), 1.1)
    axes.set_xticks([one for one in (-1, -0.5, 0, 0.25, 0.5, 0.75, 1) if one >= axes.get_xlim()[0]])
    axes.set_xlabel("mean rank correlation over the cases (Spearman)")


def _not_drawn(undefined: pd.DataFrame) -> str:
    if undefined.empty:
        return ""
    pairs = "; ".join(_pair(row) for row in undefined.itertuples())
    return f" Not drawn, as one of the two gives every feature the same weight: {pairs}."


def _title(table: pd.DataFrame, undefined: pd.DataFrame) -> str:
    pairs = table[~table["control"]]
    if pairs.empty and not undefined.empty:
        return "No two explainers besides the random control rank the features of a case"
    if pairs.empty:
        return "There is only one explainer besides the random control"
    (best, most), (worst, least) = (_words(pairs.iloc[place]) for place in (0, -1))
    if len(pairs) == 1:
        return f"{capital(best)} agree by {most}"
    return f"{capital(best)} agree most ({most}), {worst} least ({least})"


def _words(row: pd.Series) -> tuple[str, str]:
    """The pair and its correlation, as a title says them."""
    return _pair(row, " and "), number(row["spearman"], row["low"], row["high"])


def _alt(table: pd.DataFrame) -> str:
    parts = [
        f"{_pair(row)} {with_interval(row.spearman, row.low, row.high)}"
        for row in table.itertuples()
    ]
    return f"Rank correlation of {len(table)} pairs of explainers: " + "; ".join(parts) + "."
