"""What small changes of the inputs do to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Measure
from deepseek_report.visualizations.drawing.labels import caption, known, spoken, wrapped
from deepseek_report.visualizations.drawing.marks import MarkStyle, Scale, grid, upright_intervals
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording.words import sentence_case

#: Inches of a row of panels, and panels side by side on a narrow sheet.
_HEIGHT, _ABREAST_NARROW = 4.2, 2


@dataclass(frozen=True)
class _Judged:
    """What is judged under perturbation, with the columns of its value and interval, and how."""

    measure: Measure
    columns: tuple[str, str, str]
    scale: Scale

    @property
    def name(self) -> Message:
        """What a person calls it."""
        return caption(f"robustness.measures.{self.measure.key}")

    def value_in(self, row: pd.Series) -> Message:
        """Its value in a row of the table, with the interval."""
        value, low, high = (row[column] for column in self.columns)
        return self.scale.with_interval(value, low, high)


@dataclass(frozen=True)
class RobustnessPicture(PicturePart):
    """Draws the AUC and the changed decisions, or a number's error and change, under noise."""

    reveals = "aggregate"
    section = "robustness"
    needs = frozenset({"measures/robustness"})
    also = frozenset({"measures/roc_auc", "measures/mae"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "robustness", "perturbations")
        task = task_of(results.schema.target)
        held = _Judged(task.held, (task.held.key, "low", "high"), Scale.of(task.held, results))
        name = task.moved.key
        ends = (name, f"{name}_low", f"{name}_high")
        moved = _Judged(task.moved, ends, Scale.of(task.moved, results))
        calm = _calm(table, results.score(task.held.key))
        blocks = -(-table["label"].nunique() // _ABREAST_NARROW)
        return [
            on_sheets(
                "robustness",
                (_HEIGHT, blocks * _HEIGHT),
                lambda sheet: _paint(sheet, table, calm, (held, moved)),
                title=_title(table, moved),
                alt=_alt(table, calm, (held, moved)),
            )
        ]


def _calm(table: pd.DataFrame, score: Score | None) -> float | None:
    """The measure on undisturbed inputs: of the same rows, in earlier versions of all rows."""
    if "before" in table:
        return float(table["before"].iloc[0])
    return score.value if score is not None and known(score.value) else None


def _paint(
    sheet: Sheet, table: pd.DataFrame, calm: float | None, judged: tuple[_Judged, _Judged]
) -> None:
    held, moved = judged
    words = held.scale.words
    names = list(dict.fromkeys(table["label"]))
    abreast = min(len(names), _ABREAST_NARROW) if sheet.is_narrow else len(names)
    width = (sheet.width - 0.7) / abreast
    for place, name in enumerate(names):
        block, column = divmod(place, abreast)
        left = 0.7 + column * width
        right, top = sheet.width - left - width + 0.2, block * _HEIGHT
        own = table[table["label"] == name].sort_values("level")
        floor = sheet.height - top - _HEIGHT
        above = sheet.axes(left, floor + 2.4, right, top + 0.45)
        below = sheet.axes(left, floor + 0.6, right, top + _HEIGHT - 2.15)
        _line(above, own, held, SERIES[0])
        _line(below, own, moved, SERIES[1])
        _frame(above, below, table, calm, judged)
        above.set_title(wrapped(sentence_case(name), int(width * 12)))
        if column == 0:
            above.set_ylabel(words.say(held.name))
            below.set_ylabel(words.say(moved.name))
        for axes in (above, below):
            axes.tick_params(labelleft=column == 0)


def _line(axes: Axes, own: pd.DataFrame, judged: _Judged, colour: str) -> None:
    value, low, high = judged.columns
    setting = judged.scale.words.numbers.setting
    places = range(len(own))
    axes.plot(places, own[value], color=colour)
    upright_intervals(axes, places, own[value], (own[low], own[high]), MarkStyle(colour))
    axes.set_xticks(places, [setting(level) for level in own["level"]])
    axes.set_xlim(-0.4, len(own) - 0.6)
    grid(axes, "y")


def _frame(
    above: Axes,
    below: Axes,
    table: pd.DataFrame,
    calm: float | None,
    judged: tuple[_Judged, _Judged],
) -> None:
    held, moved = judged
    columns = table[list(held.columns)]
    shown = columns.to_numpy(float)[~columns.isna().to_numpy()]
    low, high = float(shown.min()), max(float(shown.max()), calm or 0.0)
    above.set_ylim(low - 0.08 * (high - low) - 0.002, high + 0.08 * (high - low) + 0.002)
    below.set_ylim(0, float(table[list(moved.columns)].max().max()) * 1.1 + 0.001)
    if calm is not None:
        above.axhline(calm, color=LIGHT.context, linewidth=1.4, zorder=1)
    held.scale.ticks(above, "y", 4)
    moved.scale.ticks(below, "y", 4)
    above.tick_params(labelbottom=False)
    below.set_xlabel(held.scale.words.text("pictures.robustness.level"))


def _last(table: pd.DataFrame, name: str) -> pd.Series:
    return table[table["label"] == name].sort_values("level").iloc[-1]


def _title(table: pd.DataFrame, moved: _Judged) -> Message:
    value, low, high = moved.columns
    worst = table.loc[table[value].idxmax()]
    if worst[value] == 0:
        return caption("robustness.title_none")
    return caption(
        "robustness.title",
        perturbation=spoken(worst["label"]),
        level=worst["level"],
        moved=moved.scale.full(worst[value], worst[low], worst[high]),
    )


def _alt(table: pd.DataFrame, calm: float | None, judged: tuple[_Judged, _Judged]) -> Message:
    held, moved = judged
    rows = [(name, _last(table, name)) for name in dict.fromkeys(table["label"])]
    perturbations = [
        caption(
            "robustness.alt_perturbation",
            perturbation=spoken(name),
            level=row["level"],
            held=held.name,
            score=held.value_in(row),
            moved=moved.name,
            change=moved.value_in(row),
        )
        for name, row in rows
    ]
    return caption(
        "robustness.alt",
        held=held.name,
        calm=None if calm is None else held.scale.plain(calm),
        moved=moved.name,
        perturbations=perturbations,
    )
