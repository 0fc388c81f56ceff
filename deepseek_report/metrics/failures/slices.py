"""Where the model fails: parts of the data, by one or two feature values, with the most error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import Reveals, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import (
    Bounds,
    Category,
    Measurement,
    Score,
)
from deepseek_report.artifacts.table import Column, TableType, TableTypes
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.conditions import (
    Condition,
    all_conditions,
    indicator_matrix,
    joined,
    overlaps,
    part_of,
)
from deepseek_report.metrics.shared.plugin import ModelMetric
from deepseek_report.statistics.excess import Moments, joined_moments
from deepseek_report.statistics.intervals import SHARE, holm
from deepseek_report.tasks import TASKS, Task, of_some_task, task_of
from deepseek_report.tasks.loss import Loss

_MOST_ALIKE = 3
#: Features by which slices are cut; pairs of them grow with the square.
_MOST_COLUMNS = 64


@dataclass(frozen=True)
class Candidates:
    """Every slice looked at: its two conditions (the same twice for a single one) and its losses.

    first, second : (slice,). inside, outside : of the losses in the slice, and of all others.
    """

    first: Ints
    second: Ints
    inside: Moments
    outside: Moments

    def __len__(self) -> int:
        return len(self.first)

    @property
    def pairs(self) -> Bools:
        """(slice,) whether it has two conditions."""
        return np.asarray(self.first != self.second)


def measure_slices(
    conditions: list[Condition], losses: Floats, pairs: bool, least: tuple[int, int]
) -> Candidates:
    """Losses in every slice of one or two conditions, and outside of it.

    Conditions on the same feature are not joined.

    Parameters
    ----------
    losses : (instance,). pairs : whether two conditions are joined.
    least : instances that a slice needs, and that must lie outside of it.
    """
    first, second = joined([condition.about for condition in conditions], pairs)
    inside = joined_moments(indicator_matrix(conditions), losses, first, second)
    outside = Moments.of(losses).without(inside)
    enough = (inside.sizes >= least[0]) & (outside.sizes >= least[1])
    return Candidates(first[enough], second[enough], inside.take(enough), outside.take(enough))


@dataclass(frozen=True)
class Slices(ModelMetric):
    """The slices of up to two feature values with the most error, corrected for all looked at.

    Of decisions the share of wrong ones is compared, of numbers the mean absolute error.

    max_features : conditions that are joined. min_size : least instances of a slice; unless it is
    set, 50 where classes are decided and 30 where a number is predicted. min_share : its least
    share of the test part. alpha : level of the test. most : how many slices are listed.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    tables: ClassVar[TableTypes] = {
        "slices": TableType(
            (
                Column("slice"),
                Column("features", shown=False),
                Column("n", "count"),
                Column("share", "share"),
                *of_some_task(task.slice_table for task in TASKS.values()),
                Column("difference", "number", shown=False),
                Column("p_value", "p_value", shown=False),
                Column("p_adjusted", "p_value"),
            ),
            section="bottlenecks",
            folded=True,
            release=TableRelease(counts=("n",), overlapping=True),
        )
    }
    bounds: ClassVar[Bounds] = {
        "worst_slice_error_rate": SHARE,
        "worst_slice_mae": (0.0, None),
        "slices_examined": (0.0, None),
    }
    category: ClassVar[Category] = "slices"
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset"})
    max_features: Literal[1, 2] = 2
    min_size: Annotated[int, Field(ge=5)] | None = None
    min_share: Annotated[float, Field(ge=0, lt=1)] = 0.01
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    most: Annotated[int, Field(ge=1, le=20)] = 20

    def measure(self, context: MeasureContext) -> Measurement:
        p, schema = context.predictions, context.dataset.schema
        task = task_of(schema.target)
        losses = task.loss.of(p)
        least = max(self.min_size or task.loss.least_part, math.ceil(self.min_share * len(p)))
        sizes = least, task.loss.least_rest(least)
        conditions = self._conditions(task, context, sizes)
        candidates = measure_slices(conditions, losses, self.max_features == 2, sizes)
        p_values = task.loss.p_values(candidates.inside, candidates.outside)
        chosen = self._choose(task.loss, candidates, conditions, losses)
        table = _table(task, [_part(candidates, k, conditions) for k in chosen], losses, p)
        table = table.assign(p_value=p_values[chosen], p_adjusted=holm(p_values)[chosen])
        notes = self._notes(task.loss, table, len(candidates), least)
        return Measurement(
            _scores(task, schema, table, len(candidates), len(p)),
            {"slices": table},
            notes=(*notes, *_limits(schema, task)),
        )

    def _conditions(
        self, task: Task, context: MeasureContext, sizes: tuple[int, int]
    ) -> list[Condition]:
        """Conditions that hold for enough instances, and fail for enough."""
        data, n = context.dataset, len(context.predictions)
        columns = task.telling(data.train.inputs, data.train.labels, _MOST_COLUMNS)
        conditions = all_conditions(
            data.schema, data.test.inputs, data.train.inputs, data.test.groups, columns.tolist()
        )
        kept = [
            condition
            for condition in conditions
            if sizes[0] <= condition.holds.sum() <= n - sizes[1]
        ]
        if not kept:
            raise NotApplicableError(
                message("refusals.no_split", rows=n, least=sizes[0])
                if kind_of(data.schema).named_columns or data.schema.attributes
                else message("refusals.no_attributes")
            )
        return kept

    def _choose(
        self, loss: Loss, c: Candidates, conditions: list[Condition], losses: Floats
    ) -> Ints:
        """The worst slices that say something new, the surest first.

        A slice is skipped where it overlaps with one that is listed, and, where the loss prunes,
        where one of its two conditions is as bad alone or is in three listed pairs already.
        """
        order = np.lexsort((c.pairs, loss.doubt(c.inside, c.outside)))
        chosen: list[int] = []
        members: list[Bools] = []
        used = np.zeros(len(conditions), np.int64)
        for k in order[(c.inside.means > c.outside.means)[order]].tolist():
            ends = [c.first[k], c.second[k]]
            inside = _part(c, k, conditions).holds
            stale = loss.prunes and c.pairs[k] and used[ends].max() >= _MOST_ALIKE
            if stale or overlaps(inside, members) or self._implied(loss, c, k, conditions, losses):
                continue
            used[ends] += c.pairs[k]
            chosen.append(k)
            members.append(inside)
            if len(chosen) == self.most:
                break
        return np.array(chosen, np.int64)

    def _implied(
        self, loss: Loss, c: Candidates, k: int, conditions: list[Condition], losses: Floats
    ) -> bool:
        """Whether a slice of two conditions is no worse than one of them alone."""
        if not (loss.prunes and c.pairs[k]):
            return False
        inside = c.inside.take(np.array([k]))
        wider = (Moments.of(losses[conditions[end[k]].holds]) for end in (c.first, c.second))
        return any(
            loss.p_values(inside, moments.without(inside))[0] > self.alpha for moments in wider
        )

    def _notes(
        self, loss: Loss, table: pd.DataFrame, examined: int, least: int
    ) -> tuple[Text, ...]:
        return (
            message(
                "notes.slices.examined",
                examined=examined,
                least=least,
                listed=len(table),
                sure=int((table["p_adjusted"] < self.alpha).sum()),
                excess=loss.excess,
                test=loss.test,
            ),
            message("notes.slices.same_rows"),
        )


