"""Whether explainers point where the cause is known to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.rules_explanations import hits, telling_gains
from deepseek_report.visualizations.drawing.labels import (
    caption,
    extent,
    known,
    measured,
    short,
    wrapped,
)
from deepseek_report.visualizations.drawing.marks import (
    MarkStyle,
    grid,
    intervals,
    rows,
    value_ticks,
)
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import CONTROL, LIGHT, SERIES, SMALL, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case

#: The measure whose gain over chance is concluded from.
_CONCLUDED = "relevance_mass"
#: Panels side by side on a narrow page.
_ABREAST = 2
_ROW, _HEAD, _FOOT, _RIGHT = 0.3, 0.72, 0.55, 0.15


@dataclass(frozen=True)
class LocalisationPicture(PicturePart):
    """Draws how much of each explainer lies where the cause is known to be, against chance."""

    reveals = "aggregate"
    section = "trust"
    needs = frozenset({"measures/localisation"})
    needs_truth = True

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "localisation", "localisation")
        words = words_of(results)
        table = table.assign(label=[_label(measure, words) for measure in table["measure"]])
        measures = list(dict.fromkeys(table["measure"]))
        names = sorted(dict.fromkeys(table["explainer"]), key=lambda name: name == CONTROL)
        line = _line(names)
        return [
            on_sheets(
                "localisation",
                (line, line * math.ceil(len(measures) / _ABREAST)),
                lambda sheet: _paint(sheet, table, names, measures, words),
                title=_title(results, table, names),
                alt=_alt(table, names, measures),
            )
        ]


def _label(measure: str, words: Wording) -> str:
    """A short title; a measure that has none keeps its label of the catalog."""
    key = f"pictures.localisation.measures.{measure}"
    return words.text(key) if words.has(key) else words.label("localisation_measures", measure)


def _line(names: Sequence[str]) -> float:
    """Inches of a line of panels."""
    return _HEAD + _ROW * len(names) + _FOOT


def _paint(
    sheet: Sheet, table: pd.DataFrame, names: Sequence[str], measures: Sequence[str], words: Wording
) -> None:
    labels = [words.explainer(name) for name in names]
    left, line = extent(labels) + 0.12, _line(names)
    abreast = _ABREAST if sheet.is_narrow else len(measures)
    step = (sheet.width - _RIGHT - left) / abreast
    for place, measure in enumerate(measures):
        lines_above, at = divmod(place, abreast)
        lines_below = (len(measures) - 1) // abreast - lines_above
        right = sheet.width - left - (at + 1) * step + 0.16
        axes = sheet.axes(
            left + at * step + 0.1, _FOOT + lines_below * line, right, _HEAD + lines_above * line
        )
        mine = _of(table, measure, names)
        rows(axes, labels if at == 0 else [""] * len(labels))
        _points(axes, mine, names, words)
        title = wrapped(sentence_case(str(mine["label"].iloc[0])), max(9, int(step * 10)), 3)
        axes.set_title(title, fontsize=SMALL)


def _of(table: pd.DataFrame, measure: str, names: Sequence[str]) -> pd.DataFrame:
    """The rows of one measure, one an explainer, missing ones empty."""
    mine = table[table["measure"] == measure].set_index("explainer")
    aligned = mine.loc[~mine.index.duplicated()].reindex(list(names))
    return aligned.assign(label=aligned["label"].dropna().iloc[0])


def _points(axes: Axes, mine: pd.DataFrame, names: Sequence[str], words: Wording) -> None:
    chance = mine["chance"].dropna()
    if len(chance):
        dashes = (0, (3, 3))
        axes.axvline(float(chance.mean()), color=LIGHT.context, linewidth=1, linestyle=dashes)
    for row, name in enumerate(names):
        score = mine.loc[name]
        look = MarkStyle(LIGHT.context, hollow=True) if name == CONTROL else MarkStyle(SERIES[0])
        intervals(axes, [row], [score["value"]], ([score["low"]], [score["high"]]), look)
    axes.set_xlim(-0.06, 1.06)  # a mark at an end is whole
    grid(axes, "x")
    value_ticks(axes, "x", words, 3)


def _title(results: Results, table: pd.DataFrame, names: Sequence[str]) -> Message:
    """The method that hits the truth best, by what is concluded of the gains over chance."""
    gains = telling_gains(results)
    if not gains:
        return caption("localisation.title_open")
    best = next(filter(hits, gains), gains[0])
    row = _of(table, _CONCLUDED, names).loc[str(best.explainer)]
    return caption(
        "localisation.title",
        explainer=str(best.explainer),
        above=hits(best),
        measure=_measure(_CONCLUDED, row["label"]),
        value=measured(row, "value"),
        chance=row["chance"],
    )


def _measure(measure: str, label: str) -> Message:
    """What was measured, as texts name it."""
    return caption("localisation.measure", key=measure, label=short(label, 50))


def _alt(table: pd.DataFrame, names: Sequence[str], measures: Sequence[str]) -> Message:
    cases = table["n"].dropna()
    return caption(
        "localisation.alt",
        measures=[_alt_measure(table, names, measure) for measure in measures],
        n=int(np.max(cases)) if len(cases) else None,
    )


def _alt_measure(table: pd.DataFrame, names: Sequence[str], measure: str) -> Message:
    mine = _of(table, measure, names)
    explainers = [
        caption(
            "localisation.alt_explainer", explainer=name, value=measured(mine.loc[name], "value")
        )
        for name in names
        if known(mine.loc[name, "value"])
    ]
    label = _measure(measure, mine["label"].iloc[0])
    return caption("localisation.alt_measure", measure=label, explainers=explainers)
