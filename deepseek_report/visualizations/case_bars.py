"""One case as bars: what each feature added, and where the output starts and ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.numbers import percent, plural
from deepseek_report.data_kinds import kind_of
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.labels import (
    columns,
    named,
    short,
    wrapped,
)
from deepseek_report.visualizations.numbers import effect, in_unit, with_unit

if TYPE_CHECKING:
    from deepseek_report.artifacts.explanation import Explanation, OutputSpace
    from deepseek_report.artifacts.results import Results

_COLUMNS, _NARROW = 40, 22


@dataclass(frozen=True)
class Bar:
    """What one feature with this value added; without a value the sum of several features.

    told : the same in a title; empty for the sum, of which the words are quoted.
    """

    label: str
    value: str
    effect: float
    told: str = ""

    @property
    def words(self) -> str:
        """`Age: 34 years`."""
        return f"{self.label}: {self.value}" if self.value else self.label

    @property
    def title(self) -> str:
        """`“Age: 34 years”`, `the window steps 1–10 (mean 0.8)`, `“late” (word 5)`."""
        return self.told or f"“{self.words}”"

    @property
    def lines(self) -> str:
        """The words, broken before the value where they are too long for one line."""
        return self.words if columns(self.words) <= _COLUMNS else f"{self.label}:\n{self.value}"

    @property
    def narrow_lines(self) -> str:
        """The words on up to three lines of a narrow page."""
        if not self.value or columns(self.words) <= _NARROW:
            return wrapped(self.words, _NARROW, 3)
        return f"{wrapped(self.label, _NARROW - 1)}:\n{short(self.value, _NARROW)}"


@dataclass(frozen=True)
class BarView:
    """One case: its bars, and where the output starts and ends."""

    bars: list[Bar]
    identity: int
    explainer: str
    space: OutputSpace
    class_name: str
    decided: str
    actual: str
    output: float
    number_unit: str | None
    base: float | None
    threshold: float | None
    noun: str

    @property
    def in_unit(self) -> bool:
        """Whether outputs are numbers in the unit of the target, and no probabilities."""
        return self.space == "value"

    def written(self, output: float) -> str:
        """An output as the picture says it: a percentage, or a number with its unit."""
        return with_unit(output, self.number_unit) if self.in_unit else percent(output)

    @property
    def unit(self) -> str:
        if self.in_unit:
            return in_unit(f"change of the prediction of “{self.class_name}”", self.number_unit)
        return {
            "probability": f"change of the probability of “{self.class_name}”, in points",
            "logit": f"change of the log-odds of “{self.class_name}”",
        }.get(self.space, f"score for “{self.class_name}”, without unit")

    def effect(self, value: float) -> str:
        return effect(value, self.space)


def bar_view(results: Results, name: str, place: int, most: int) -> BarView:
    """What one explainer says of the case at `place`, its `most` greatest bars one by one."""
    explanation, predictions = results.explanations[name], results.predictions
    position, target = int(results.cases.explained[place]), results.schema.target
    if not task_of(target).decides:
        return _number_view(results, name, place, most)
    classes = [short(one, 30) for one in target.classes]
    return BarView(
        bars=_bars(results, explanation, place, most),
        identity=int(predictions.instance_ids[position]),
        explainer=named(name),
        space=explanation.output_space,
        class_name=classes[explanation.target],
        decided=classes[predictions.decisions[position]],
        actual=classes[predictions.labels[position]],
        output=float(predictions.probabilities[position, explanation.target]),
        number_unit=None,
        base=_base(explanation, place),
        threshold=predictions.threshold if predictions.explained == explanation.target else None,
        noun=kind_of(results.schema).noun,
    )


def _number_view(results: Results, name: str, place: int, most: int) -> BarView:
    explanation, predictions = results.explanations[name], results.predictions
    position, target = int(results.cases.explained[place]), results.schema.target
    value, truth = float(predictions.values[position]), float(predictions.labels[position])
    return BarView(
        bars=_bars(results, explanation, place, most),
        identity=int(predictions.instance_ids[position]),
        explainer=named(name),
        space=explanation.output_space,
        class_name=short(target.label, 40),
        decided=with_unit(value, target.unit),
        actual=with_unit(truth, target.unit),
        output=value,
        number_unit=target.unit,
        base=_base(explanation, place),
        threshold=None,
        noun=kind_of(results.schema).noun,
    )


def _bars(results: Results, explanation: Explanation, place: int, most: int) -> list[Bar]:
    """The greatest attributions, each with its player and value, and the sum of the others."""
    schema, row = results.schema, explanation.inputs[place]
    kind = kind_of(schema)
    values = kind.by_player(explanation.values[[place]], row[None])[0]
    there = np.flatnonzero(~np.isnan(values))
    order = there[np.argsort(-np.abs(values[there]), kind="stable")]
    bars = []
    for at in order[:most]:
        shown = short(kind.display(row, int(at)), _COLUMNS)
        label = short(schema.player_labels[at], _COLUMNS - 1)
        bars.append(Bar(label, shown, float(values[at]), kind.headline(label, shown)))
    rest = values[order[most:]]
    if len(rest):
        one, several = kind.nouns
        other = plural(len(rest), f"other {one}", f"other {several}")
        bars.append(Bar(f"{other} together", "", float(rest.sum())))
    return bars


def _base(explanation: Explanation, place: int) -> float | None:
    """The output at the reference, a probability or the number, where the method has one."""
    if explanation.base_values is None or explanation.output_space == "none":
        return None
    base = float(explanation.base_values[place])
    return (
        base
        if explanation.output_space in {"probability", "value"}
        else 1 / (1 + float(np.exp(-base)))
    )
