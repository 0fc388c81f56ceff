"""Alerts ranked within what people can look into: how many are right, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.conclusions import AlertCapacity
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table import TableType, columns_of, estimates_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.performance.performance_rows import CountedAlerts
from deepseek_report.metrics.performance.predicting import periods_of
from deepseek_report.metrics.plugin import DecisionMetric
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.ranking import first_of_each
from deepseek_report.statistics.resampling import Resampling

#: What the declared capacity is multiplied by in the table of other ones.
_FACTORS = (0.25, 0.5, 1, 2, 4)


@dataclass(frozen=True)
class PrecisionAtCapacity(DecisionMetric):
    """How many alerts are right where the most probable cases of each period are looked into.

    The alerts are the cases of the test part with the highest probability of the explained class,
    as many in each period as `decision.capacity` declares. `precision_at_capacity` is the share of
    them that are of the class, `recall_at_capacity` the share of the class that they hold. The
    intervals are exact ones of a rate, the ranking being given.

    least_month : alerts of a month below which its rates are not told.
    """

    reveals = "aggregate"
    bounds = {"precision_at_capacity": SHARE, "recall_at_capacity": SHARE}
    reads = frozenset({"predictions", "dataset", "capacity"})
    tables = {
        "capacities": TableType.of(
            CountedAlerts,
            release=TableRelease(counts=("n",), shares=(("precision", "n"),), overlapping=True),
        ),
        "months": TableType(
            (
                *columns_of("month n:count of_class:count"),
                *estimates_of("precision:share recall:share"),
            ),
            section="performance",
            folded=True,
            release=TableRelease(
                counts=("n", "of_class"),
                shares=(("precision", "n"), ("recall", "of_class")),
                lines=((),),
            ),
        ),
    }

    least_month: Annotated[int, Field(ge=1)] = 10

    def measure(self, context: MeasureContext) -> Measurement:
        """Rank the cases of each period, and count.

        Raises NotApplicableError: no capacity is declared, or no moments are known.
        """
        capacity, p = context.capacity, context.predictions
        if capacity is None:
            raise NotApplicableError(message("refusals.no_capacity"))
        test = context.dataset.test
        periods = periods_of(test, capacity)
        ranked = _Ranked(p, periods)
        alerts = ranked.alerts(capacity.alerts)
        precision, recall = ranked.rates(alerts)
        rows = [ranked.row(n, capacity) for n in capacities_about(capacity.alerts)]
        return Measurement(
            scores=(
                self.score("precision_at_capacity", precision, "higher", unit="share"),
                self.score("recall_at_capacity", recall, "higher", unit="share"),
            ),
            tables=self.frames(
                capacities=rows,
                months=_months(ranked, alerts, np.asarray(test.moments), self.least_month),
            ),
            notes=(
                message(
                    "notes.precision_at_capacity.method",
                    alerts=capacity.alerts,
                    per=capacity.per,
                    periods=ranked.n_periods,
                    unknown=int((periods < 0).sum()),
                    explained=context.dataset.schema.target.explained_class,
                ),
            ),
        )


def capacities_about(declared: int) -> list[int]:
    """The declared capacity, and smaller and larger ones.

    >>> capacities_about(50)
    [12, 25, 50, 100, 200]
    """
    return sorted({max(int(declared * factor), 1) for factor in _FACTORS})


@dataclass(frozen=True)
class _Ranked:
    """The test part, and the number of the period of each case; -1 is unknown."""

    p: Predictions
    periods: Ints

    @property
    def n_periods(self) -> int:
        """From the first to the last, those without any case included."""
        known = self.periods[self.periods >= 0]
        return int(known.max() - known.min()) + 1 if len(known) else 0

    def alerts(self, n: int) -> Bools:
        """(instance,) whether it is among the n most probable of its period."""
        return first_of_each(self.p.scores, self.periods, n) & (self.periods >= 0)

    def rates(self, alerts: Bools) -> tuple[Estimate, Estimate]:
        """Share of the alerts that are right, and of the class that they hold."""
        drawn = Resampling.of(self.p)
        return drawn.rate(self.p.truths, alerts), drawn.rate(alerts, self.p.truths)

    def row(self, n: int, capacity: AlertCapacity) -> tuple[object, ...]:
        """A row of the table of capacities."""
        alerts = self.alerts(n)
        is_declared = n == capacity.alerts
        facts = (int(alerts.sum()), *self.rates(alerts))
        return n, *facts, is_declared, capacity.per, self.n_periods


def _months(
    ranked: _Ranked, alerts: Bools, moments: Floats, least: int
) -> Iterator[tuple[object, ...]]:
    """Month by month, those with enough alerts."""
    known = np.isfinite(moments)
    names = (
        np.where(known, moments, 0.0).astype("datetime64[s]").astype("datetime64[M]").astype(str)
    )
    drawn, truths = Resampling.of(ranked.p), ranked.p.truths
    for month in np.unique(names[known]):
        inside = known & (names == month)
        n = int((alerts & inside).sum())
        if n >= least:
            precision = drawn.rate(truths, alerts & inside)
            recall = drawn.rate(alerts, truths & inside)
            yield str(month), n, int((truths & inside).sum()), precision, recall


def last_alerts(p: Predictions, periods: Ints, most: int) -> Ints:
    """Positions of the alerts of the last period, the most probable first."""
    if not (periods >= 0).any():
        return np.array([], dtype=np.int64)
    inside = np.flatnonzero(periods == periods.max())
    order = np.argsort(-p.scores[inside], kind="stable")
    return inside[order[:most]].astype(np.int64)
