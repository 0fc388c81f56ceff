"""What the model states in each period, and what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import Reveals, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import PARTS, Attribute, AttributeKind
from deepseek_report.artifacts.score import Bounds, Category, Measurement
from deepseek_report.artifacts.table import Column, TableType, TableTypes, estimate
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.fairness.groups import MinCell
from deepseek_report.metrics.shared.plugin import ModelMetric
from deepseek_report.statistics.intervals import SHARE, mean_interval, rate
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Task


@dataclass(frozen=True)
class PeriodDrift(ModelMetric):
    """What the model states in each period of the test part, on average, and what happened.

    `score_drift_p` is the p-value of the Kruskal–Wallis test that what is stated is distributed
    alike in all periods of at least `min_cell` cases: small where the scores drift. How well the
    periods are decided is measured by `part_performance`.

    min_cell : a period with fewer test rows is not tested.

    References
    ----------
    Kruskal & Wallis 1952, doi:10.1080/01621459.1952.10483441.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    tables: ClassVar[TableTypes] = {
        "periods": TableType(
            (
                Column("attribute", "attribute"),
                Column("attribute_label", shown=False),
                Column("level"),
                Column("n", "count"),
                estimate("stated", "number", prefix="stated"),
                estimate("happened", "number", prefix="happened"),
                Column("too_few", "yes_no", shown=False),
            ),
            release=TableRelease(counts=("n",), lines=(("attribute",),)),
        ),
        "tests": TableType((Column("attribute", "attribute"), Column("p_value", "p_value"))),
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
        tables = [self._rows(task, period, p.groups, stated, happened) for period in periods]
        frame = pd.DataFrame([row for table in tables for row in table])
        p_values = {
            period.name: self._p_value(frame, period, p.groups, stated) for period in periods
        }
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
        self,
        task: Task,
        period: Attribute,
        groups: Mapping[str, np.ndarray],
        stated: Floats,
        happened: Floats,
    ) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for code, level in enumerate(period.levels):
            inside = np.asarray(groups[period.name] == code)
            n = int(inside.sum())
            rows.append(
                {
                    "attribute": period.name,
                    "attribute_label": period.label,
                    "level": level,
                    "n": n,
                    **_mean("stated", stated, inside),
                    **_outcome(task, happened, inside),
                    "too_few": n < self.min_cell,
                }
            )
        return rows

    def _p_value(
        self,
        frame: pd.DataFrame,
        period: Attribute,
        groups: Mapping[str, np.ndarray],
        stated: Floats,
    ) -> float | None:
        """None where fewer than two periods are large enough, or all is stated alike."""
        from scipy.stats import kruskal

        own = frame[frame["attribute"] == period.name]
        judged: list[Bools] = [
            np.asarray(groups[period.name] == code)
            for code, few in enumerate(own["too_few"])
            if not few
        ]
        samples = [stated[inside] for inside in judged]
        if len(samples) < 2 or np.ptp(np.concatenate(samples)) == 0:
            return None
        return float(kruskal(*samples).pvalue)


def _mean(name: str, values: Floats, inside: Bools) -> dict[str, object]:
    mean, low, high = (np.nan,) * 3
    if inside.sum() > 1:
        mean, low, high = map(float, mean_interval(values[inside], among=values))
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def _outcome(task: Task, happened: Floats, inside: Bools) -> dict[str, object]:
    """How often it came true, or the mean of the true numbers."""
    if not task.decides:
        return _mean("happened", happened, inside)
    share = rate(float(happened[inside].sum()), int(inside.sum()))
    return {
        "happened": share.value,
        "happened_low": share.low,
        "happened_high": share.high,
    }
