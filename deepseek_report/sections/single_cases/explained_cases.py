"""All cases that were explained, those with a page first, as rows of the table `cases`."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import FURTHER, Predictions
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Target
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import Glance
from deepseek_report.findings.listed_reasons import base_of, beyond_error, case_explanation
from deepseek_report.metrics.cases.case_choice import ALERT, NAMED
from deepseek_report.metrics.cases.single_case_rows import CaseRow
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import Values, compact
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import Wording

#: Levels of a course that is stored, and letters of a text in a list.
_LEVELS, _LETTERS = 99, 70


@dataclass(frozen=True)
class Glances:
    """Makes small pictures of whole inputs, as a list of cases shows them, on one scale.

    scale : the least and the greatest value of all that are shown.
    """

    results: Results
    words: Wording
    scale: tuple[float, float]

    @classmethod
    def over(cls, results: Results, words: Wording, rows: Floats) -> Glances:
        """Those of inputs (row, column), on the scale of these."""
        known = rows[np.isfinite(rows)]
        ends = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        return cls(results, words, ends)

    def of(self, rows: Floats) -> list[Values]:
        """As the page's script reads them: `text`, or pixels as bytes in base64, or levels."""
        kind = kind_of(self.results.schema)
        return [self._stored(kind.glance(row)) for row in rows]

    def of_case(self, position: int) -> Values:
        """Of a tested case; a text as it was written."""
        written = self._written(position)
        if written:
            return self._stored(Glance(" ".join(written.split())))
        (glance,) = self.of(self.results.test.inputs[[position]])
        return glance

    def whole_text(self, position: int) -> str:
        """A text that a list shows only the beginning of; empty for all other inputs."""
        row = self.results.test.inputs[position]
        words = self._written(position) or kind_of(self.results.schema).glance(row).words
        return self.words.name(words) if len(words) > _LETTERS else ""

    def _written(self, position: int) -> str:
        texts = self.results.test.texts
        return texts.text(position) if texts else ""

    def _stored(self, glance: Glance) -> Values:
        if glance.pixels is not None:
            return self._picture(glance.pixels)
        if glance.course is not None:
            levels = np.round(self._scaled(glance.course) * _LEVELS)
            return {"course": [None if np.isnan(x) else int(x) for x in levels]}
        words = self.words.name(glance.words)
        return {"text": words if len(words) <= _LETTERS else f"{words[:_LETTERS].rstrip()}…"}

    def _picture(self, pixels: Floats) -> Values:
        """Grey where there are not three channels."""
        shares = self._scaled(np.nan_to_num(pixels, nan=self.scale[0]))
        colours = shares if shares.shape[2] == 3 else shares.mean(axis=2, keepdims=True)
        levels = np.round(255 * colours).astype(np.uint8)
        packed = base64.b64encode(levels.tobytes()).decode()
        return {"pixels": packed, "width": levels.shape[1], "grey": levels.shape[2] == 1}

    def _scaled(self, values: Floats) -> Floats:
        low, high = self.scale
        return np.clip((values - low) / (high - low or 1.0), 0.0, 1.0)


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


