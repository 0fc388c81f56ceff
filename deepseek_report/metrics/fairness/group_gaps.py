"""Largest gaps between groups: demographic parity, equal opportunity, equalized odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Measurement
from deepseek_report.metrics.fairness.gap_tables import (
    DRAWS_A_TEST,
    GAPS,
    KINDS_OF_COMPARISONS,
    Cell,
    ComparedRate,
    GapComparison,
    gap_notes,
    gap_scores,
    gap_table,
)
from deepseek_report.metrics.fairness.groups import (
    Grouping,
    MinCell,
    MinEvents,
    Outcomes,
    groupings,
)
from deepseek_report.metrics.plugin import ClassMetric, PeopleMetric, Resamples
from deepseek_report.statistics.gaps import largest_gap
from deepseek_report.statistics.intervals import SHARE


@dataclass(frozen=True)
class GapMetric(PeopleMetric, ClassMetric):
    """What the three gaps share: groups, floor, test and table.

    name : of the score, as Fairlearn calls it. rates : keys in `group_rates.groups` of the rates
    that are tested; the first `counted` of them make the gap.
    """

    tables = {"tests": GAPS}
    reads = frozenset({"predictions", "dataset", "seed"})
    name: ClassVar[str] = ""
    rates: ClassVar[tuple[str, ...]] = ()
    counted: ClassVar[int] = 1
    crossings: bool = True
    min_cell: MinCell = 30
    min_events: MinEvents = 5
    n_resamples: Resamples = 2000

    def cells(self, outcomes: Outcomes) -> list[Cell]:
        """(hits, among) of each rate that levels are judged by and that is tested."""
        raise NotImplementedError

    def measure(self, context: MeasureContext) -> Measurement:
        schema = context.dataset.schema
        p = context.predictions
        compared = groupings(schema, p, crossings=self.crossings, min_cell=self.min_cell)
        outcomes = Outcomes.of(p, schema.target.declared_favourable)
        n_draws = max(self.n_resamples, DRAWS_A_TEST * len(compared))
        comparisons = [
            self._compare(grouping, outcomes, n_draws, context.seed) for grouping in compared
        ]
        table = gap_table(comparisons, KINDS_OF_COMPARISONS)
        scores = gap_scores("fairness", comparisons, table, "doi:10.48550/arXiv.1610.02413")
        return Measurement(scores, {"tests": table}, notes=self._notes(compared, comparisons))

    def _compare(
        self, grouping: Grouping, outcomes: Outcomes, n_draws: int, seed: int
    ) -> GapComparison:
        """The gap between the levels that are large enough, which may differ from rate to rate."""
        floor = (self.min_cell, self.min_events)
        every = [
            ComparedRate.of(key, grouping, cell, floor)
            for key, cell in zip(self.rates, self.cells(outcomes), strict=True)
        ]
        counted, beside = (
            tuple(rate for rate in some if len(rate.levels) > 1)
            for some in (every[: self.counted], every[self.counted :])
        )
        gap = None
        if counted:
            tables, others = ([rate.table for rate in some] for some in (counted, beside))
            gap = largest_gap(tables, n_draws, seed, others)
        return GapComparison(self.name, grouping, gap, counted)

    def _notes(
        self, groupings: Sequence[Grouping], comparisons: Sequence[GapComparison]
    ) -> tuple[Text, ...]:
        n_tests = sum(comparison.gap is not None for comparison in comparisons)
        corrected = message("notes.gaps.corrected_for_people", n=n_tests) if n_tests else ""
        too_few = message("notes.gaps.few_people", people=self.min_cell, decisions=self.min_events)
        judged = [
            set.intersection(*({*rate.levels} for rate in comparison.rates))
            if comparison.rates
            else set[str]()
            for comparison in comparisons
        ]
        return (
            *gap_notes(groupings, judged, corrected, too_few),
            *(
                message("notes.gaps.one_rate", attribute=comparison.grouping.label, rate=rate.key)
                for comparison in comparisons
                for rate in comparison.rates
                if len(comparison.rates) < self.counted and not comparison.grouping.crossing
            ),
        )


@dataclass(frozen=True)
class DemographicParityDifference(GapMetric):
    """Greatest difference in the rate of favourable decisions between two groups."""

    reveals = "aggregate"
    bounds = {"demographic_parity_difference": SHARE}
    name = "demographic_parity_difference"
    rates = ("selection_rate",)

    def cells(self, outcomes: Outcomes) -> list[Cell]:
        return [(outcomes.favoured, np.ones(len(outcomes.favoured), bool))]


class ErrorGap(GapMetric):
    """What the two gaps in errors share: the levels, the tests, and what they are corrected for.

    Equal opportunity is a part of equalized odds. Both compare the same levels in a rate, and both
    p-values are corrected for both rates, so that the part is never surer than the whole.
    """

    rates = ("tpr", "fpr")

    def cells(self, outcomes: Outcomes) -> list[Cell]:
        favoured, deserving = outcomes.favoured, outcomes.deserving
        return [(favoured, deserving), (favoured, ~deserving)]


@dataclass(frozen=True)
class EqualOpportunityDifference(ErrorGap):
    """Greatest difference between two groups in how often those with a favourable label get it."""

    reveals = "aggregate"
    bounds = {"equal_opportunity_difference": SHARE}
    name = "equal_opportunity_difference"


@dataclass(frozen=True)
class EqualizedOddsDifference(ErrorGap):
    """The greater of the largest gaps in true and in false positive rate between two groups."""

    reveals = "aggregate"
    bounds = {"equalized_odds_difference": SHARE}
    name = "equalized_odds_difference"
    counted = 2
