"""The two groups of an attribute whose rates of favourable decisions are furthest apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.metrics.fairness.gap_tables import rate_table
from deepseek_report.metrics.fairness.groups import Grouping, Outcomes
from deepseek_report.statistics.intervals import rate_difference


@dataclass(frozen=True)
class WidestPair:
    """Positions of the levels with the highest and the lowest rate among those large enough."""

    highest: int
    lowest: int

    @classmethod
    def of(
        cls, grouping: Grouping, predictions: Predictions, favourable: int, floor: tuple[int, int]
    ) -> WidestPair | None:
        """None where fewer than two levels are large enough; floor : people, favoured people."""
        favoured = Outcomes.of(predictions, favourable).favoured
        table = rate_table(grouping, favoured, np.ones(len(favoured), bool))
        enough = table.enough(*floor)
        if enough.sum() < 2:
            return None
        highest = int(np.argmax(np.where(enough, table.rates, -1.0)))
        return cls(highest, int(np.argmin(np.where(enough, table.rates, 2.0))))

    def gap(self, grouping: Grouping, favoured: Bools) -> Estimate:
        """The rate of the first less that of the other, of these (instance,) decisions."""
        table = rate_table(grouping, favoured, np.ones(len(favoured), bool))
        counts = table.counts([self.highest, self.lowest])
        low, high = rate_difference(*counts)
        value = float(table.rates[self.highest] - table.rates[self.lowest])
        method = message("interval_methods.difference")
        n = table.n([self.highest, self.lowest])
        return Estimate(value, float(low), float(high), n, grouping.drawn.describe(method))