def waterfall(
    draft: Draft, explainer: str, case: ExplainedCase, toward: int | None = None
) -> Waterfall | None:
    """None where the method gives an order alone, or the folder does not hold what it said.

    toward : position of another class than the one decided; None as well where the case was not
    explained for it.

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
    if toward is not None:
        other = explanation.of_case_toward(case.place, toward)
        if other is None:
            return None
        instance = other
    target = results.schema.target
    values = kind.by_player(instance.values, instance.inputs)[0]
    base = base_of(instance)
    end, about = float(instance.predictions[0]), instance.target
    if toward is None and task_of(target).decides and len(target.classes) == 2:
        decided = int(results.predictions.decisions[case.position or 0])
        if decided != about:
            about, values = decided, -values
            base = None if base is None else _opposite(base, explanation)
            end = _opposite(end, explanation)
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


def _opposite(output: float, explanation: Explanation) -> float:
    """The same output of the other of two classes."""
    return -output if explanation.output_space == "logit" else 1 - output


def waterfalls_toward(draft: Draft, explainer: str, case: ExplainedCase) -> Values:
    """Of more than two classes {position: waterfall} of those that the reader can switch to."""
    target = draft.results.schema.target
    if not task_of(target).decides or len(target.classes) <= 2:
        return {}
    drawn = {
        str(place): waterfall_data(draft, explainer, case, place)
        for place in range(len(target.classes))
        if target.classes[place] != case.row.decision
    }
    return {place: steps for place, steps in drawn.items() if steps is not None}


def waterfall_data(
    draft: Draft, explainer: str, case: ExplainedCase, toward: int | None = None
) -> Values | None:
    """A waterfall as the page's script draws it; see `Waterfall`."""
    drawn = waterfall(draft, explainer, case, toward)
    if drawn is None:
        return None
    schema, words = draft.results.schema, draft.words
    kind, row = kind_of(schema), draft.results.explanations[explainer].inputs[case.place or 0]
    bars = list[list[object]]()
    for player in drawn.order:
        written = draft.results.written(case.position or 0, player) if kind.quotes else ""
        shown = words.name(written or kind.display(row, player))
        name, beside = kind.mention(words.name(schema.player_labels[player]), shown)
        bars.append([name, beside, compact(float(drawn.values[player])), player])
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


#: Errors and decisions against people come first.
_FIRST = (
    *("wrong_against", "most_certain_wrong", "nearest_threshold"),
    *("right_against", "most_certain_right"),
    *("typical_error", "furthest_above", "furthest_below"),
)


@dataclass(frozen=True)
class ExplainedCase:
    """One case.

    row : what the table `cases` says of it. place : within the explained cases, None where the run
    folder holds no rows. position : in the test part, None likewise. has_page : whether it has a
    page of its own; then `row.case` is its number.
    """

    row: CaseRow
    place: int | None
    position: int | None
    has_page: bool


def explained_cases(results: Results) -> list[ExplainedCase]:
    """Those with a page in the order in which they are read, then the others."""
    paged = sorted(results.rows(*CaseRow.source, CaseRow), key=_order)
    if not results.has_rows or not results.has("cases"):
        return [ExplainedCase(row, None, None, True) for row in paged]
    explained = results.cases.explained
    shown = [ExplainedCase(row, row.position, int(explained[row.position]), True) for row in paged]
    taken = {case.place for case in shown}
    others = [
        ExplainedCase(
            _row(results.predictions, results.schema.target, int(at)), place, int(at), False
        )
        for place, at in enumerate(explained)
        if place not in taken
    ]
    return [*shown, *others]


def _order(row: CaseRow) -> tuple[int, int, int]:
    """Errors and decisions against people first, then groups in the order of the schema."""
    kind = row.role.removeprefix(FURTHER).partition(":")[0]
    if row.role.startswith(ALERT):
        return -1, False, row.case
    first = _FIRST.index(kind) if kind in _FIRST else len(_FIRST) - row.role.startswith(NAMED)
    return first, row.role.startswith(FURTHER), row.case


def _row(predictions: Predictions, target: Target, position: int) -> CaseRow:
    """What the table `cases` says of a case that has no page."""
    task = task_of(target)
    instance = int(predictions.instance_ids[position])
    label = task.display(target, predictions.labels[position])
    if not task.decides:
        value, error = float(predictions.values[position]), float(predictions.errors[position])
        shown = task.display(target, np.float64(value))
        return CaseRow(
            -1, instance_id=instance, label=label, decision=shown, prediction=value, error=error
        )
    return CaseRow(
        -1,
        instance_id=instance,
        label=label,
        decision=target.classes[predictions.decisions[position]],
        correct=bool(predictions.correct[position]),
        probability=float(predictions.scores[position]),
        threshold=predictions.threshold,
    )


def stated(results: Results, case: ExplainedCase) -> float:
    """The probability of the explained class of two, of the decided one of more, or the number."""
    target, row = results.schema.target, case.row
    stated = row.probability if task_of(target).decides else row.prediction
    if task_of(target).decides and len(target.classes) > 2 and case.position is not None:
        stated = float(results.predictions.probabilities[case.position].max())
    return math.nan if stated is None else stated
