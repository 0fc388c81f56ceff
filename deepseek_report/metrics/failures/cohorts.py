"""Cohorts side by side: those that a person declares, and where the model does best and worst."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table import TableType
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.row_conditions import ConditionError, RowCondition, read_condition
from deepseek_report.errors import DataError, NotApplicableError
from deepseek_report.metrics.explanations.explanation_plugin import without_control
from deepseek_report.metrics.failures.failure_rows import Cohort, CohortDriver
from deepseek_report.metrics.failures.slices import Slices, SliceSearch
from deepseek_report.metrics.fairness.groups import MinCell
from deepseek_report.metrics.plugin import ModelMetric
from deepseek_report.statistics.excess import Excess
from deepseek_report.statistics.intervals import holm
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import Task, task_of

#: Whose cohort it is: all cases, a person's, the worst and the best that was found.
Origin = Literal["all", "declared", "worst", "best"]
#: Features that are told of a cohort, the most important there first.
_TOLD = 3


@dataclass(frozen=True)
class _Cohort:
    """Some of the test cases. p_value : that its loss is like that of the others, not corrected."""

    name: str
    origin: Origin
    members: Bools
    p_value: float = math.nan


@dataclass(frozen=True)
class Cohorts(ModelMetric):
    """Cohorts side by side: how many, how decided, how well, how right the probabilities are.

    A person declares cohorts by conditions, such as `age < 25 and sex == female`. Beside them stand
    all cases, and the slices in which the model errs most and least: each is searched for in one
    half of the test part and told of by the other half alone, so that its numbers are not those of
    the best or worst of many; its p-value is one-sided, corrected for the two. The p-value of a
    declared cohort compares its loss with that of all other cases (Fisher's test of errors, Welch's
    of numbers, two-sided), corrected for the declared cohorts.
    What matters most is the mean |attribution| among the explained cases of a cohort.

    declared : {name: condition}, see `row_conditions`. min_cell : a cohort with fewer test rows
    is not compared. least_explained : nor are its attributions with fewer explained cases.
    """

    reveals = "aggregate"
    tables = {
        "cohorts": TableType.of(Cohort, release=TableRelease(counts=("n",), overlapping=True)),
        "drivers": TableType.of(
            CohortDriver, release=TableRelease(counts=("n",), overlapping=True)
        ),
    }
    bounds = {}
    category = "slices"
    scope = "explainers"
    reads = frozenset({"predictions", "dataset", "explanations", "cases", "seed"})
    declared: dict[str, str] = field(default_factory=dict)
    min_cell: MinCell = 30
    least_explained: Annotated[int, Field(ge=2)] = 15

    def __post_init__(self) -> None:
        for name, condition in self.declared.items():
            try:
                read_condition(condition)
            except ConditionError as error:
                raise ValueError(f"cohort `{name}`: {error}") from None

    def measure(self, context: MeasureContext) -> Measurement:
        everyone = _Cohort("", "all", np.ones(len(context.predictions), bool))
        cohorts = [everyone, *self._declared(context), *self._extremes(context)]
        if len(cohorts) == 1:
            raise NotApplicableError(message("refusals.no_cohorts"))
        corrected = iter(holm([c.p_value for c in cohorts if c.origin == "declared"]))
        rows = [
            self._row(
                cohort,
                context,
                float(next(corrected)) if cohort.origin == "declared" else cohort.p_value,
            )
            for cohort in cohorts
        ]
        drivers = [
            row
            for name in without_control(dict(context.explanations))
            for cohort in cohorts
            for row in self._drivers(name, context.explanations[name], cohort, context)
        ]
        return Measurement(
            tables=self.frames(cohorts=rows, drivers=drivers),
            notes=_notes({cohort.origin for cohort in cohorts}),
        )

    def _declared(self, context: MeasureContext) -> list[_Cohort]:
        schema, test = context.dataset.schema, context.dataset.test
        loss = task_of(schema.target).loss
        losses = loss.of(context.predictions)
        drawn = Resampling.of(context.predictions)
        cohorts, problems = list[_Cohort](), list[str]()
        for name, text in self.declared.items():
            condition: RowCondition = read_condition(text)
            try:
                members = condition.holds(schema, test)
            except ConditionError as error:
                problems.append(f"cohort `{name}` ({text}): {error}")
                continue
            p_value = math.nan
            if min(members.sum(), (~members).sum()) >= self.min_cell:
                sides = (members, ~members)
                smaller = min(loss.larger_p_value(losses, side, drawn) for side in sides)
                p_value = min(2 * smaller, 1.0)
            cohorts.append(_Cohort(name, "declared", members, p_value))
        if problems:
            raise DataError("metrics.cohorts.declared: " + "; ".join(problems))
        return cohorts

    def _extremes(self, context: MeasureContext) -> Iterator[_Cohort]:
        """The slices with most and with fewest errors in the half that is searched."""
        try:
            search: SliceSearch = Slices().searched(context)
        except NotApplicableError:
            return
        drawn = Resampling.of(context.predictions)
        extremes: tuple[tuple[Origin, int], ...] = (("worst", 1), ("best", -1))
        for origin, sign in extremes:
            clearest = search.clearest(Excess.over_mean(sign * search.losses, drawn))
            if clearest is not None:
                name, members, p_value = clearest
                yield _Cohort(name, origin, members, min(len(extremes) * p_value, 1.0))

    def _row(
        self, cohort: _Cohort, context: MeasureContext, p_adjusted: float
    ) -> dict[str, object]:
        p, target = context.predictions, context.dataset.schema.target
        task, inside = task_of(target), cohort.members
        n = int(inside.sum())
        decided = UNDEFINED
        if task.decides and n:
            decided = Resampling.of(p).rate(p.decisions == target.counted_class, inside)
        return {
            "cohort": cohort.name,
            "origin": cohort.origin,
            "n": n,
            "share": n / len(p) if cohort.origin in {"all", "declared"} else math.nan,
            "decided": decided,
            **(task.part_facts(p, inside) if n > 1 else {}),
            **({"calibration_gap": _calibration_gap(task, p, inside)} if task.decides else {}),
            "p_adjusted": p_adjusted,
            "too_few": n < self.min_cell,
        }

    def _drivers(
        self, name: str, explanation: Explanation, cohort: _Cohort, context: MeasureContext
    ) -> Iterator[tuple[object, ...]]:
        """What matters most among the explained cases of a cohort."""
        kind = kind_of(context.dataset.schema)
        among = cohort.members[explanation.positions]
        if not kind.named_columns or among.sum() < self.least_explained:
            return
        sizes = np.abs(kind.by_player(explanation.values, explanation.inputs))[among]
        labels = context.dataset.schema.player_labels
        for player in np.argsort(-sizes.mean(axis=0), kind="stable")[:_TOLD]:
            mean = Resampling(len(sizes)).mean(sizes[:, player], "")
            yield name, cohort.name, cohort.origin, labels[player], mean, int(among.sum())


def _calibration_gap(task: Task, p: Predictions, inside: Bools) -> Estimate:
    """The share that came true less the mean of what was stated; exact of the share.

    The gaps of single cases hardly vary where nothing, or all, came true, and would say that the
    share is known.
    """
    if inside.sum() < 2 or not p.states_probabilities:
        return UNDEFINED
    observed = Resampling.of(p).rate(task.happened(p) > 0, inside)
    low, high = observed.ends or (math.nan, math.nan)
    stated = float(task.stated(p)[inside].mean())
    return Estimate(observed.value - stated, low - stated, high - stated)


def _notes(origins: set[Origin]) -> tuple[Text, ...]:
    none_found = [name for name in ("worst", "best") if name not in origins]
    return (message("notes.cohorts.method", none_found=none_found),)
