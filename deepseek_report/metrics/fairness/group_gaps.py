"""Largest gaps between groups: demographic parity, equal opportunity, equalized odds."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.score import Category, Score
from deepseek_report.artifacts.table import SEPARATOR, TableType
from deepseek_report.metrics.fairness.fairness_rows import GapTest
from deepseek_report.metrics.fairness.groups import CrossedMetric, Grouping, Outcomes
from deepseek_report.metrics.plugin import ClassMetric, Resamples
from deepseek_report.statistics.gaps import Gap, RateTable, largest_gap
from deepseek_report.statistics.intervals import SHARE, holm, rate_difference
from deepseek_report.tasks import task_of
from deepseek_report.tasks.comparisons import Floor, GapStatistic
from deepseek_report.tasks.loss import Limits

#: (hits, among) of one rate, each (instance,).
Cell = tuple[Bools, Bools]
#: What is told of the gaps of a table, see `gap_tests`.
GAPS = TableType.of(GapTest, release=WHOLE)
#: Kinds of comparisons of how people are decided about, for all of which p-values are corrected:
#: of favourable decisions, and of errors.
KINDS_OF_COMPARISONS = 2
#: Draws by chance for each test of a table, so that a p-value can be small after its correction.
DRAWS_A_TEST = 400


@dataclass(frozen=True)
class ComparedRate:
    """A rate, by its key in `group_rates.groups`, and the levels that are large enough for it."""

    key: str
    levels: tuple[str, ...]
    table: RateTable

    @classmethod
    def of(cls, key: str, grouping: Grouping, cell: Cell, floor: tuple[int, int]) -> ComparedRate:
        """Of the known levels with cases and events enough: see `RateTable.enough`."""
        whole = rate_table(grouping, *cell)
        enough = whole.enough(*floor) & grouping.known
        levels = tuple(np.array(grouping.levels, object)[enough])
        return cls(key, levels, whole.take(enough))


@dataclass(frozen=True)
class GapComparison:
    """One gap of a table: the metric, the levels that can be judged, and the gap between them.

    An unknown level is no group, and no end of a gap.

    gap : None where fewer than two levels can be judged. rates : those that are compared, in the
    order of the gap's tables; empty where it is the one of all levels of the grouping.
    """

    metric: str
    grouping: Grouping
    gap: Gap | None
    rates: tuple[ComparedRate, ...] = ()

    @property
    def n(self) -> int:
        """Instances in the levels that are judged."""
        return self.gap.estimate.n if self.gap else int((self.grouping.codes >= 0).sum())

    def level(self, table: int, position: int) -> str:
        """The name of a level of one of the gap's tables."""
        levels = self.rates[table].levels if self.rates else self.grouping.levels
        return levels[position]


def rate_table(grouping: Grouping, hits: Bools, among: Bools) -> RateTable:
    """Count a rate in each level of an attribute."""
    return RateTable.of(hits, among, grouping.codes, len(grouping.levels), grouping.drawn)


def gap_tests(comparisons: Sequence[GapComparison], kinds: int = 1) -> list[GapTest]:
    """One row for each gap; p-values corrected (Holm) for the gaps of the table.

    kinds : tables of other kinds that a reader looks at as well, this one included; for these the
    p-values are corrected too (Bonferroni).
    """
    p_values = [each.gap.p_value if each.gap else math.nan for each in comparisons]
    adjusted = holm(np.array(p_values, np.float64), kinds)
    return list(map(_row, comparisons, adjusted.tolist()))


def _row(comparison: GapComparison, p_adjusted: float) -> GapTest:
    """A gap with its test; texts are empty where fewer than two levels can be judged."""
    gap, grouping, level = comparison.gap, comparison.grouping, comparison.level
    pair = gap.surest if gap else None
    return GapTest(
        metric=comparison.metric,
        attribute=grouping.name,
        attribute_label=grouping.label,
        value=gap.estimate if gap else UNDEFINED,
        null_mean=gap.null_mean if gap else math.nan,
        null_high=gap.null_high if gap else math.nan,
        p_value=gap.p_value if gap else math.nan,
        p_adjusted=p_adjusted,
        widest_level=level(gap.table, gap.highest) if gap else "",
        narrowest_level=level(gap.table, gap.lowest) if gap else "",
        n=comparison.n,
        rates=SEPARATOR.join(rate.key for rate in comparison.rates),
        surest_rate=comparison.rates[pair.table].key if pair and comparison.rates else "",
        surest_highest=level(pair.table, pair.highest) if pair else "",
        surest_lowest=level(pair.table, pair.lowest) if pair else "",
        surest_gap=(gap.surest_gap if gap else None) or UNDEFINED,
    )


def gap_score(
    category: Category,
    comparison: GapComparison,
    p_value: float | None,
    *,
    bounds: Limits = SHARE,
    unit: str = "",
    corrected: bool = True,
    reference: str = "",
) -> Score:
    """A gap as a score; `corrected` says whether the p-value is corrected for the whole table."""
    gap, about = comparison.gap, (comparison.metric, category)
    attribute = comparison.grouping.name
    if gap is None:
        nothing = Estimate(math.nan, n=comparison.n)
        return nothing.score(*about, "zero", attribute=attribute, note=message("notes.too_few"))
    return gap.estimate.score(
        *about,
        "zero",
        attribute=attribute,
        unit=unit,
        bounds=bounds,
        p_value=p_value,
        reference=reference,
        note=message(
            "notes.gaps.ends",
            lowest=comparison.level(gap.table, gap.lowest),
            highest=comparison.level(gap.table, gap.highest),
            chance=gap.null_mean,
            corrected=corrected,
        ),
    )


