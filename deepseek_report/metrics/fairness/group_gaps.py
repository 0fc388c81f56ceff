"""Largest gaps between groups: demographic parity, equal opportunity, equalized odds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Bounds, Measurement
from deepseek_report.artifacts.table import TableTypes
from deepseek_report.metrics.fairness.gap_tables import (
    GAPS,
    Cell,
    GapComparison,
    gap_notes,
    gap_scores,
    gap_table,
    rate_table,
    with_enough,
)
from deepseek_report.metrics.fairness.groups import (
    Grouping,
    MinCell,
    MinEvents,
    Outcomes,
    groupings,
)
from deepseek_report.metrics.shared.plugin import ClassMetric, PeopleMetric, Resamples
from deepseek_report.statistics.gaps import Gap, largest_gap
from deepseek_report.statistics.intervals import SHARE


@dataclass(frozen=True)
class GapMetric(PeopleMetric, ClassMetric):
    """What the three gaps share: groups, floor, test and table.

    name : of the score, and of Fairlearn's function. options : for that function.
    """

    tables: ClassVar[TableTypes] = {"tests": GAPS}
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset", "seed"})
    name: ClassVar[str] = ""
    options: ClassVar[Mapping[str, str]] = {}
    crossings: bool = True
    min_cell: MinCell = 30
    min_events: MinEvents = 5
    n_resamples: Resamples = 2000

    def cells(self, outcomes: Outcomes) -> list[Cell]:
        """(hits, among) of each rate whose gaps count."""
        raise NotImplementedError

    def measure(self, context: MeasureContext) -> Measurement:
        schema = context.dataset.schema
        groups = dict(context.predictions.groups)
        compared = groupings(schema, groups, crossings=self.crossings, min_cell=self.min_cell)
        outcomes = Outcomes.of(context.predictions, schema.target.declared_favourable)
        cells, floor = self.cells(outcomes), (self.min_cell, self.min_events)
        judged = [with_enough(grouping, cells, floor) for grouping in compared]
        gaps = [self._gap(grouping, outcomes, context.seed) for grouping in judged]
        comparisons = [
            GapComparison(self.name, kept, gap) for kept, gap in zip(judged, gaps, strict=True)
        ]
        table = gap_table(comparisons)
        scores = gap_scores("fairness", comparisons, table, "doi:10.48550/arXiv.1610.02413")
        too_few = message("notes.gaps.few_people", people=self.min_cell, decisions=self.min_events)
        notes = gap_notes(compared, judged, sum(gap is not None for gap in gaps), too_few)
        return Measurement(scores, {"tests": table}, notes=notes)

    def _gap(self, grouping: Grouping, outcomes: Outcomes, seed: int) -> Gap | None:
        if len(grouping.levels) < 2:
            return None
        tables = [rate_table(grouping, *cell) for cell in self.cells(outcomes)]
        gap = largest_gap(tables, self.n_resamples, seed)
        value = self._by_fairlearn(outcomes, grouping.codes)
        return replace(gap, estimate=replace(gap.estimate, value=value))

    def _by_fairlearn(self, outcomes: Outcomes, codes: Ints) -> float:
        """Fairlearn's value, by its function of the same name, for the people in any level."""
        import fairlearn.metrics

        inside = codes >= 0
        return float(
            getattr(fairlearn.metrics, self.name)(
                outcomes.deserving[inside],
                outcomes.favoured[inside],
                sensitive_features=codes[inside],
                method="between_groups",
                **self.options,
            )
        )


@dataclass(frozen=True)
class DemographicParityDifference(GapMetric):
    """Greatest difference in the rate of favourable decisions between two groups."""

    reveals: ClassVar[Reveals] = "aggregate"
    bounds: ClassVar[Bounds] = {"demographic_parity_difference": SHARE}
    name: ClassVar[str] = "demographic_parity_difference"

    def cells(self, outcomes: Outcomes) -> list[Cell]:
        return [(outcomes.favoured, np.ones(len(outcomes.favoured), bool))]


@dataclass(frozen=True)
class EqualOpportunityDifference(GapMetric):
    """Greatest difference between two groups in how often those with a favourable label get it."""

    reveals: ClassVar[Reveals] = "aggregate"
    bounds: ClassVar[Bounds] = {"equal_opportunity_difference": SHARE}
    name: ClassVar[str] = "equal_opportunity_difference"

    def cells(self, outcomes: Outcomes) -> list[Cell]:
        return [(outcomes.favoured, outcomes.deserving)]


@dataclass(frozen=True)
class EqualizedOddsDifference(GapMetric):
    """The greater of the largest gaps in true and in false positive rate between two groups."""

    reveals: ClassVar[Reveals] = "aggregate"
    bounds: ClassVar[Bounds] = {"equalized_odds_difference": SHARE}
    name: ClassVar[str] = "equalized_odds_difference"
    options: ClassVar[Mapping[str, str]] = {"agg": "worst_case"}

    def cells(self, outcomes: Outcomes) -> list[Cell]:
        favoured, deserving = outcomes.favoured, outcomes.deserving
        return [(favoured, deserving), (favoured, ~deserving)]