def _part(c: Candidates, k: int, conditions: list[Condition]) -> Condition:
    return part_of(conditions[c.first[k]], conditions[c.second[k]])


def _limits(schema: Schema, task: Task) -> tuple[Text, ...]:
    wide = len(schema.features)
    if not kind_of(schema).named_columns:
        return (message("notes.slices.attributes_alone"),)
    if wide <= _MOST_COLUMNS:
        return ()
    return (
        message("notes.slices.most_telling", features=wide, most=_MOST_COLUMNS, tells=task.tells),
    )


def _table(task: Task, parts: list[Condition], losses: Floats, p: Predictions) -> pd.DataFrame:
    """One row a slice: mean loss inside and elsewhere, and what the task tells besides."""
    key = task.loss.key
    first = [*("slice", "features", "n", "share", key, "low", "high"), f"rest_{key}", "difference"]
    facts = list(task.slice_facts(p, np.ones(len(p), bool)))
    table = pd.DataFrame([_row(task, part, losses, p) for part in parts], columns=[*first, *facts])
    counts = dict.fromkeys(("n", *(name for name in facts if name == "errors")), int)
    numbers = dict.fromkeys([*first[3:], *facts], float)
    return table.astype({"slice": str, "features": str, **numbers, **counts})


def _row(task: Task, part: Condition, losses: Floats, p: Predictions) -> dict[str, object]:
    mean, key = task.loss.mean(losses[part.holds]), task.loss.key
    rest = float(losses[~part.holds].mean())
    return {
        "slice": part.text,
        "features": part.about,
        "n": mean.n,
        "share": mean.n / len(p),
        key: mean.value,
        "low": mean.low,
        "high": mean.high,
        f"rest_{key}": rest,
        "difference": mean.value - rest,
        **task.slice_facts(p, part.holds),
    }


def _scores(
    task: Task, schema: Schema, table: pd.DataFrame, examined: int, n: int
) -> tuple[Score, ...]:
    looked_at = Estimate(examined, None, None, n, "").score("slices_examined", "slices", "none")
    if table.empty:
        return (looked_at,)
    worst, loss = table.iloc[0], task.loss
    value, low, high = (float(worst[name]) for name in (loss.key, "low", "high"))
    score = Estimate(value, low, high, int(worst["n"]), loss.interval).score(
        f"worst_slice_{loss.key}",
        "slices",
        "lower",
        slice=str(worst["slice"]),
        unit=task.unit(schema.target, loss),
        bounds=loss.bounds,
        p_value=float(worst["p_adjusted"]),
        note=message("notes.slices.worst", examined=examined),
    )
    return (score, looked_at)
