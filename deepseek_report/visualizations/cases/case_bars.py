"""One case as bars: what each feature added, and where the output starts and ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import Message, Text
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings.listed_reasons import base_of, beyond_error, case_explanation
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing.captions import attribution, caption, change
from deepseek_report.visualizations.drawing.labels import columns, short, wrapped
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    from deepseek_report.artifacts.explanation import Explanation, OutputSpace
    from deepseek_report.artifacts.results import Results

_COLUMNS, _NARROW = 40, 22


@dataclass(frozen=True)
class Bar:
    """What one feature with this value added; without a value the sum of several features.

    title : the same inside of a title: `“Age: 34 years”`, `“late” (word 5)`.
    """

    label: str
    value: str
    effect: float
    title: Text

    @property
    def words(self) -> str:
        """`Age: 34 years`."""
        return f"{self.label}: {self.value}" if self.value else self.label

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
    decided: Text
    actual: Text
    output: float
    number_unit: str | None
    base: float | None
    threshold: float | None
    words: Wording

    @property
    def effects(self) -> Floats:
        """(bar,) the lengths of the bars."""
        return np.array([bar.effect for bar in self.bars])

    @property
    def in_unit(self) -> bool:
        """Whether outputs are numbers in the unit of the target, and no probabilities."""
        return self.space == "value"

    def written(self, output: float) -> Message:
        """An output as the picture says it: a percentage, or a number with its unit."""
        if self.in_unit:
            return caption("common.quantity", value=output, unit=self.number_unit)
        return caption("common.percent", value=output)

    @property
    def unit(self) -> Message:
        """What the bars measure."""
        return change(self.space, self.class_name, self.number_unit)

    def effect(self, value: float) -> dict[str, Any]:
        """The length of a bar, as messages take it."""
        return attribution(value, self.space)


def bar_view(results: Results, name: str, place: int, most: int) -> BarView:
    """What one explainer says of the case at `place`, its `most` greatest bars one by one.

    Of more than two classes it is about the one that was decided.
    """
    explanation, predictions = case_explanation(results, name).of_case(place), results.predictions
    position, target = int(results.cases.explained[place]), results.schema.target
    if not task_of(target).decides:
        return _number_view(results, name, place, most)
    classes = [short(class_name, 30) for class_name in target.classes]
    return BarView(
        bars=_bars(results, explanation, most),
        identity=int(predictions.instance_ids[position]),
        explainer=name,
        space=explanation.output_space,
        class_name=classes[explanation.target],
        decided=classes[predictions.decisions[position]],
        actual=classes[predictions.labels[position]],
        output=float(predictions.probabilities[position, explanation.target]),
        number_unit=None,
        base=_base(explanation),
        threshold=predictions.threshold if predictions.explained == explanation.target else None,
        words=words_of(results),
    )


def _number_view(results: Results, name: str, place: int, most: int) -> BarView:
    explanation, predictions = results.explanations[name].of_case(place), results.predictions
    position, target = int(results.cases.explained[place]), results.schema.target
    value, truth = float(predictions.values[position]), float(predictions.labels[position])
    return BarView(
        bars=_bars(results, explanation, most),
        identity=int(predictions.instance_ids[position]),
        explainer=name,
        space=explanation.output_space,
        class_name=short(target.label, 40),
        decided=caption("common.quantity", value=value, unit=target.unit),
        actual=caption("common.quantity", value=truth, unit=target.unit),
        output=value,
        number_unit=target.unit,
        base=_base(explanation),
        threshold=None,
        words=words_of(results),
    )


def _bars(results: Results, explanation: Explanation, most: int) -> list[Bar]:
    """The greatest attributions, each with its player and value, and the sum of the others.

    What is within its sampling error is no reason, and is among the others.
    """
    schema, row = results.schema, explanation.inputs[0]
    kind, words = kind_of(schema), words_of(results)
    values = kind.by_player(explanation.values, row[None])[0]
    present = np.flatnonzero(~np.isnan(values))
    order = present[np.argsort(-np.abs(values[present]), kind="stable")]
    certain = beyond_error(kind, explanation)[order]
    order = np.concatenate([order[certain], order[~certain]])
    n_bars = min(most, int(certain.sum()))
    bars = []
    for at in order[:n_bars]:
        shown = short(words.name(kind.display(row, int(at))), _COLUMNS)
        label = short(schema.player_labels[at], _COLUMNS - 1)
        title = caption(f"common.valued.{kind.name}", label=label, value=shown)
        bars.append(Bar(label, shown, float(values[at]), title))
    rest = values[order[n_bars:]]
    if len(rest):
        others = caption("case_contributions.others", n=len(rest))
        bars.append(Bar(words.say(others), "", float(rest.sum()), others))
    return bars


def _base(explanation: Explanation) -> float | None:
    """The output at the reference, a probability or the number, where the method has one."""
    base = base_of(explanation)
    if base is None or explanation.output_space == "none":
        return None
    return (
        base
        if explanation.output_space in {"probability", "value"}
        else 1 / (1 + float(np.exp(-base)))
    )
