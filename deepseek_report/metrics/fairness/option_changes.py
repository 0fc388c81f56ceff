"""What another way to decide changes on the test part, paired with how it is decided today."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.conclusions import DecisionCosts
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.metrics.fairness.group_gaps import WidestPair, rate_table
from deepseek_report.metrics.fairness.groups import Grouping
from deepseek_report.metrics.performance.predicting import choose_threshold
from deepseek_report.statistics.intervals import Z95, difference_of_means, mean_interval, rate_ratio
from deepseek_report.statistics.paired import balanced_accuracy_difference, share_difference
from deepseek_report.statistics.ranking import macro_auc, paired_difference
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks.decisions import (
    at_threshold,
    effective_threshold,
    tally,
    threshold_for_share,
)

#: Thresholds that are tried, beside today's.
GRID = np.round(np.arange(2, 99) / 100, 2)
#: A threshold at which fewer are decided otherwise than all others decides the same for everybody.
_LEAST_DECIDED = 0.01


def selection_gap(selected: Bools, grouping: Grouping) -> tuple[float, float]:
    """Difference and ratio of the highest and the lowest rate of favourable decisions."""
    rates = grouping.count(selected) / grouping.sizes
    return float(np.ptp(rates)), float(rates.min() / rates.max()) if rates.max() else 1.0


def at_thresholds(p: Predictions, grouping: Grouping, thresholds: Floats) -> Predictions:
    """The same probabilities, decided by a threshold for each level; (level,) thresholds.

    Those who are in no level are decided about as today.
    """
    own = np.where(grouping.codes < 0, effective_threshold(p), thresholds[grouping.codes])
    return replace(p, decisions=np.where(p.scores >= own, p.explained, 1 - p.explained))


def price(p: Predictions, costs: DecisionCosts | None) -> float:
    """What the decisions cost a case: the expected cost, without costs 1 − balanced accuracy."""
    if costs is not None:
        return float(case_costs(p, costs).mean())
    recalls = [p.correct[p.labels == label].mean() for label in np.unique(p.labels)]
    return 1.0 - float(np.mean(recalls))


def case_costs(p: Predictions, costs: DecisionCosts) -> Floats:
    """(instance,) what the decision about each case costs; 0 where it is right."""
    decided = p.decisions == p.explained
    return np.asarray(
        costs.false_alarm * (decided & ~p.truths) + costs.missed * (~decided & p.truths)
    )


def threshold_for_costs(p: Predictions, costs: DecisionCosts | None) -> float | None:
    """The threshold of the least expected cost; None without declared costs."""
    return None if costs is None else choose_threshold("costs", p.scores, p.truths, costs)


def threshold_for_gap(
    p: Predictions, grouping: Grouping, favourable: int, tolerance: float
) -> float:
    """The threshold with the smallest gap among those that cost little balanced accuracy.

    tolerance : how much balanced accuracy may be lost against today's threshold.
    """
    candidates = np.concatenate([[effective_threshold(p)], GRID])
    quality = tally(p.truths, p.scores, candidates).balanced_accuracy
    allowed = candidates[quality >= quality[0] - tolerance]
    gaps = [
        selection_gap(at_threshold(p, threshold).decisions == favourable, grouping)[0]
        for threshold in allowed
    ]
    return float(allowed[int(np.argmin(np.round(gaps, 12)))])


def threshold_for_ratio(
    p: Predictions, grouping: Grouping, favourable: int, least: float, costs: DecisionCosts | None
) -> float | None:
    """The threshold of the least price at which the ratio of every two levels is at least `least`.

    Returns None where there is none, but for those that decide the same for everybody.
    """
    best: tuple[float, float] | None = None
    for threshold in np.concatenate([[effective_threshold(p)], GRID]):
        other = at_threshold(p, float(threshold))
        share = float(np.mean(other.decisions == favourable))
        met = selection_gap(other.decisions == favourable, grouping)[1] >= least
        if met and _LEAST_DECIDED <= share <= 1 - _LEAST_DECIDED:
            offered = price(other, costs), float(threshold)
            best = offered if best is None or offered[0] < best[0] - 1e-12 else best
    return best[1] if best else None


def equal_rate_thresholds(p: Predictions, grouping: Grouping) -> Floats:
    """(level,) thresholds that decide for the same share of each level as today's does of all."""
    share = float(np.mean(p.scores >= effective_threshold(p)))
    return np.array(
        [
            threshold_for_share(p.scores[grouping.codes == k], share)
            for k in range(len(grouping.levels))
        ]
    )


_NOTHING = Estimate(math.nan, n=0)


@dataclass(frozen=True)
class ComparedGroups:
    """An attribute whose groups are compared: in which two levels, on which parts.

    test, validation : the same levels in the same order, each large enough in both parts.
    pair : the levels that today's decisions treat most unequally on the validation part, so that
    the test part has no say in what is looked at. favourable : the class.
    """

    test: Grouping
    validation: Grouping
    pair: WidestPair
    favourable: int

    @property
    def levels(self) -> tuple[str, str]:
        """The level with the highest rate of favourable decisions, and that with the lowest."""
        names = self.test.levels
        return names[self.pair.highest], names[self.pair.lowest]

    def unevenness(self, p: Predictions) -> tuple[float, float]:
        """Gap and ratio between any two levels, by decisions about the validation part."""
        return selection_gap(p.decisions == self.favourable, self.validation)


@dataclass(frozen=True)
class Option:
    """A way to decide: its key, and what it says of both parts.

    threshold : of the explained class, in words. left_out : labels of inputs that it does not see.
    rows : training rows, where something was fitted. is_open : whether it may be proposed; a
    threshold per group is shown, and is no proposal.
    """

    name: str
    validation: Predictions
    test: Predictions
    threshold: str = ""
    left_out: tuple[str, ...] = ()
    rows: int = 0
    is_open: bool = True


