"""Where the model fails: parts of the data, by one or two feature values, beyond expectation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.table_rows import read_rows
from deepseek_report.data_kinds import kind_of
from deepseek_report.metrics.failures.conditions import (
    Beside,
    Condition,
    Facts,
    FoundPart,
    HalfSearch,
    Halves,
    Part,
    all_conditions,
    frequent,
    indicator_matrix,
    joined,
)
from deepseek_report.metrics.failures.failure_rows import Slice
from deepseek_report.metrics.plugin import EntityMetric
from deepseek_report.statistics.excess import Excess, Totals
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import Task, task_of

#: Features by which slices are cut; pairs of them grow with the square.
_MOST_COLUMNS = 64
#: Standard errors of excess that a slice needs in the searched half to be looked at in the other.
_LEAST_SCORE = 2.0
#: Standard errors of excess that the rest of a wider slice may have where a narrower one is told.
_MOST_IN_REST = 2.0

#: Share of the level of the test that the search of all cases has, where there is one.
_WHOLE = 0.75

#: What a slice is listed for: a loss beyond the expected one, or more errors than elsewhere, which
#: the stated probabilities may well expect.
Kind = Literal["unexpected", "errors"]


@dataclass(frozen=True)
class Cut:
    """Some cases, and all slices of them by one or two conditions.

    matrix : (instance, condition) of 0 and 1. first, second : (slice,) positions of the two
    conditions, the same twice for a single one.
    """

    matrix: Floats
    first: Ints
    second: Ints

    @property
    def singles(self) -> Ints:
        """(condition,) the slice of each condition alone."""
        places = np.zeros(self.matrix.shape[1], np.int64)
        alone = np.flatnonzero(self.first == self.second)
        places[self.first[alone]] = alone
        return places

    def members(self, k: int) -> Bools:
        """(instance,) the cases in a slice."""
        return np.asarray(self.matrix[:, self.first[k]] * self.matrix[:, self.second[k]] > 0)

    def part(self, k: int) -> Part:
        """The positions of the conditions of a slice."""
        first, second = int(self.first[k]), int(self.second[k])
        return (first,) if first == second else (first, second)

    def of_rows(self, rows: Ints | Bools) -> Cut:
        """The same slices of some of the cases."""
        return Cut(self.matrix[rows], self.first, self.second)

    def totals(self, excess: Excess) -> Totals:
        """Size and excess of every slice."""
        return excess.totals(self.matrix, self.first, self.second)


def search(cut: Cut, excess: Excess, least: int, most: int) -> list[int]:
    """Slices with the clearest excess, one after the other.

    Each is looked for among the cases that are in none before it, so that what one part of the data
    brings about is told once. A slice of two conditions is taken where the rest of neither
    condition has an excess of its own.

    excess : of the cases of the cut. least : cases that a slice needs, apart from those before it.
    most : how many slices.

    Returns positions of slices, in the order in which they were found.
    """
    totals, free, chosen = cut.totals(excess), np.ones(len(cut.matrix), bool), list[int]()
    singles = cut.singles
    while len(chosen) < most:
        scores = np.where(totals.sizes >= least, totals.scores, -np.inf)
        for end in (cut.first, cut.second):
            rest = totals.take(singles[end]).without(totals)
            scores[(rest.scores > _MOST_IN_REST) & (cut.first != cut.second)] = -np.inf
        best = int(np.argmax(scores))
        if scores[best] < _LEAST_SCORE:
            break
        chosen.append(best)
        taken = cut.members(best) & free
        totals = totals.without(cut.of_rows(taken).totals(excess.take(taken)))
        free &= ~taken
    return chosen


@dataclass(frozen=True)
class Slices(EntityMetric):
    """Slices of up to two feature values in which the model loses more than was to be expected.

    One half of the test part is searched and the other gives the numbers and the tests, so that
    they are not those of the worst of many; then the other way round. Of decisions the squared
    error of the probabilities, calibrated on the whole, is set against what they themselves
    expect. Since its variance is known, all cases are searched as well, with a test that is
    corrected for every slice there is (Bonferroni) and intervals that hold for all of them at once:
    that finds what is too small for a half. Slices with more wrong decisions than elsewhere are
    listed besides, since these may merely lie near the threshold. Of numbers the absolute error is
    set against its mean. `whole` says of a slice that it was searched and told in all cases.

    max_features : conditions that are joined. min_size : least instances of a slice; unless it is
    set, 50 where classes are decided and 30 where a number is predicted. min_share : its least
    share of the test part. alpha : level of the test. most : how many slices of a kind are listed.
    """

    reveals = "aggregate"
    tables = {
        "slices": TableType.of(
            Slice, "bottlenecks", folded=True, release=TableRelease(counts=("n",), overlapping=True)
        )
    }
    bounds = {
        "worst_slice_error_rate": SHARE,
        "worst_slice_mae": (0.0, None),
        "slices_examined": (0.0, None),
    }
    category = "slices"
    reads = frozenset({"predictions", "dataset", "seed"})
    max_features: Literal[1, 2] = 2
    min_size: Annotated[int, Field(ge=5)] | None = None
    min_share: Annotated[float, Field(ge=0, lt=1)] = 0.01
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    most: Annotated[int, Field(ge=1, le=20)] = 20

    def measure(self, context: MeasureContext) -> Measurement:
        p, schema = context.predictions, context.dataset.schema
        task, least = task_of(schema.target), self._least(context)
        searches = self.searched(context)
        kinds = _kinds(task, p).items()
        parts = [part for kind, excess in kinds for part in searches.parts(kind, excess, self.most)]
        table, examined = _table(task, parts), len(searches.cut.first)
        return Measurement(
            _scores(task, schema, read_rows(table, Slice), examined, Resampling.of(p)),
            {"slices": table},
            notes=(*self._notes(task, table, examined, least), *_limits(schema, task)),
        )

    def searched(self, context: MeasureContext) -> SliceSearch:
        """What is searched: the conditions, and the halves of the cases.

        Raises NotApplicableError: no condition holds for enough cases.
        """
        p, task = context.predictions, task_of(context.dataset.schema.target)
        least = self._least(context)
        conditions = self._conditions(task, context, least)
        order = task.order(p.labels, np.random.default_rng(context.seed))
        halves = Halves.of(order, least, Resampling.of(p))
        return SliceSearch(
            *(task, p, task.loss.of(p), task.loss.expected(p)),
            HalfSearch(conditions, halves),
            _enough(self._cut(conditions), halves),
            self.alpha,
        )

    def _least(self, context: MeasureContext) -> int:
        """Cases that a slice needs."""
        loss, n = task_of(context.dataset.schema.target).loss, len(context.predictions)
        return max(self.min_size or loss.least_part, math.ceil(self.min_share * n))

    def _cut(self, conditions: Sequence[Condition]) -> Cut:
        about = [condition.about for condition in conditions]
        return Cut(indicator_matrix(conditions), *joined(about, self.max_features == 2))

    def _conditions(self, task: Task, context: MeasureContext, least: int) -> list[Condition]:
        """Conditions that hold for enough instances, and fail for enough."""
        data, n = context.dataset, len(context.predictions)
        columns = task.telling(data.train.inputs, data.train.labels, _MOST_COLUMNS)
        conditions = all_conditions(
            data.schema, data.test.inputs, data.train.inputs, data.test.groups, columns.tolist()
        )
        return frequent(conditions, data.schema, n, least)

    def _notes(
        self, task: Task, table: pd.DataFrame, examined: int, least: int
    ) -> tuple[Text, ...]:
        frequent_errors, is_sure = table["kind"] == "errors", table["p_adjusted"] < self.alpha
        return (
            message(
                "notes.slices.examined",
                examined=examined,
                least=least,
                listed=int((~frequent_errors).sum()),
                sure=int((is_sure & ~frequent_errors).sum()),
                listed_errors=int(frequent_errors.sum()),
                sure_errors=int((is_sure & frequent_errors).sum()),
                decides=task.decides,
            ),
            message("notes.slices.halves"),
        )


def _enough(cut: Cut, halves: Halves) -> Cut:
    """The slices that hold enough cases in both halves."""
    counts = [
        (cut.matrix[rows].T @ cut.matrix[rows])[cut.first, cut.second] for rows in halves.parts
    ]
    single = cut.first == cut.second
    kept = single | (np.minimum(*counts) >= halves.least)
    return Cut(cut.matrix, cut.first[kept], cut.second[kept])


@dataclass(frozen=True)
class SliceSearch:
    """What is searched for slices: predictions, conditions, and the halves of the cases."""

    task: Task
    p: Predictions
    losses: Floats
    expected: Floats | None
    halves: HalfSearch
    cut: Cut
    alpha: float

    def parts(self, kind: Kind, excess: Excess, most: int) -> list[FoundPart]:
        """The slices that are found in either half, as the other half shows them, surest first.

        Behind those that are sure come those that are so in all cases alone; there are none where
        the variance of the excess is an estimate (`Excess.alike`).
        """

        def find(searched: Ints) -> list[Part]:
            cut, least = self.cut.of_rows(searched), self.halves.halves.least
            return [self.cut.part(k) for k in search(cut, excess.take(searched), least, most)]

        def tell(inside: Bools, reported: Ints) -> Facts:
            return self._told(kind, excess, inside, reported)

        if excess.alike:
            return self.halves.parts(find, tell, most)
        whole = Beside(self._of_whole(kind, excess, most), 1 - _WHOLE, self.alpha)
        return self.halves.parts(find, tell, most, whole)

    def clearest(self, excess: Excess) -> tuple[str, Bools, float] | None:
        """The slice with the clearest excess in the first half, as the second half has it.

        Nothing is chosen by the second half, so that whatever is measured of its cases is not that
        of the worst of many.

        Returns its name, its cases (instance,) in the second half, and the one-sided p-value there;
        None where no slice stands out in the first half, or too few of its cases are in the second.
        """
        searched, reported = self.halves.halves.parts
        least = self.halves.halves.least
        places = search(self.cut.of_rows(searched), excess.take(searched), least, 1)
        if not places:
            return None
        members = np.zeros(len(self.p), bool)
        members[reported] = self.cut.members(places[0])[reported]
        if members.sum() < least:
            return None
        name = self.halves.whole(self.cut.part(places[0])).text
        return name, members, excess.take(reported).p_value(members[reported])

    def _of_whole(self, kind: Kind, excess: Excess, most: int) -> list[FoundPart]:
        """Each slice that is sure among all cases, corrected for all slices."""
        everyone, n_slices = np.arange(len(self.p)), len(self.cut.first)
        parts = []
        for k in search(self.cut, excess, 2 * self.halves.halves.least, most):
            inside, whole = self.cut.members(k), self.halves.whole(self.cut.part(k))
            facts = self._told(kind, excess, inside, everyone, 1 - self.alpha / n_slices)
            adjusted = min(n_slices * facts[0] / _WHOLE, 1.0)
            if adjusted < self.alpha:
                parts.append(FoundPart(inside, whole.text, whole.about, facts, everyone, adjusted))
        return parts

    def _told(
        self, kind: Kind, excess: Excess, inside: Bools, reported: Ints, level: float = 0.95
    ) -> Facts:
        """What is told of a slice, from the reported cases; `level` is that of the intervals."""
        own, among = excess.take(reported), inside[reported]
        drawn = Resampling.of(self.p).take(reported).take(among)
        surplus = drawn.mean(own.values[among], "", level)
        return own.p_value(among), {
            "kind": kind,
            "share": inside.mean(),
            "whole": len(reported) == len(self.p),
            **self._facts(inside, reported, level),
            **surplus.cells("surplus", "surplus"),
        }

    def _facts(self, inside: Bools, reported: Ints, level: float) -> dict[str, object]:
        """Mean loss in a slice and elsewhere, what was expected, and what the task tells."""
        among = np.zeros(len(self.p), bool)
        among[reported] = True
        loss, own = self.task.loss, inside & among
        mean = loss.mean(self.losses, Resampling.of(self.p), own, level)
        expected = {}
        if self.expected is not None:
            expected = {f"expected_{loss.key}": self.expected[own].mean()}
        return {
            "n": mean.n,
            **mean.cells(loss.key),
            f"rest_{loss.key}": self.losses[~inside & among].mean(),
            **expected,
            **self.task.slice_facts(self.p, inside, among),
        }


def _kinds(task: Task, p: Predictions) -> dict[Kind, Excess]:
    """What slices are looked for by, and what each case has of it."""
    kinds: dict[Kind, Excess] = {"unexpected": task.loss.excess(p)}
    if task.loss.expected(p) is not None:
        kinds["errors"] = Excess.over_mean(task.loss.of(p), Resampling.of(p))
    return kinds


def _limits(schema: Schema, task: Task) -> tuple[Text, ...]:
    wide = len(schema.features)
    if not kind_of(schema).named_columns:
        return (message("notes.slices.attributes_alone"),)
    if wide <= _MOST_COLUMNS:
        return ()
    return (
        message("notes.slices.most_telling", features=wide, most=_MOST_COLUMNS, tells=task.tells),
    )


def _table(task: Task, parts: Sequence[FoundPart]) -> pd.DataFrame:
    """One row a slice, with the columns of the task also where there is none."""
    texts, counts = dict.fromkeys(("slice", "features", "kind"), str), {"n": int}
    shown = [end for column in task.slice_table for end in column.with_ends]
    numbers = ["share", *shown, "surplus", "surplus_low", "surplus_high", "p_value", "p_adjusted"]
    types = {**texts, **counts, **dict.fromkeys(numbers, float)}
    types |= {"whole": bool} | ({"errors": int} if "errors" in shown else {})
    return pd.DataFrame([part.row() for part in parts], columns=list(types)).astype(types)


def _scores(
    task: Task, schema: Schema, rows: Sequence[Slice], examined: int, drawn: Resampling
) -> tuple[Score, ...]:
    looked_at = Estimate(examined, n=drawn.n).score("slices_examined", "slices", "none")
    if not rows:
        return (looked_at,)
    worst = next((row for row in rows if row.kind == "errors"), rows[0])
    loss = task.loss
    score = replace(worst.loss(loss.key), method=drawn.describe(loss.interval)).score(
        f"worst_slice_{loss.key}",
        "slices",
        "lower",
        slice=worst.slice,
        unit=task.unit(schema.target, loss),
        bounds=loss.bounds,
        p_value=worst.p_adjusted,
        note=message("notes.slices.worst", examined=examined, whole=worst.whole),
    )
    return (score, looked_at)
