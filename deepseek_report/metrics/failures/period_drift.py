"""What the model states in each period, and what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import Reveals, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import PARTS, Attribute, AttributeKind
from deepseek_report.artifacts.score import Bounds, Category, Measurement
from deepseek_report.artifacts.table import Column, TableType, TableTypes, columns_of, estimate
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.fairness.groups import MinCell
from deepseek_report.metrics.shared.plugin import ModelMetric
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Task


@dataclass(frozen=True)
class PeriodDrift(ModelMetric):
    """What the model states in each period of the test part, on average, and what happened.

    `score_drift_p` is the p-value of the Kruskal–Wallis test that what is stated is distributed
    alike in all periods of at least `min_cell` cases: small where the scores drift. How well the
    periods are decided is measured by `part_performance`.

    min_cell : a period with fewer test rows is not tested.

    Reference: Kruskal & Wallis 1952, doi:10.1080/01621459.1952.10483441.
    """

    counts_entities: ClassVar[bool] = True
    reveals: ClassVar[Reveals] = "aggregate"
    tables: ClassVar[TableTypes] = {
        "periods": TableType(
            (
                Column("attribute", "attribute"),
                Column("attribute_label", shown=False),
                *columns_of("level n:count"),
                estimate("stated", "number", prefix="stated"),
                estimate("happened", "number", prefix="happened"),
                Column("too_few", "yes_no", shown=False),
            ),
            release=TableRelease(counts=("n",), lines=(("attribute",),)),
        ),
        "tests": TableType(columns_of("attribute:attribute p_value:p_value")),
    }
    category: ClassVar[Category] = "slices"
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset"})
    bounds: ClassVar[Bounds] = {"score_drift_p": SHARE}
    needs_groups: ClassVar[frozenset[AttributeKind]] = PARTS
    min_cell: MinCell = 30

    def measure(self, context: MeasureContext) -> Measurement:
        p, schema = context.predictions, context.dataset.schema
        task = task_of(schema.target)
        periods = [attribute for attribute in schema.attributes if attribute.in_time]
        if not periods:
            raise NotApplicableError(message("refusals.no_periods"))
        stated, happened = task.stated(p), task.happened(p)
        tables = [self._rows(task, period, p, stated, happened) for period in periods]
        frame = pd.DataFrame([row for table in tables for row in table])
        p_values = {period.name: self._p_value(frame, period, p, stated) for period in periods}
        scores = [
            Estimate(value, None, None, len(p), "").score(
                "score_drift_p", "slices", "none", attribute=name, bounds=SHARE, p_value=value
            )
            for name, value in p_values.items()
            if value is not None
        ]
        tests = pd.DataFrame({"attribute": list(p_values), "p_value": list(p_values.values())})
        return Measurement(
            tuple(scores), {"periods": frame, "tests": tests.astype({"p_value": float})}
        )

    def _rows(
        self, task: Task, period: Attribute, p: Predictions, stated: Floats, happened: Floats
    ) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        drawn = Resampling.of(p)
        for code, level in enumerate(period.levels):
            inside = np.asarray(p.groups[period.name] == code)
            n = int(inside.sum())
            rows.append(
                {
                    "attribute": period.name,
                    "attribute_label": period.label,
                    "level": level,
                    "n": n,
                    **_mean("stated", stated, inside, drawn),
                    **_outcome(task, happened, inside, drawn),
                    "too_few": n < self.min_cell,
                }
            )
        return rows

    def _p_value(
        self, frame: pd.DataFrame, period: Attribute, p: Predictions, stated: Floats
    ) -> float | None:
        """None where fewer than two periods are large enough, all is stated alike, or several rows
        are of one entity: ranks of dependent rows have no such test.
        """
        from scipy.stats import kruskal

        if Resampling.of(p).units is not None:
            return None
        own = frame[frame["attribute"] == period.name]
        judged: list[Bools] = [
            np.asarray(p.groups[period.name] == code)
            for code, few in enumerate(own["too_few"])
            if not few
        ]
        samples = [stated[inside] for inside in judged]
        if len(samples) < 2 or np.ptp(np.concatenate(samples)) == 0:
            return None
        return float(kruskal(*samples).pvalue)


def _mean(name: str, values: Floats, inside: Bools, drawn: Resampling) -> dict[str, object]:
    mean = Estimate(np.nan, np.nan, np.nan)
    if inside.sum() > 1:
        mean = drawn.take(inside).mean(values[inside], "", among=values)
    return {name: mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}


def _outcome(task: Task, happened: Floats, inside: Bools, drawn: Resampling) -> dict[str, object]:
    """How often it came true, or the mean of the true numbers."""
    if not task.decides:
        return _mean("happened", happened, inside, drawn)
    share = drawn.rate(happened > 0, inside)
    return {"happened": share.value, "happened_low": share.low, "happened_high": share.high}
