"""Gaps of a task's own statistics between the levels of attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.score import Category, Score
from deepseek_report.metrics.fairness.gap_tables import (
    GapComparison,
    gap_notes,
    gap_score,
    gap_table,
    only,
)
from deepseek_report.metrics.fairness.groups import Grouping
from deepseek_report.tasks import task_of
from deepseek_report.tasks.comparisons import Floor, GapStatistic


@dataclass(frozen=True)
class PartGaps:
    """How the levels of attributes are compared: by which statistics, from which size on.

    statistics : of the task. floor : see `tasks.comparisons.Floor`.
    n_resamples : draws for interval and null.
    """

    statistics: tuple[GapStatistic, ...]
    floor: Floor
    n_resamples: int
    seed: int

    def compare(
        self, groupings: Sequence[Grouping], predictions: Predictions
    ) -> list[GapComparison]:
        """The gap of every statistic between the levels of every grouping."""
        return [
            self._compare(grouping, statistic, predictions)
            for grouping in groupings
            for statistic in self.statistics
        ]

    def judged(
        self, grouping: Grouping, statistic: GapStatistic, predictions: Predictions
    ) -> Grouping:
        """The grouping with the levels alone that hold enough."""
        values = statistic.values(predictions)
        return only(
            grouping, statistic.judged(values, grouping.codes, len(grouping.levels), self.floor)
        )

    def _compare(
        self, grouping: Grouping, statistic: GapStatistic, predictions: Predictions
    ) -> GapComparison:
        kept = self.judged(grouping, statistic, predictions)
        gap = None
        if len(kept.levels) > 1:
            values = statistic.values(predictions)
            gap = statistic.gap(values, kept.codes, self.n_resamples, self.seed, kept.drawn)
        return GapComparison(statistic.name, kept, gap)

    def scores(
        self,
        category: Category,
        target: Target,
        comparisons: Sequence[GapComparison],
        table: pd.DataFrame,
    ) -> tuple[Score, ...]:
        """A score for each gap."""
        task, known = task_of(target), {entry.name: entry for entry in self.statistics}
        return tuple(
            gap_score(
                category,
                comparison,
                float(row["p_adjusted" if statistic.corrected else "p_value"]),
                bounds=statistic.bounds,
                unit=task.unit(target, statistic),
                corrected=statistic.corrected,
            )
            for comparison, row in zip(comparisons, table.to_dict("records"), strict=True)
            for statistic in [known[comparison.metric]]
        )

    def notes(
        self, groupings: Sequence[Grouping], predictions: Predictions, n_tests: int
    ) -> tuple[Text, ...]:
        """What was corrected, which levels are not compared, and what the statistics are."""
        first = self.statistics[0]
        kept = [self.judged(grouping, first, predictions) for grouping in groupings]
        few = message(
            "notes.gaps.few_cases",
            cases=self.floor[0],
            least_events=self.floor[1],
            events=first.events,
        )
        own = dict.fromkeys(each.explained for each in self.statistics if each.explained)
        corrected = message("notes.gaps.corrected", n=n_tests) if n_tests else ""
        judged = [each.levels for each in kept]
        return (*gap_notes(groupings, judged, corrected, few), *own)


def tested(comparisons: Sequence[GapComparison]) -> tuple[pd.DataFrame, int]:
    """The table of gaps, and how many could be tested."""
    return gap_table(comparisons), sum(comparison.gap is not None for comparison in comparisons)
