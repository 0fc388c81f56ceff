"""What small changes of the inputs do to the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.metrics.failures.failure_rows import PerturbationEffect
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Measure
from deepseek_report.visualizations.drawing import marks, read_results
from deepseek_report.visualizations.drawing.labels import caption, spoken, wrapped
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, sheets_of
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes
from deepseek_report.wording.words import sentence_case

#: Inches of a row of panels, and panels side by side on a narrow sheet.
_HEIGHT, _ABREAST_NARROW = 4.2, 2


@dataclass(frozen=True)
class _Judged:
    """What is judged under perturbation, and how it is written."""

    measure: Measure
    of: Callable[[PerturbationEffect], Estimate]
    scale: marks.Scale

    @property
    def name(self) -> Message:
        """What a person calls it."""
        return caption(f"robustness.measures.{self.measure.key}")

    def value_in(self, row: PerturbationEffect) -> Message:
        """Its value in a row of the table, with the interval."""
        return self.scale.with_interval(self.of(row))


@dataclass(frozen=True)
class RobustnessPicture(OnePicture):
    """Draws the AUC and the changed decisions, or a number's error and change, under noise."""

    reveals = "aggregate"
    section = "robustness"
    needs = frozenset({"measures/robustness"})

    def picture(self, results: Results) -> Picture:
        view = _View.of(results)
        blocks = -(-len(view.by_label) // _ABREAST_NARROW)
        return sheets_of(view, "robustness", (_HEIGHT, blocks * _HEIGHT))


@dataclass(frozen=True)
class _View:
    """What each perturbation does to what is held and to what is moved.

    calm : what is held without any perturbation; None where it is not defined.
    """

    table: Sequence[PerturbationEffect]
    calm: float | None
    held: _Judged
    moved: _Judged

    @classmethod
    def of(cls, results: Results) -> _View:
        table = read_results.required(results, "robustness", "perturbations", PerturbationEffect)
        task = task_of(results.schema.target)
        held = _Judged(task.held, lambda row: row.held, marks.Scale.of(task.held, results))
        moved = _Judged(task.moved, lambda row: row.moved, marks.Scale.of(task.moved, results))
        return cls(table, finite(table[0].before), held, moved)

    @property
    def by_label(self) -> dict[str, list[PerturbationEffect]]:
        """{what is done to the inputs: its rows, the weakest first}."""
        rows = read_results.grouped(self.table, lambda row: row.label)
        return {label: sorted(own, key=lambda row: row.level) for label, own in rows.items()}

    def paint(self, sheet: Sheet) -> None:
        words, rows = self.held.scale.words, self.by_label
        abreast = min(len(rows), _ABREAST_NARROW) if sheet.is_narrow else len(rows)
        width = (sheet.width - 0.7) / abreast
        for place, (name, own) in enumerate(rows.items()):
            block, column = divmod(place, abreast)
            left = 0.7 + column * width
            right, top = sheet.width - left - width + 0.2, block * _HEIGHT
            floor = sheet.height - top - _HEIGHT
            above = sheet.axes(left, floor + 2.4, right, top + 0.45)
            below = sheet.axes(left, floor + 0.6, right, top + _HEIGHT - 2.15)
            _line(above, own, self.held, SERIES[0])
            _line(below, own, self.moved, SERIES[1])
            self._frame(above, below)
            above.set_title(wrapped(sentence_case(name), int(width * 12)))
            if column == 0:
                above.set_ylabel(words.say(self.held.name))
                below.set_ylabel(words.say(self.moved.name))
            for axes in (above, below):
                axes.tick_params(labelleft=column == 0)

    def _frame(self, above: Axes, below: Axes) -> None:
        held, moved, calm = self.held, self.moved, self.calm
        shown = read_results.estimate_columns(map(held.of, self.table))
        low, high = float(np.nanmin(shown)), max(float(np.nanmax(shown)), calm or 0.0)
        above.set_ylim(low - 0.08 * (high - low) - 0.002, high + 0.08 * (high - low) + 0.002)
        most = float(np.nanmax(read_results.estimate_columns(map(moved.of, self.table))))
        below.set_ylim(0, most * 1.1 + 0.001)
        if calm is not None:
            above.axhline(calm, color=LIGHT.context, linewidth=1.4, zorder=1)
        held.scale.ticks(above, "y", 4)
        moved.scale.ticks(below, "y", 4)
        above.tick_params(labelbottom=False)
        below.set_xlabel(held.scale.words.text("pictures.robustness.level"))

    def title(self) -> Message:
        worst = max(self.table, key=lambda row: self.moved.of(row).value)
        if self.moved.of(worst).value == 0:
            return caption("robustness.title_none")
        return caption(
            "robustness.title",
            perturbation=spoken(worst.label),
            level=worst.level,
            moved=self.moved.scale.full(self.moved.of(worst)),
        )

    def alt(self) -> Message:
        held, moved = self.held, self.moved
        perturbations = [
            caption(
                "robustness.alt_perturbation",
                perturbation=spoken(name),
                level=own[-1].level,
                held=held.name,
                score=held.value_in(own[-1]),
                moved=moved.name,
                change=moved.value_in(own[-1]),
            )
            for name, own in self.by_label.items()
        ]
        return caption(
            "robustness.alt",
            held=held.name,
            calm=None if self.calm is None else held.scale.plain(Estimate(self.calm)),
            moved=moved.name,
            perturbations=perturbations,
        )


def _line(axes: Axes, own: Sequence[PerturbationEffect], judged: _Judged, colour: str) -> None:
    setting = judged.scale.words.numbers.setting
    estimates = list(map(judged.of, own))
    axes.plot(range(len(own)), [each.value for each in estimates], color=colour)
    marks.intervals(axes, enumerate(estimates), marks.MarkStyle(colour), upright=True)
    axes.set_xticks(range(len(own)), [setting(row.level) for row in own])
    axes.set_xlim(-0.4, len(own) - 0.6)
    marks.grid(axes, "y")
