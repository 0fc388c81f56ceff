"""Other thresholds for a model that is there: chosen on the validation part, by what is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.conclusions import DecisionCosts
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.metrics.fairness.groups import Grouping
from deepseek_report.metrics.performance.threshold_choice import choose_threshold
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

    Parameters
    ----------
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

    Returns
    -------
    None where there is none, but for those that decide the same for everybody.
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
