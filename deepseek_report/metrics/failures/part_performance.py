"""How well each part of the data is predicted that is no group of people, such as a site."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import Reveals, TableRelease
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import PARTS, AttributeKind, Target
from deepseek_report.artifacts.score import Bounds, Category, Measurement
from deepseek_report.artifacts.table import Column, TableType, TableTypes, columns_of
from deepseek_report.metrics.fairness.gap_tables import GAPS
from deepseek_report.metrics.fairness.groups import Grouping, MinCell, MinEvents, groupings
from deepseek_report.metrics.fairness.part_gaps import PartGaps, tested
from deepseek_report.metrics.shared.plugin import ModelMetric, Resamples
from deepseek_report.statistics.excess import larger_mean_p_value
from deepseek_report.statistics.intervals import SHARE, holm
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import TASKS, of_some_task, task_of

#: Rows of a class in a part without which no rate of errors is told of them.
FEWEST_OF_A_CLASS = 20


@dataclass(frozen=True)
class PartPerformance(ModelMetric):
    """How well parts of the data are predicted (a site, short texts), and the largest gaps.

    `accuracy_gap` is the greatest difference between two parts in the share that is decided
    rightly: 0 means alike. Of numbers it is `mae_gap` and `mean_error_gap`, in the unit of the
    number. Parts differ in how hard they are, so that a gap is no fault by itself: `unforeseen` is
    by how much more a part is decided wrongly, against all others, than the model's own
    probabilities let expect, and `unforeseen_p` its one-sided p-value, corrected for the parts. Of
    two classes `missed_rate` is the share of the explained class that is decided otherwise, and
    `flagged_rate` the share of the other class that is decided for it.

    min_cell : a part with fewer test rows is not judged. min_events : nor is one where equal rates
    would give fewer right decisions. n_resamples : draws for interval and null.
    """

    counts_entities: ClassVar[bool] = True
    reveals: ClassVar[Reveals] = "aggregate"
    tables: ClassVar[TableTypes] = {
        "parts": TableType(
            (
                Column("attribute", "attribute"),
                Column("attribute_label", shown=False),
                *columns_of("level n:count"),
                *of_some_task((task.part_table for task in TASKS.values()), unless="too_few"),
                *columns_of("too_few:yes_no missed_rate:share flagged_rate:share", shown=False),
                *columns_of("unforeseen:number unforeseen_p:p_value", shown=False),
            ),
            release=TableRelease(counts=("n",), lines=(("attribute",),)),
        ),
        "tests": GAPS,
    }
    category: ClassVar[Category] = "slices"
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset", "seed"})
    bounds: ClassVar[Bounds] = {
        "accuracy_gap": SHARE,
        "mae_gap": (0.0, None),
        "mean_error_gap": (0.0, None),
    }
    needs_groups: ClassVar[frozenset[AttributeKind]] = PARTS
    min_cell: MinCell = 30
    min_events: MinEvents = 5
    n_resamples: Resamples = 2000

    def measure(self, context: MeasureContext) -> Measurement:
        p, schema = context.predictions, context.dataset.schema
        parts = groupings(
            schema, p, crossings=False, min_cell=self.min_cell, kinds=self.needs_groups
        )
        floor = self.min_cell, self.min_events
        gaps = PartGaps(task_of(schema.target).part_gaps, floor, self.n_resamples, context.seed)
        comparisons = gaps.compare(parts, p)
        tests, n_tests = tested(comparisons)
        rows = [row for part in parts for row in self._rows(part, gaps, context)]
        return Measurement(
            gaps.scores(self.category, schema.target, comparisons, tests),
            {"parts": pd.DataFrame(rows), "tests": tests},
            notes=gaps.notes(parts, p, n_tests),
        )

    def _rows(
        self, part: Grouping, gaps: PartGaps, context: MeasureContext
    ) -> list[dict[str, object]]:
        p, task = context.predictions, task_of(context.dataset.schema.target)
        judged = gaps.judged(part, gaps.statistics[0], p).levels
        losses, expected = task.loss.of(p), task.loss.expected(p)
        kept = [k for k, level in enumerate(part.levels) if level in judged]
        more = {k: _more(losses, expected, part.codes == k, part.drawn) for k in kept}
        corrected = holm([p_value for _, p_value in more.values()])
        p_values = dict(zip(more, corrected, strict=True))
        return [
            {
                "attribute": part.name,
                "attribute_label": part.label,
                "level": level,
                "n": int((part.codes == k).sum()),
                **task.part_facts(p, part.codes == k),
                **_kinds_of_error(p, context.dataset.schema.target, part.codes == k),
                "too_few": level not in judged,
                "unforeseen": more[k][0] if k in more else math.nan,
                "unforeseen_p": float(p_values[k]) if k in more else math.nan,
            }
            for k, level in enumerate(part.levels)
        ]


def _kinds_of_error(p: Predictions, target: Target, inside: Bools) -> dict[str, float]:
    """Of two classes the share of each that is decided for the other; NaN where one is too rare."""
    rates = {"missed_rate": math.nan, "flagged_rate": math.nan}
    if len(target.classes) != 2 or not task_of(target).decides:
        return rates
    for name, members in zip(rates, (inside & p.truths, inside & ~p.truths), strict=True):
        if members.sum() >= FEWEST_OF_A_CLASS:
            rates[name] = float(1 - p.correct[members].mean())
    return rates


def _more(
    losses: Floats, expected: Floats | None, inside: Bools, drawn: Resampling
) -> tuple[float, float]:
    """By how much more is lost inside than expected, against outside, and Welch's one-sided p.

    Neither side varies less than the chances of errors that are expected of it let it vary.
    """
    sides = (inside, ~inside)
    if expected is None or min(side.sum() for side in sides) < 2:
        return math.nan, math.nan
    more = losses - expected
    own, rest = (float((e * (1 - e)).mean()) for e in (expected[side] for side in sides))
    value = float(more[inside].mean() - more[~inside].mean())
    return value, larger_mean_p_value(more, inside, (own, rest), drawn)
