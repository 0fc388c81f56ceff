"""From the base to the output of a case: what each feature adds for the decided class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings.listed_reasons import base_of, beyond_error, case_explanation
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.single_cases.compact_numbers import compact
from deepseek_report.sections.single_cases.explained_cases import ExplainedCase
from deepseek_report.tasks import task_of

#: Features that are shown one by one; the others are one bar.
_MOST = 8


@dataclass(frozen=True)
class Waterfall:
    """What one method says of one case, toward the class that was decided.

    about : that class, or what the number is. space : see `Explanation.output_space`. values :
    (player,) NaN where there is none. base, end : the output at the reference and of the case, in
    that space; base is None where the method has none. order : players that are shown one by one,
    the greatest first.
    """

    about: str
    space: str
    values: Floats
    base: float | None
    end: float
    order: tuple[int, ...]

    @property
    def rest(self) -> tuple[int, float]:
        """How many players are not shown one by one, and what they add together."""
        present = np.flatnonzero(~np.isnan(self.values))
        left = np.setdiff1d(present, self.order)
        return len(left), float(self.values[left].sum())

    @property
    def gap(self) -> float:
        """What the method leaves unaccounted for; 0 where it has no base."""
        return 0.0 if self.base is None else self.end - self.base - float(np.nansum(self.values))


def waterfall(draft: Draft, explainer: str, case: ExplainedCase) -> Waterfall | None:
    """None where the method gives an order alone, or the folder does not hold what it said.

    Nor of an image or a series: their pictures show what each place adds, and names of places say
    little beside that.
    """
    results, kind = draft.results, kind_of(draft.results.schema)
    explanation = case_explanation(results, explainer)
    if not (kind.named_columns or kind.quotes):
        return None
    if explanation.output_space == "none" or case.place is None or not explanation.values.size:
        return None
    instance = explanation.of_case(case.place)
    target = results.schema.target
    values = kind.by_player(instance.values, instance.inputs)[0]
    base = base_of(instance)
    end, about = float(instance.predictions[0]), instance.target
    if task_of(target).decides and len(target.classes) == 2:
        decided = int(results.predictions.decisions[case.position or 0])
        if decided != about:
            about, values = decided, -values
            base, end = _opposite(base, explanation), _opposite(end, explanation)
    present = np.flatnonzero(~np.isnan(values))
    named = beyond_error(kind, instance) & kind.nameable(instance.inputs)[0]
    certain = present[named[present]]
    order = certain[np.argsort(-np.abs(values[certain]), kind="stable")][:_MOST]
    return Waterfall(
        about=target.classes[about],
        space=explanation.output_space,
        values=values,
        base=base,
        end=end,
        order=tuple(int(player) for player in order),
    )


def _opposite(output: Any, explanation: Explanation) -> Any:
    """The same output of the other of two classes."""
    if output is None:
        return None
    return -output if explanation.output_space == "logit" else 1 - output


def waterfall_data(draft: Draft, explainer: str, case: ExplainedCase) -> dict[str, Any] | None:
    """A waterfall as the page's script draws it; see `Waterfall`."""
    drawn = waterfall(draft, explainer, case)
    if drawn is None:
        return None
    schema, words = draft.results.schema, draft.words
    kind, row = kind_of(schema), draft.results.explanations[explainer].inputs[case.place or 0]
    bars = []
    for player in drawn.order:
        written = draft.results.written(case.position or 0, player) if kind.quotes else ""
        shown = words.name(written or kind.display(row, player))
        name, beside = kind.mention(words.name(schema.player_labels[player]), shown)
        bars.append([name, beside, compact(float(drawn.values[player]))])
    n, value = drawn.rest
    return {
        "about": words.name(drawn.about),
        "base": None if drawn.base is None else compact(drawn.base),
        "base_text": "" if drawn.base is None else _written(draft, drawn.space, drawn.base),
        "end": compact(drawn.end),
        "end_text": _written(draft, drawn.space, drawn.end),
        "bars": bars,
        "rest": [n, compact(value)],
        "gap": compact(drawn.gap),
    }


def _written(draft: Draft, space: str, output: float) -> str:
    """An output as people read it: a percentage, or the number with its unit."""
    numbers, unit = draft.words.numbers, draft.results.schema.target.unit
    if space == "value":
        return numbers.quantity(output, draft.words.name(unit or ""))
    if space == "probability":
        return numbers.percent(output)
    return numbers.percent(1 / (1 + math.exp(-min(max(output, -700.0), 700.0))))
