"""Whether explainers point where the cause is known to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.rules_explanations import hits, telling_gains
from deepseek_report.metrics.explanations.localisation import LocalisedShare
from deepseek_report.visualizations.drawing.labels import caption, extent, known, short, wrapped
from deepseek_report.visualizations.drawing.marks import (
    MarkStyle,
    grid,
    intervals,
    rows,
    value_ticks,
)
from deepseek_report.visualizations.drawing.read_results import grouped, required
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
        words = words_of(results)
        table = required(results, "localisation", "localisation", LocalisedShare)
        names = list(dict.fromkeys(row.explainer for row in table))
        names.sort(key=lambda name: name == CONTROL)
        measures = [
            _Measured(measure, _label(measure, words), {row.explainer: row for row in own})
            for measure, own in grouped(table, lambda row: row.measure).items()
        ]
        line = _line(names)
        return [
            on_sheets(
                "localisation",
                (line, line * math.ceil(len(measures) / _ABREAST)),
                lambda sheet: _paint(sheet, names, measures, words),
                title=_title(results, measures),
                alt=_alt(names, measures),
            )
        ]


@dataclass(frozen=True)
class _Measured:
    """A measure with its short title, and what each explainer reaches by it."""

    key: str
    label: str
    explainers: dict[str, LocalisedShare]

    @property
    def name(self) -> Message:
        """What was measured, as texts name it."""
        return caption("localisation.measure", key=self.key, label=short(self.label, 50))


def _label(measure: str, words: Wording) -> str:
    """A short title; a measure that has none keeps its label of the catalog."""
    key = f"pictures.localisation.measures.{measure}"
    return words.text(key) if words.has(key) else words.label("localisation_measures", measure)


def _line(names: Sequence[str]) -> float:
    """Inches of a line of panels."""
    return _HEAD + _ROW * len(names) + _FOOT


def _paint(
    sheet: Sheet, names: Sequence[str], measures: Sequence[_Measured], words: Wording
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
        rows(axes, labels if at == 0 else [""] * len(labels))
        _points(axes, measure, names, words)
        title = wrapped(sentence_case(measure.label), max(9, int(step * 10)), 3)
        axes.set_title(title, fontsize=SMALL)


def _points(axes: Axes, measure: _Measured, names: Sequence[str], words: Wording) -> None:
    chances = [row.chance for row in measure.explainers.values() if known(row.chance)]
    if chances:
        dashes = (0, (3, 3))
        axes.axvline(float(np.mean(chances)), color=LIGHT.context, linewidth=1, linestyle=dashes)
    for at, name in enumerate(names):
        look = MarkStyle(LIGHT.context, hollow=True) if name == CONTROL else MarkStyle(SERIES[0])
        row = measure.explainers.get(name)
        intervals(axes, [(at, row.value)] if row else [], look)
    axes.set_xlim(-0.06, 1.06)  # a mark at an end is whole
    grid(axes, "x")
    value_ticks(axes, "x", words, 3)


def _title(results: Results, measures: Sequence[_Measured]) -> Message:
    """The method that hits the truth best, by what is concluded of the gains over chance."""
    gains = telling_gains(results)
    if not gains:
        return caption("localisation.title_open")
    best = next(filter(hits, gains), gains[0])
    concluded = next(measure for measure in measures if measure.key == _CONCLUDED)
    row = concluded.explainers[best.explainer]
    return caption(
        "localisation.title",
        explainer=best.explainer,
        above=hits(best),
        measure=concluded.name,
        value=row.value,
        chance=row.chance,
    )


def _alt(names: Sequence[str], measures: Sequence[_Measured]) -> Message:
    cases = (row.n for measure in measures for row in measure.explainers.values())
    return caption(
        "localisation.alt",
        measures=[_alt_measure(names, measure) for measure in measures],
        n=max((n for n in cases if n is not None), default=None),
    )


def _alt_measure(names: Sequence[str], measure: _Measured) -> Message:
    reached = {name: measure.explainers[name].value for name in names if name in measure.explainers}
    explainers = [
        caption("localisation.alt_explainer", explainer=name, value=value)
        for name, value in reached.items()
        if value.is_defined
    ]
    return caption("localisation.alt_measure", measure=measure.name, explainers=explainers)