def gap_notes(
    groupings: Sequence[Grouping], judged: Sequence[Collection[str]], corrected: Text, too_few: Text
) -> tuple[Text, ...]:
    """What was corrected, and which levels are not compared.

    judged : of each grouping the levels that are compared. corrected : the sentence that says for
    what p-values are corrected; empty where none is there.
    too_few : the clause that says when a level is not compared.
    """
    single = [pair for pair in zip(groupings, judged, strict=True) if not pair[0].crossing]
    dropped = [
        message("notes.gaps.levels", attribute=whole.label, levels=few)
        for whole, kept in single
        if (few := sorted({*np.array(whole.levels, object)[whole.known]} - {*kept}))
    ]
    notes = [corrected] if corrected else []
    if dropped:
        notes.append(message("notes.gaps.not_compared", too_few=too_few, levels=dropped))
    if unknown := [whole.label for whole, _ in single if not whole.known.all()]:
        notes.append(message("notes.gaps.unknown", attributes=unknown))
    return tuple(notes)


@dataclass(frozen=True)
class SurestPair:
    """Positions of the two levels that differ surest, of those that are known and large enough."""

    highest: int
    lowest: int

    @classmethod
    def of(
        cls, grouping: Grouping, predictions: Predictions, favourable: int, floor: tuple[int, int]
    ) -> SurestPair | None:
        """None where fewer than two levels are such; floor : people, favoured people."""
        favoured = Outcomes.of(predictions, favourable).favoured
        table = rate_table(grouping, favoured, np.ones(len(favoured), bool))
        enough = table.enough(*floor) & grouping.known
        pair = table.surest(enough, enough)
        return None if pair is None else cls(pair.highest, pair.lowest)

    def gap(self, grouping: Grouping, favoured: Bools) -> Estimate:
        """The rate of the first less that of the other, of these (instance,) decisions."""
        table = rate_table(grouping, favoured, np.ones(len(favoured), bool))
        counts = table.counts([self.highest, self.lowest])
        low, high = rate_difference(*counts)
        value = float(table.rates[self.highest] - table.rates[self.lowest])
        method = message("interval_methods.difference")
        n = table.n([self.highest, self.lowest])
        return Estimate(value, float(low), float(high), n, grouping.drawn.describe(method))


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
        """The grouping with the levels alone that are known and hold enough."""
        values, levels = statistic.values(predictions), len(grouping.levels)
        enough = statistic.judged(values, grouping.codes, levels, self.floor)
        return grouping.only(enough & grouping.known)

    def _compare(
        self, grouping: Grouping, statistic: GapStatistic, predictions: Predictions
    ) -> GapComparison:
        kept = self.judged(grouping, statistic, predictions)
        gap = None
        if len(kept.levels) > 1:
            values = statistic.values(predictions)
            gap = statistic.gap(values, kept.codes, self.n_resamples, self.seed, kept.drawn)
        return GapComparison(statistic.name, kept, gap)

    def measured(
        self,
        category: Category,
        target: Target,
        groupings: Sequence[Grouping],
        predictions: Predictions,
    ) -> Measurement:
        """A score for each gap, and the table `tests` of all of them."""
        comparisons = self.compare(groupings, predictions)
        tests, task = gap_tests(comparisons), task_of(target)
        known = {entry.name: entry for entry in self.statistics}
        scores = tuple(
            gap_score(
                category,
                comparison,
                p_value,
                bounds=statistic.bounds,
                unit=task.unit(target, statistic),
                corrected=statistic.corrected,
            )
            for comparison, row in zip(comparisons, tests, strict=True)
            for statistic in [known[comparison.metric]]
            for p_value in [row.p_adjusted if statistic.corrected else row.p_value]
        )
        n_tests = sum(comparison.gap is not None for comparison in comparisons)
        return Measurement(
            scores, {"tests": GAPS.frame(tests)}, notes=self.notes(groupings, predictions, n_tests)
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


@dataclass(frozen=True)
class GapMetric(CrossedMetric, ClassMetric):
    """What the three gaps share: groups, floor, test and table.

    name : of the score, as Fairlearn calls it. rates : keys in `group_rates.groups` of the rates
    that are tested; the first `counted` of them make the gap.
    """

    tables = {"tests": GAPS}
    name: ClassVar[str] = ""
    rates: ClassVar[tuple[str, ...]] = ()
    counted: ClassVar[int] = 1
    n_resamples: Resamples = 2000

    def cells(self, outcomes: Outcomes) -> list[Cell]:
        """(hits, among) of each rate that levels are judged by and that is tested."""
        raise NotImplementedError

    def measure(self, context: MeasureContext) -> Measurement:
        schema = context.dataset.schema
        p = context.predictions
        compared = self.groupings(context)
        outcomes = Outcomes.of(p, schema.target.declared_favourable)
        n_draws = max(self.n_resamples, DRAWS_A_TEST * len(compared))
        comparisons = [
            self._compare(grouping, outcomes, n_draws, context.seed) for grouping in compared
        ]
        tests = gap_tests(comparisons, KINDS_OF_COMPARISONS)
        scores = tuple(
            gap_score("fairness", each, row.p_adjusted, reference="doi:10.48550/arXiv.1610.02413")
            for each, row in zip(comparisons, tests, strict=True)
            if not each.grouping.crossing  # crossings of two have rows in the table alone
        )
        return Measurement(
            scores, self.frames(tests=tests), notes=self._notes(compared, comparisons)
        )

    def _compare(
        self, grouping: Grouping, outcomes: Outcomes, n_draws: int, seed: int
    ) -> GapComparison:
        """The gap between the levels that are large enough, which may differ from rate to rate."""
        every = [
            ComparedRate.of(key, grouping, cell, self.floor)
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
