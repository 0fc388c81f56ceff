"""How often each group is decided favourably, against a reference group."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.fairness import groups
from deepseek_report.metrics.fairness.fairness_rows import (
    TOO_FEW,
    GroupPair,
    LabelledGap,
    RatioStep,
)
from deepseek_report.metrics.fairness.group_gaps import (
    DRAWS_A_TEST,
    KINDS_OF_COMPARISONS,
    rate_table,
)
from deepseek_report.metrics.plugin import ClassMetric, PeopleMetric, Resamples
from deepseek_report.statistics import intervals
from deepseek_report.statistics.gaps import Pair, PairwiseTests, RateTable
from deepseek_report.tasks.loss import ThresholdSteps, at_threshold, threshold_for_share

#: What an interval shows of the two gaps.
Change = Literal["more than doubles", "widens", "narrows", "open"]
_RELEASE = TableRelease(counts=("n", "n_reference"))


def labelled_gaps(
    pairs: Sequence[tuple[groups.Grouping, str, str]],
    outcomes: groups.Outcomes,
    alpha: float = 0.05,
) -> list[LabelledGap]:
    """The gap of unfavourable decisions of pairs of groups, by the labels and by the model.

    Of each pair the first group is the one that fares worse by the labels or, where these may not
    differ, by the model. The change is
    the gap of the model less that of the labels, over the same rows: the mean over the first group
    of what each row's decision adds to its label, less that over the other. Its intervals hold for
    all pairs at once (Bonferroni).

    pairs : groupings, each with two of its levels.
    outcomes : (instance,) who is favoured by the model, and by the label.
    alpha : chance that any interval misses.
    """
    level = 1 - alpha / max(len(pairs), 1)
    return [_row(grouping, levels, outcomes, level) for grouping, *levels in pairs]


def _row(
    grouping: groups.Grouping, levels: Sequence[str], outcomes: groups.Outcomes, certainty: float
) -> LabelledGap:
    labelled, decided = ~outcomes.deserving, ~outcomes.favoured
    inside = [grouping.codes == grouping.levels.index(name) for name in levels]
    if _is_turned(grouping, inside, labelled, decided, certainty):
        levels, inside = levels[::-1], inside[::-1]
    own, other = ([float(x[each].mean()) for each in inside] for x in (labelled, decided))
    label_low, label_high = _ends_of(grouping, inside, labelled, certainty)
    decided_low, _ = _ends_of(grouping, inside, decided, certainty)
    change = _difference(grouping, inside, decided - 1.0 * labelled, certainty)
    beyond_twice = _difference(grouping, inside, decided - 2.0 * labelled, certainty)
    shown = _shown(change, beyond_twice, in_labels=label_low > 0, in_decisions=decided_low > 0)
    labelled_gap = Estimate(own[0] - own[1], label_low, label_high)
    (level, reference), (n, n_reference) = levels, (int(each.sum()) for each in inside)
    about = (grouping.name, level, reference, n, n_reference)
    gaps = (labelled_gap, other[0] - other[1], change)
    return LabelledGap(*about, own[0], own[1], other[0], other[1], *gaps, shown)


def _shown(
    change: Estimate, beyond_twice: Estimate, *, in_labels: bool, in_decisions: bool
) -> Change:
    """What the intervals of the change, and of that beyond twice the gap in labels, show.

    in_labels, in_decisions : whether these have a gap beyond chance, and to which side.
    """
    low, high = change.ends or (math.nan, math.nan)
    if in_labels and (beyond_twice.low or 0) > 0:
        return "more than doubles"
    if low > 0 and (in_labels or in_decisions):
        return "widens"
    return "narrows" if in_labels and high < 0 else "open"


def _is_turned(
    grouping: groups.Grouping,
    inside: Sequence[Bools],
    labelled: Bools,
    decided: Bools,
    level: float,
) -> bool:
    """Whether the second group fares worse by the labels or, where these are open, by the model.

    A gap in the labels that may be 0 would else be turned by chance, and the change with it.
    """
    low, high = _ends_of(grouping, inside, labelled, level)
    if low > 0 or high < 0:
        return high < 0
    return bool(decided[inside[0]].mean() < decided[inside[1]].mean())


def _ends_of(
    grouping: groups.Grouping, inside: Sequence[Bools], harmed: Bools, level: float
) -> tuple[float, float]:
    """The interval of the difference of the shares of two groups."""
    (own, n), (other, n_other) = (grouping.drawn.counts(harmed, each) for each in inside)
    low, high = intervals.rate_difference(own, n, other, n_other, level)
    return float(low), float(high)


def _difference(
    grouping: groups.Grouping, inside: Sequence[Bools], values: Floats, level: float
) -> Estimate:
    """Difference of the means of (instance,) values of two groups, with its interval.

    The values are 0 for most and ±1 for few. So each group counts two observations more, one of
    either sign (Bonett & Price 2012, doi:10.3102/1076998611411915), before its mean gets Student's
    interval by observation. The two intervals are joined, each end in squares.
    """
    means = []
    for rows in inside:
        each = grouping.drawn.take(rows).per_unit(values[rows])
        means.append(intervals.mean_interval(np.append(each, (1.0, -1.0)), level=level))
    (mean, low, high), (other, other_low, other_high) = means
    gap = float(values[inside[0]].mean() - values[inside[1]].mean())
    middle = mean - other
    return Estimate(
        gap,
        min(gap, float(middle - math.hypot(mean - low, other_high - other))),
        max(gap, float(middle + math.hypot(high - mean, other - other_low))),
    )


#: How many thresholds are tried.
_TRIED = 21


def tried_thresholds(predictions: Predictions) -> Floats:
    """(threshold,) ascending: from half to twice as many decisions for the explained class.

    As many as there are cases of it is the middle. Where it is the more frequent class, twice as
    many are more than all, and the upper end lies halfway between its share and all.
    """
    base = float(predictions.truths.mean())
    most = min(2 * base, (1 + base) / 2)
    shares = np.linspace(base / 2, most, _TRIED)
    return np.sort([threshold_for_share(predictions.scores, share) for share in shares])


def with_range(
    pairs: Sequence[GroupPair],
    predictions: Predictions,
    compared: Sequence[groups.Grouping],
    favourable: int,
) -> list[GroupPair]:
    """The pairs with the least and the greatest ratio of their rates over `tried_thresholds`.

    compared : the groupings of the pairs. favourable : the class that is good for the person.
    """
    if predictions.threshold is None:
        return list(pairs)
    thresholds = tried_thresholds(predictions)
    is_good = predictions.explained == favourable
    favoured = [(predictions.scores >= threshold) == is_good for threshold in thresholds]
    rates = {
        grouping.name: np.stack([grouping.count(chosen) for chosen in favoured]) / grouping.sizes
        for grouping in compared
    }
    places = {
        grouping.name: {level: k for k, level in enumerate(grouping.levels)}
        for grouping in compared
    }
    ratios = [
        _ratio(rates[row.attribute], places[row.attribute], row.level, row.reference)
        for row in pairs
    ]
    return [
        replace(
            row,
            threshold_from=float(thresholds[0]),
            threshold_to=float(thresholds[-1]),
            ratio_least=float(ratio.min()),
            ratio_most=float(ratio.max()),
        )
        for row, ratio in zip(pairs, ratios, strict=True)
    ]


def _ratio(rates: Floats, places: dict[str, int], level: str, reference: str) -> Floats:
    """(threshold,) ratio of two rates; 1 where nobody of either is decided favourably."""
    own, other = rates[:, places[level]], rates[:, places[reference]]
    return np.where(other > 0, own / np.where(other > 0, other, 1), np.where(own > 0, np.inf, 1))


Verdict = Literal[
    "clear below", "below but uncertain", "above but uncertain", "clear above", "too few to judge"
]


def verdict(ratio: float, low: float, high: float, threshold: float) -> Verdict:
    """On which side of the threshold a ratio lies, and whether its interval excludes the other.

    >>> verdict(math.inf, 40.0, math.inf, 0.8)  # of a reference that is never favoured
    'clear above'
    """
    if math.isnan(ratio):
        return TOO_FEW
    if ratio < threshold:
        return "clear below" if high < threshold else "below but uncertain"
    return "clear above" if low > threshold else "above but uncertain"


@dataclass(frozen=True)
class Rates:
    """How often the levels of one attribute are decided favourably, any two set against each other.

    table : counts of each level. judged : (level,) whether it is large enough to be judged.
    tests : of the levels that are, None of fewer than two. critical : see `any_pair`.
    """

    grouping: groups.Grouping
    table: RateTable
    judged: Bools
    tests: PairwiseTests | None
    critical: float

    @classmethod
    def of(
        cls,
        grouping: groups.Grouping,
        outcomes: groups.Outcomes,
        floor: tuple[int, int],
        level: float,
        permutations: tuple[int, int] | None,
    ) -> Rates:
        """Count, and deal the levels out by chance.

        floor : cases in a level, and favourable decisions if all rates were equal.
        level : how often all intervals of the attribute are to hold at once.
        permutations : how many, and their seed; None where nothing is tested.
        """
        table = rate_table(grouping, outcomes.favoured, np.ones(len(outcomes.favoured), bool))
        judged = table.enough(*floor)
        tests = None
        if judged.sum() > 1 and permutations is not None:
            large = table.take(judged)
            n_permutations, seed = permutations
            tests = PairwiseTests.of([large], n_permutations, np.random.default_rng(seed))
        return cls(grouping, table, judged, tests, intervals.any_pair(int(judged.sum()), level))

    @property
    def p_value(self) -> float:
        """That any two levels differ as they do if none truly did; NaN where none can be judged."""
        pair = self._surest(1.0)
        return math.nan if pair is None else self._p_value([pair.lowest, pair.highest])

    @property
    def leads(self) -> Bools:
        """(level,) whether others may be set against it.

        A pool of small levels is no group of people, and neither is an unknown one.
        """
        return self.grouping.named & self.grouping.known

    @property
    def highest(self) -> int:
        """The level with the highest rate among those that can be judged, else among all."""
        judged = self.judged & self.leads
        rates = np.where(judged if judged.any() else self.leads, self.table.rates, -1.0)
        return int(np.argmax(rates))

    def _surest(self, ratio: float) -> Pair | None:
        """The pair of levels that can be judged of which one lies surest below `ratio` times it."""
        return self.table.surest(self.judged & self.leads, self.judged, ratio)

    def _pairs(self, reference: int, threshold: float) -> dict[tuple[int, int], None]:
        """The (level, reference) that are compared, each once.

        Where another level has a higher rate than what is declared, the reference itself and the
        level with the lowest rate are set against that one as well, so that nobody is passed over.
        Beside these stand the two levels that differ surest, and the two of which one lies surest
        below the declared ratio: the highest rate may be that of a few people.
        """
        pairs = [(level, reference) for level in range(len(self.judged))]
        if self.judged[self.highest]:
            lowest = int(np.argmin(np.where(self.judged, self.table.rates, 2.0)))
            pairs += [(level, self.highest) for level in (reference, lowest)]
        surest = filter(None, map(self._surest, (1.0, threshold)))
        pairs += [(pair.lowest, pair.highest) for pair in surest]
        return dict.fromkeys((level, other) for level, other in pairs if level != other)

    def ratios(
        self, reference: int, threshold: float
    ) -> Iterator[tuple[tuple[str, str, float], list[int]]]:
        """Each pair that is compared by the names of its levels, with their ratio, and its counts.

        The ratio is NaN where one of the two is too small, and has no interval.
        """
        for both in map(list, self._pairs(reference, threshold)):
            own, most = (float(rate) for rate in self.table.rates[both])
            is_judged = bool(self.judged[both].all())
            level, other = (self.grouping.levels[k] for k in both)
            ratio = own / most if most and is_judged else math.nan
            yield (level, other, ratio), self.table.counts(both) if is_judged else [0] * 4

    def rows(self, reference: int, threshold: float, factor: float) -> Iterator[GroupPair]:
        """The rows of the table `pairs`; factor : what p-values are corrected by."""
        within = intervals.level_within(self.critical)
        for both in map(list, self._pairs(reference, threshold)):
            own, most = (float(rate) for rate in self.table.rates[both])
            x, n, other_x, other_n = self.table.counts(both)
            counts, small = (x, n, other_x, other_n), (~self.judged[both]).tolist()
            ratio = own / most if most else math.nan
            ends = intervals.rate_ratio(*counts, within)
            gap_low, gap_high = intervals.rate_difference(*counts, within)
            p_value = p_adjusted = math.nan
            side: Verdict = TOO_FEW
            if not any(small):
                p_value = self._p_value(both)
                p_adjusted = min(1.0, p_value * factor)
                side = verdict(math.inf if own and not most else ratio, *ends, threshold)
            level, other = (self.grouping.levels[k] for k in both)
            yield GroupPair(
                attribute=self.grouping.name,
                attribute_label=self.grouping.label,
                level=level,
                reference=other,
                n=self.table.n(both[:1]),
                n_reference=self.table.n(both[1:]),
                rate=own,
                reference_rate=most,
                ratio=Estimate(ratio, *ends),
                difference=Estimate(own - most, float(gap_low), float(gap_high)),
                p_value=p_value,
                p_adjusted=p_adjusted,
                verdict=side,
                too_few=small[0],
                reference_too_few=small[1],
            )

    def _p_value(self, both: list[int]) -> float:
        """Of two levels that can be judged."""
        if self.tests is None:
            return math.nan
        return self.tests.p_value(0, *(int(self.judged[:level].sum()) for level in both))


@dataclass(frozen=True)
class ImpactRatio(PeopleMetric, ClassMetric):
    """Each group's rate of favourable decisions over the reference group's, with a verdict.

    The reference is the group with the highest rate among those large enough, unless another is
    declared; people of whom it is not known in which group they are never are one. Beside it stand
    the two groups that differ surest, and the two whose ratio lies surest below the declared one.
    Interval, p-value and verdict hold for all pairs of groups of an attribute at once (`any_pair`),
    and for those of all crossings together, so they allow for having picked a pair among all, and a
    verdict does not depend on which group is larger or comes first.

    Where the labels are decisions themselves, the gap between two groups in them stands beside that
    of the model's decisions, with an interval of the difference over the same rows.

    least_share : share of all people below which a group is too small to be judged; null takes that
    of a chosen framework (6 RCNY 5-301(d) allows 2 %), and 0 without one.

    Reference: 29 CFR 1607.4(D): a rate is compared with that of the group with the highest rate.
    """

    reveals = "aggregate"
    tables = {
        "pairs": TableType.of(GroupPair, release=_RELEASE),
        "steps": TableType.of(RatioStep),
        "labelled": TableType.of(LabelledGap, release=_RELEASE),
    }
    bounds = {"impact_ratio": (0.0, None)}
    reads = frozenset({"predictions", "dataset", "seed"})
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    reference: dict[str, str] = field(default_factory=dict)
    crossings: bool = True
    min_cell: groups.MinCell = 30
    min_events: groups.MinEvents = 5
    least_share: Annotated[float, Field(ge=0, lt=1)] | None = None
    n_resamples: Resamples = 2000

    def measure(self, context: MeasureContext) -> Measurement:
        schema = context.dataset.schema
        p = context.predictions
        compared = groups.groupings(
            schema,
            p,
            crossings=self.crossings,
            min_cell=self.min_cell,
            apart=frozenset(self.reference.values()),
        )
        outcomes = groups.Outcomes.of(p, schema.target.declared_favourable)
        attributes = self._rates(compared, outcomes, self._floor(p), context.seed)
        references = [self._reference(rates) for rates in attributes]
        favourable = schema.target.declared_favourable
        rows = with_range(self._judge(attributes, references), p, compared, favourable)
        notes = (
            *self._undeclared(attributes, references),
            *_notes(rows, attributes, self.least_share or 0.0),
        )
        scores = tuple(
            _gravest([row for row in rows if row.attribute == rates.grouping.name])
            for rates in attributes
            if not rates.grouping.crossing
        )
        tables: dict[str, Sequence[object]] = {"pairs": rows}
        if p.probabilities.shape[1] == 2:
            steps = ThresholdSteps.of(p)
            thresholds = steps.thresholds[steps.with_interval]
            tables["steps"] = self.ratios_at(p, compared, favourable, thresholds)
        if schema.target.labels_are_decisions:
            tables["labelled"] = labelled_gaps(_judged_pairs(rows, compared), outcomes)
        return Measurement(scores, self.frames(**tables), notes=notes)

    def ratios_at(
        self,
        predictions: Predictions,
        compared: Sequence[groups.Grouping],
        favourable: int,
        thresholds: Floats,
    ) -> list[RatioStep]:
        """The ratios of all that is compared within each attribute at each threshold.

        Raises NotApplicableError: a declared reference is no level.
        """
        floor = self._floor(predictions)
        counts: dict[float, list[list[int]]] = {}
        rows: list[tuple[RatioStep, float, int]] = []
        for threshold in thresholds:
            moved = groups.Outcomes.of(at_threshold(predictions, threshold), favourable)
            for grouping in (each for each in compared if not each.crossing):
                rates = Rates.of(grouping, moved, floor, 0.95, None)
                level = intervals.level_within(rates.critical)
                pairs = counts.setdefault(level, [])
                for (own, other, ratio), pair in rates.ratios(
                    self._reference(rates), self.threshold
                ):
                    about = (float(threshold), grouping.name, own, other)
                    row = RatioStep(*about, Estimate(ratio))
                    rows.append((row, level, len(pairs)))
                    pairs.append(pair)
        ends = {level: intervals.rate_ratios(pairs, level) for level, pairs in counts.items()}
        return [
            replace(row, ratio=Estimate(row.ratio.value, *ends[level][place]))
            for row, level, place in rows
        ]

    def _floor(self, predictions: Predictions) -> tuple[int, int]:
        """The fewest people, and the fewest favourable decisions expected, of a level to judge."""
        least = math.ceil((self.least_share or 0.0) * len(predictions) - 1e-9)
        return max(self.min_cell, least), self.min_events

    def _rates(
        self,
        compared: Sequence[groups.Grouping],
        outcomes: groups.Outcomes,
        floor: tuple[int, int],
        seed: int,
    ) -> list[Rates]:
        """Intervals hold for a whole attribute, and for all crossings together (Bonferroni)."""
        n_crossings = sum(grouping.crossing for grouping in compared)
        permutations = max(self.n_resamples, DRAWS_A_TEST * len(compared)), seed
        return [
            Rates.of(
                grouping,
                outcomes,
                floor,
                1 - 0.05 / (n_crossings if grouping.crossing else 1),
                permutations,
            )
            for grouping in compared
        ]

    def _reference(self, rates: Rates) -> int:
        """The declared level, else the one with the highest rate.

        Raises NotApplicableError: a declared level is none that others are set against.
        """
        grouping = rates.grouping
        if grouping.name not in self.reference:
            return rates.highest
        level = self.reference[grouping.name]
        allowed = [name for name, leads in zip(grouping.levels, rates.leads, strict=True) if leads]
        if level not in allowed:
            raise NotApplicableError(
                message(
                    "refusals.no_reference",
                    setting=f"reference.{grouping.name}",
                    level=level,
                    levels=allowed,
                )
            )
        return grouping.levels.index(level)

    def _undeclared(self, attributes: Sequence[Rates], references: Sequence[int]) -> Iterator[Text]:
        for rates, reference in zip(attributes, references, strict=True):
            grouping = rates.grouping
            if not grouping.crossing and grouping.name not in self.reference:
                level = grouping.levels[reference]
                yield message("notes.impact_ratio.reference", attribute=grouping.label, level=level)

    def _judge(self, attributes: Sequence[Rates], references: Sequence[int]) -> list[GroupPair]:
        """The rows of all attributes, with p-values corrected for all of them, and verdicts.

        A p-value holds for all pairs of its attribute. Over the attributes Holm's correction is
        that of the attribute's surest pair; the other pairs are corrected by the same factor.
        """
        surest = np.array([rates.p_value for rates in attributes])
        factors = intervals.holm(surest, KINDS_OF_COMPARISONS) / surest
        each = zip(attributes, references, factors, strict=True)
        return [
            row
            for rates, reference, factor in each
            for row in rates.rows(reference, self.threshold, float(factor))
        ]


def _judged_pairs(
    pairs: Sequence[GroupPair], compared: Sequence[groups.Grouping]
) -> list[tuple[groups.Grouping, str, str]]:
    """Two levels of each single attribute that are large enough, and its grouping, once each."""
    single = {grouping.name: grouping for grouping in compared if not grouping.crossing}
    chosen: dict[tuple[str, frozenset[str]], tuple[groups.Grouping, str, str]] = {}
    for pair in pairs:
        if pair.is_judged and pair.attribute in single:
            key = (pair.attribute, frozenset((pair.level, pair.reference)))
            chosen.setdefault(key, (single[pair.attribute], pair.level, pair.reference))
    return list(chosen.values())


def _gravest(pairs: Sequence[GroupPair]) -> Score:
    """The score of one attribute: its gravest ratio among the levels that can be judged.

    It is the smallest of those that surely lie below the declared one, if any does.
    """
    judged = [pair for pair in pairs if pair.is_judged]
    name = pairs[0].attribute
    if not judged:
        nothing = Estimate(math.nan, n=sum(pair.n for pair in pairs))
        note = message("notes.too_few")
        return nothing.score("impact_ratio", "fairness", "one", attribute=name, note=note)
    pair = min(
        judged,
        key=lambda pair: (
            not pair.is_clear,
            pair.ratio.value if pair.ratio.is_defined else math.inf,
        ),
    )
    several = len({level for pair in judged for level in (pair.level, pair.reference)}) > 2
    method = message("interval_methods.ratio", several=several)
    ratio = replace(pair.ratio, n=pair.n + pair.n_reference, method=method)
    level, other, n = pair.level, pair.reference, len(judged)
    smallest = message("notes.impact_ratio.smallest", level=level, reference=other, ratios=n)
    surest = message("notes.impact_ratio.surest", level=level, reference=other, ratios=n)
    return ImpactRatio.score(
        "impact_ratio",
        ratio,
        "one",
        attribute=name,
        level=pair.level,
        p_value=pair.p_adjusted,
        reference="doi:10.1177/0962280210383082",
        note=surest if pair.is_clear else smallest,
    )


def _notes(
    pairs: Sequence[GroupPair], attributes: Sequence[Rates], least_share: float
) -> Iterator[Text]:
    tested = sum(rates.tests is not None for rates in attributes)
    yield message("notes.impact_ratio.corrected", n=tested)
    several = [
        rates.grouping.label
        for rates in attributes
        if not rates.grouping.crossing and rates.judged.sum() > 2
    ]
    if several:
        yield message("notes.impact_ratio.any_pair", attributes=several)
    few = dict.fromkeys(pair.level for pair in pairs if pair.too_few)
    few |= dict.fromkeys(pair.reference for pair in pairs if pair.reference_too_few)
    if few:
        yield message("notes.impact_ratio.too_few", levels=list(few), least=least_share)
