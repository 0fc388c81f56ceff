"""How often each group is decided favourably, and how often wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.visualizations.captions import caption, measured
from deepseek_report.visualizations.labels import extent, short, spoken
from deepseek_report.visualizations.marks import Look, grid, intervals, note, percent_ticks
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL, WIDTH, draw_svg, panel
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

_ROW = 0.25
#: Columns of the panels, from left to right.
_RATES = ("selection", "fnr", "fpr")


@dataclass(frozen=True)
class GroupRates:
    """Draws favourable decisions and the two kinds of errors, group by group, with intervals."""

    reveals: ClassVar[Reveals] = "aggregate"
    section: ClassVar[str] = "bias"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/group_rates", "predictions"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = _with_errors(required(results, "group_rates", "groups"))
        favourable = short(results.schema.target.favourable_class, 20)
        line, words = _overall(results), words_of(results)
        parts = {
            "group_rates": table[~table["crossing"].astype(bool)],
            "group_rates_crossings": table[table["crossing"].astype(bool)],
        }
        return [
            _picture(name, _View(part.reset_index(drop=True), favourable, line, words))
            for name, part in parts.items()
            if len(part)
        ]


@dataclass(frozen=True)
class _View:
    """The groups of one picture, in the order of the table, and the rates over all."""

    table: pd.DataFrame
    favourable: str
    overall: dict[str, float]
    words: Wording

    def heading(self, rate: str) -> str:
        """What the panel of a rate is called, on two lines."""
        return f"{self.words.text(f'pictures.group_rates.{rate}')}\n“{short(self.favourable, 15)}”"

    @property
    def attributes(self) -> list[str]:
        return list(dict.fromkeys(self.table["attribute"]))

    @property
    def places(self) -> list[float]:
        """The height of each row; an attribute's heading takes a row of its own."""
        order = {name: place for place, name in enumerate(self.attributes)}
        return [
            row + 1.35 * (1 + order[name]) - 0.35
            for row, name in enumerate(self.table["attribute"])
        ]


def _with_errors(table: pd.DataFrame) -> pd.DataFrame:
    """With the rate of wrong denials, 1 − tpr, and uniform names of the columns."""
    return table.assign(
        selection=table["selection_rate"],
        fnr=1 - table["tpr"],
        fnr_low=1 - table["tpr_high"],
        fnr_high=1 - table["tpr_low"],
    )


def _overall(results: Results) -> dict[str, float]:
    rates = results.predicted.classes[results.schema.target.declared_favourable]
    return {"selection": rates.decided, "fnr": rates.missed, "fpr": rates.flagged}


def _picture(name: str, view: _View) -> Picture:
    height = 0.95 + _ROW * (view.places[-1] + 1)
    return Picture(
        name=name,
        svg=draw_svg(name, height, lambda figure: _paint(figure, view)),
        title=_title(view),
        alt=_alt(view),
        how_to_read=caption("group_rates.how_to_read"),
    )


def _paint(figure: Figure, view: _View) -> None:
    count = view.words.numbers.count
    labels = [f"{short(row.level, 26)}  ({count(row.n)})" for row in view.table.itertuples()]
    heads = [short(one, 34) for one in dict.fromkeys(view.table["attribute_label"])]
    left = min(max(extent(labels), extent(heads) * 1.08) + 0.15, 2.9)
    width, height = (WIDTH - left - 0.05) / 3, figure.get_size_inches()[1]
    for column, rate in enumerate(_RATES):
        begin = left + column * width
        axes = panel(figure, begin, 0.35, begin + width - 0.3, height - 0.55)
        _points(axes, view, rate)
        axes.set_title(view.heading(rate), fontsize=SMALL)
        _row_labels(axes, view, labels if column == 0 else None)


def _points(axes: Axes, view: _View, rate: str) -> None:
    axes.axvline(view.overall[rate], color=LIGHT["context"], linewidth=1.4)
    few = view.table["too_few"].astype(bool).to_numpy()
    places = np.array(view.places)
    for hollow in (False, True):
        part = view.table[few == hollow]
        look = Look(LIGHT["context"] if hollow else SERIES[0], hollow=hollow)
        ends = (part[f"{rate}_low"], part[f"{rate}_high"])
        intervals(axes, places[few == hollow], part[rate], ends, look)
    grid(axes, "x")
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.set_xlim(*_limits(view, rate))
    percent_ticks(axes, "x", view.words, 2)


def _limits(view: _View, rate: str) -> tuple[float, float]:
    """All intervals of the groups that can be judged, with a little room, inside [0, 1]."""
    sure = view.table[~view.table["too_few"].astype(bool)]
    columns = (sure if len(sure) else view.table)[[rate, f"{rate}_low", f"{rate}_high"]].to_numpy(
        float
    )
    ends = np.append(columns[np.isfinite(columns)], view.overall[rate])
    ends = ends[np.isfinite(ends)] if np.isfinite(ends).any() else np.array([0.0, 1.0])
    room = max(0.12 * float(np.ptp(ends)), 0.02)
    return max(float(ends.min()) - room, -0.01), min(float(ends.max()) + room, 1.01)


def _row_labels(axes: Axes, view: _View, labels: list[str] | None) -> None:
    axes.set_yticks(view.places, labels or [""] * len(view.places), color=LIGHT["ink"])
    if labels is None:
        return
    table = view.table
    for name in view.attributes:
        first = int(table.index[table["attribute"] == name][0])
        note(
            axes,
            short(table["attribute_label"][first], 34),
            (0, view.places[first] - 1),
            (-4, 0),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="center",
            fontweight="bold",
            color=LIGHT["ink"],
        )


def _widest(view: _View) -> tuple[pd.Series, pd.Series] | None:
    """The two groups of one attribute whose favourable rates are farthest apart.

    Pairs whose intervals do not meet go first: a wide gap between tiny groups says less.
    """
    judged = view.table[~view.table["too_few"].astype(bool)].dropna(subset=["selection"])
    pairs = [
        (low, high)
        for _, part in judged.groupby("attribute", sort=False)
        for (_, low), (_, high) in permutations(part.iterrows(), 2)
        if low["selection"] < high["selection"]
    ]
    return max(pairs, key=lambda one: (not _overlap(*one), _gap(*one)), default=None)


def _gap(low: pd.Series, high: pd.Series) -> float:
    return float(high["selection"] - low["selection"])


def _overlap(low: pd.Series, high: pd.Series) -> bool:
    return not low["selection_high"] < high["selection_low"]


def _title(view: _View) -> Message:
    pair = _widest(view)
    if pair is None:
        return caption("group_rates.title_none")
    low, high = pair
    return caption(
        "group_rates.title",
        favourable=view.favourable,
        attribute=spoken(low["attribute_label"]),
        low=spoken(low["level"]),
        low_share=low["selection"],
        high=spoken(high["level"]),
        high_share=high["selection"],
        gap={"value": _gap(low, high), "low": None, "high": None},
        overlap=bool(_overlap(low, high)),
    )


def _alt(view: _View) -> Message:
    attributes = []
    for name in view.attributes:
        part = view.table[view.table["attribute"] == name]
        levels = [
            caption(
                "group_rates.alt_level",
                level=spoken(row["level"]),
                share=measured(row, "selection", "selection_low", "selection_high"),
            )
            for _, row in part.iterrows()
        ]
        label = spoken(part["attribute_label"].iloc[0])
        attributes.append(caption("group_rates.alt_attribute", attribute=label, levels=levels))
    return caption(
        "group_rates.alt",
        favourable=view.favourable,
        overall=view.overall["selection"],
        attributes=attributes,
    )