@dataclass(frozen=True)
class OptionChanges:
    """Numbers of an option on the test part, and how they differ from today's.

    gap : of favourable decisions between the pair, its `ratio`, and its `gap_change`; against :
    share decided otherwise than favourably. sum_of_gaps : today's gap and the option's together,
    whose interval lies above 0 where the option surely does not turn the gap round by as much.
    cost : expected cost of a case, where costs are declared.
    """

    roc_auc: float
    auc_change: Estimate
    balanced_accuracy: float
    balanced_accuracy_change: Estimate
    against: Estimate
    against_change: Estimate
    gap: Estimate
    gap_change: Estimate
    sum_of_gaps: Estimate
    ratio: Estimate
    cost: float
    cost_change: Estimate
    n_changed: int

    @classmethod
    def of(
        cls,
        today: Predictions,
        option: Predictions,
        groups: ComparedGroups,
        costs: DecisionCosts | None,
    ) -> OptionChanges:
        """Compare the decisions of two ways about the same instances."""
        drawn = groups.test.drawn
        areas = [macro_auc(p.labels, p.probabilities, p.explained) for p in (option, today)]
        favoured, before = (p.decisions == groups.favourable for p in (option, today))
        cost, cost_change = math.nan, _NOTHING
        if costs is not None:
            cost, cost_change = price(option, costs), _cost_change(option, today, costs, drawn)
        return cls(
            roc_auc=areas[0][0],
            auc_change=paired_difference(areas[0], areas[1], today.labels, drawn)[0],
            balanced_accuracy=1 - price(option, None),
            balanced_accuracy_change=balanced_accuracy_difference(
                today.labels, option.correct, today.correct, drawn
            ),
            against=drawn.rate(~favoured),
            against_change=share_difference(~favoured, ~before, drawn)[0],
            gap=groups.pair.gap(groups.test, favoured),
            gap_change=_between(
                groups, lambda own, rows: share_difference(favoured[rows], before[rows], own)[0]
            ),
            sum_of_gaps=_between(
                groups,
                lambda own, rows: _mean(favoured[rows].astype(np.float64) + before[rows], own),
            ),
            ratio=_ratio(groups, favoured),
            cost=cost,
            cost_change=cost_change,
            n_changed=int((option.decisions != today.decisions).sum()),
        )

    @property
    def narrows(self) -> bool:
        """Whether the gap is surely smaller than today's, and not as large the other way round."""
        change, both = self.gap_change.ends, self.sum_of_gaps.ends
        return bool(change and both and change[1] < 0 < both[0])

    @property
    def p_value(self) -> float:
        """Two-sided, that the gap does not change, by the upper end of its interval."""
        from scipy.special import ndtr

        high = (self.gap_change.ends or (0.0, 0.0))[1] - self.gap_change.value
        if high <= 0:
            return float(self.gap_change.value == 0)
        return float(2 * ndtr(-abs(self.gap_change.value) * Z95 / high))


def _cost_change(
    option: Predictions, today: Predictions, costs: DecisionCosts, drawn: Resampling
) -> Estimate:
    """Difference of the expected costs: those of both kinds of error, joined in squares.

    Where few decisions differ, their mean cost has no interval of its own that could be trusted. Of
    dependent rows, where an entity may have both kinds, it is Student's by entity.
    """
    if drawn.units is not None:
        return _mean(case_costs(option, costs) - case_costs(today, costs), drawn)
    flagged, missed = (
        [(p.decisions == p.explained) & ~p.truths for p in (option, today)],
        [(p.decisions != p.explained) & p.truths for p in (option, today)],
    )
    weights = costs.false_alarm, costs.missed
    parts = [share_difference(*errors)[0] for errors in (flagged, missed)]
    value, below, above = (
        combine([w * size for w, size in zip(weights, sizes, strict=True)])
        for combine, sizes in (
            (sum, [part.value for part in parts]),
            (_joined, [part.value - _ends(part)[0] for part in parts]),
            (_joined, [_ends(part)[1] - part.value for part in parts]),
        )
    )
    method = message("interval_methods.difference_paired")
    return Estimate(value, value - below, value + above, len(today), method)


def _joined(sizes: list[float]) -> float:
    return math.hypot(*sizes)


def _ends(size: Estimate) -> tuple[float, float]:
    return size.ends or (size.value, size.value)


def _mean(values: Floats, drawn: Resampling) -> Estimate:
    mean, low, high = (float(end) for end in mean_interval(drawn.per_unit(values)))
    method = drawn.describe(message("interval_methods.paired_student"))
    return Estimate(mean, low, high, len(values), method)


def _between(groups: ComparedGroups, of_rows: Callable[[Resampling, Bools], Estimate]) -> Estimate:
    """A mean of the level with the highest rate, less that of the one with the lowest."""
    inside = [groups.test.codes == k for k in (groups.pair.highest, groups.pair.lowest)]
    own = [of_rows(groups.test.drawn.take(rows), rows) for rows in inside]
    method = groups.test.drawn.describe(message("interval_methods.difference_paired"))
    return Estimate(*difference_of_means(*own), own[0].n + own[1].n, method)


def _ratio(groups: ComparedGroups, favoured: Bools) -> Estimate:
    """The lowest rate of favourable decisions of the pair as a part of the highest."""
    table = rate_table(groups.test, favoured, np.ones(len(favoured), bool))
    pair = [groups.pair.lowest, groups.pair.highest]
    own, other = (float(each) for each in table.rates[pair])
    if not other:
        return _NOTHING
    method = groups.test.drawn.describe(message("interval_methods.ratio", several=False))
    return Estimate(own / other, *rate_ratio(*table.counts(pair)), table.n(pair), method)
