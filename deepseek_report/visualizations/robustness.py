"""What small changes of the inputs do to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.visualizations.captions import caption, measured
from deepseek_report.visualizations.labels import known, spoken, wrapped
from deepseek_report.visualizations.marks import (
    Look,
    grid,
    percent_ticks,
    upright_intervals,
    value_ticks,
)
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import LIGHT, SERIES, WIDTH, draw_svg, panel
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case

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
    texts : where the catalogs have the words for it.
    """

    above: _Columns
    below: _Columns
    calm: str
    texts: str


_CLASSES = _Judged(
    ("roc_auc", "low", "high"), ("flipped", "flipped_low", "flipped_high"), "roc_auc", "decisions"
)
_NUMBER = _Judged(("mae", "low", "high"), ("change", "change_low", "change_high"), "mae", "number")


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
        words = words_of(results)
        return [
            Picture(
                name="robustness",
                svg=draw_svg(
                    "robustness", _HEIGHT, lambda fig: _paint(fig, table, calm, judged, words)
                ),
                title=_title(table, judged, results.schema.target.unit),
                alt=_alt(table, calm, judged),
                how_to_read=caption(f"robustness.{judged.texts}.how_to_read"),
            )
        ]


def _paint(
    figure: Figure, table: pd.DataFrame, calm: float | None, judged: _Judged, words: Wording
) -> None:
    names = list(dict.fromkeys(table["label"]))
    width = (WIDTH - 0.7) / len(names)
    for column, name in enumerate(names):
        left, right = 0.7 + column * width, 0.7 + (column + 1) * width - 0.2
        own = table[table["label"] == name].sort_values("level")
        above = panel(figure, left, 2.4, right, _HEIGHT - 0.45)
        below = panel(figure, left, 0.6, right, 2.15)
        _line(above, own, judged.above, SERIES[0], words)
        _line(below, own, judged.below, SERIES[1], words)
        _frame((above, below), table, calm, judged, words)
        above.set_title(wrapped(sentence_case(name), int(width * 12)))
        if column == 0:
            above.set_ylabel(words.text(f"pictures.robustness.{judged.texts}.above"))
            below.set_ylabel(words.text(f"pictures.robustness.{judged.texts}.below"))
        for axes in (above, below):
            axes.tick_params(labelleft=column == 0)


def _line(axes: Axes, own: pd.DataFrame, columns: _Columns, colour: str, words: Wording) -> None:
    value, low, high = columns
    places = range(len(own))
    axes.plot(places, own[value], color=colour)
    upright_intervals(axes, places, own[value], (own[low], own[high]), Look(colour))
    axes.set_xticks(places, [words.numbers.setting(level) for level in own["level"]])
    axes.set_xlim(-0.4, len(own) - 0.6)
    grid(axes, "y")


def _frame(
    pair: tuple[Axes, Axes],
    table: pd.DataFrame,
    calm: float | None,
    judged: _Judged,
    words: Wording,
) -> None:
    above, below = pair
    columns = table[list(judged.above)]
    shown = columns.to_numpy(float)[~columns.isna().to_numpy()]
    low, high = float(shown.min()), max(float(shown.max()), calm or 0.0)
    above.set_ylim(low - 0.08 * (high - low) - 0.002, high + 0.08 * (high - low) + 0.002)
    below.set_ylim(0, float(table[list(judged.below)].max().max()) * 1.1 + 0.001)
    if calm is not None:
        above.axhline(calm, color=LIGHT["context"], linewidth=1.4, zorder=1)
    value_ticks(above, "y", words, 4)
    (value_ticks if judged is _NUMBER else percent_ticks)(below, "y", words, 4)
    above.tick_params(labelbottom=False)
    below.set_xlabel(words.text("pictures.robustness.level"))


def _last(table: pd.DataFrame, name: str) -> pd.Series:
    return table[table["label"] == name].sort_values("level").iloc[-1]


def _title(table: pd.DataFrame, judged: _Judged, unit: str | None) -> Message:
    worst = table.loc[table[judged.below[0]].idxmax()]
    if judged is _CLASSES and worst["flipped"] == 0:
        return caption("robustness.decisions.title_none")
    return caption(
        f"robustness.{judged.texts}.title",
        perturbation=spoken(worst["label"]),
        level=worst["level"],
        moved=measured(worst, *judged.below),
        unit=unit,
    )


def _alt(table: pd.DataFrame, calm: float | None, judged: _Judged) -> Message:
    perturbations = []
    for name in dict.fromkeys(table["label"]):
        last = _last(table, name)
        perturbations.append(
            caption(
                f"robustness.{judged.texts}.alt_perturbation",
                perturbation=spoken(name),
                level=last["level"],
                score=measured(last, *judged.above),
                moved=measured(last, *judged.below),
            )
        )
    values = {"calm": calm, "perturbations": perturbations}
    return caption(f"robustness.{judged.texts}.alt", **values)
