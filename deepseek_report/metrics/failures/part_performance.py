"""How well each part of the data is predicted that is no group of people, such as a site."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import PARTS, Target
from deepseek_report.artifacts.table import TableType
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.failure_rows import DriftTest, PartLevel, PeriodLevel
from deepseek_report.metrics.fairness import groups
from deepseek_report.metrics.fairness.group_gaps import GAPS, PartGaps
from deepseek_report.metrics.plugin import EntityMetric, Resamples
from deepseek_report.statistics.excess import larger_mean_p_value
from deepseek_report.statistics.intervals import SHARE, holm
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Task

#: Rows of a class in a part without which no rate of errors is told of them.
FEWEST_OF_A_CLASS = 20
#: What cannot be told of parts that are known of one class alone, such as kinds of a defect: there
#: no probability is a share.
_OF_ONE_CLASS = {"ece": math.nan}


@dataclass(frozen=True)
class PartPerformance(EntityMetric):
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

    reveals = "aggregate"
    tables = {
        "parts": TableType.of(
            PartLevel, release=TableRelease(counts=("n",), lines=(("attribute",),))
        ),
        "tests": GAPS,
    }
    category = "slices"
    reads = frozenset({"predictions", "dataset", "seed"})
    bounds = {"accuracy_gap": SHARE, "mae_gap": (0.0, None), "mean_error_gap": (0.0, None)}
    needs_groups = PARTS
    min_cell: groups.MinCell = 30
    min_events: groups.MinEvents = 5
    n_resamples: Resamples = 2000

    def measure(self, context: MeasureContext) -> Measurement:
        p, schema = context.predictions, context.dataset.schema
        parts = groups.groupings(
            schema, p, crossings=False, min_cell=self.min_cell, kinds=self.needs_groups
        )
        floor = self.min_cell, self.min_events
        gaps = PartGaps(task_of(schema.target).part_gaps, floor, self.n_resamples, context.seed)
        tested = gaps.measured(self.category, schema.target, parts, p)
        rows = [row for part in parts for row in self._rows(part, gaps, context)]
        return replace(tested, tables={"parts": pd.DataFrame(rows), **tested.tables})

    def _rows(
        self, part: groups.Grouping, gaps: PartGaps, context: MeasureContext
    ) -> list[dict[str, object]]:
        p, task = context.predictions, task_of(context.dataset.schema.target)
        judged = gaps.judged(part, gaps.statistics[0], p).levels
        losses, expected = task.loss.of(p), task.loss.expected(p)
        labels = p.labels[part.codes >= 0]
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
                **(_OF_ONE_CLASS if task.decides and len(np.unique(labels)) == 1 else {}),
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


@dataclass(frozen=True)
class PeriodDrift(EntityMetric):
    """What the model states in each period of the test part, on average, and what happened.

    `score_drift_p` is the p-value of the Kruskal–Wallis test that what is stated is distributed
    alike in all periods of at least `min_cell` cases: small where the scores drift. How well the
    periods are decided is measured by `part_performance`.

    min_cell : a period with fewer test rows is not tested.

    Reference: Kruskal & Wallis 1952, doi:10.1080/01621459.1952.10483441.
    """

    reveals = "aggregate"
    tables = {
        "periods": TableType.of(
            PeriodLevel, release=TableRelease(counts=("n",), lines=(("attribute",),))
        ),
        "tests": TableType.of(DriftTest),
    }
    category = "slices"
    reads = frozenset({"predictions", "dataset"})
    bounds = {"score_drift_p": SHARE}
    needs_groups = PARTS
    min_cell: groups.MinCell = 30

    def measure(self, context: MeasureContext) -> Measurement:
        p, schema = context.predictions, context.dataset.schema
        task = task_of(schema.target)
        periods = [attribute for attribute in schema.attributes if attribute.in_time]
        if not periods:
            raise NotApplicableError(message("refusals.no_periods"))
        stated, happened, drawn = task.stated(p), task.happened(p), Resampling.of(p)
        rows, p_values = [], {}
        for period in periods:
            inside = [np.asarray(p.groups[period.name] == k) for k in range(len(period.levels))]
            for level, own in zip(period.levels, inside, strict=True):
                means = _mean(stated, own, drawn), _outcome(task, happened, own, drawn)
                n = int(own.sum())
                few = n < self.min_cell
                rows.append((period.name, period.label, level, n, *means, few))
            judged = [stated[own] for own in inside if own.sum() >= self.min_cell]
            p_values[period.name] = _drift_p_value(judged, drawn)
        scores = [
            self.score(
                "score_drift_p", Estimate(value, n=len(p)), "none", attribute=name, p_value=value
            )
            for name, value in p_values.items()
            if value is not None
        ]
        tables = self.frames(periods=rows, tests=p_values.items())
        return Measurement(tuple(scores), tables)


def _drift_p_value(samples: Sequence[Floats], drawn: Resampling) -> float | None:
    """Of what is stated in each period that is large enough; None where fewer than two are, all is
    stated alike, or several rows are of one entity: ranks of dependent rows have no such test.
    """
    from scipy.stats import kruskal

    if drawn.units is not None or len(samples) < 2 or np.ptp(np.concatenate(samples)) == 0:
        return None
    return float(kruskal(*samples).pvalue)


def _mean(values: Floats, inside: Bools, drawn: Resampling) -> Estimate:
    if inside.sum() < 2:
        return UNDEFINED
    return drawn.take(inside).mean(values[inside], "", among=values)


def _outcome(task: Task, happened: Floats, inside: Bools, drawn: Resampling) -> Estimate:
    """How often it came true, or the mean of the true numbers."""
    if not task.decides:
        return _mean(happened, inside, drawn)
    return drawn.rate(happened > 0, inside)
