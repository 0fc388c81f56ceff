"""How scores order instances, and columns one another: ROC AUC with DeLong's variance, ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.statistics.intervals import Z95, blaker
from deepseek_report.statistics.paired import judged
from deepseek_report.statistics.resampling import Resampling, Statistic

#: A variance of ranks, which lie in [0, 1], below this comes from rounding: the column is constant.
_ROUNDING = 1e-12
#: So many instances of the rarest class the variance counts for that follows from two areas.
_BORROWED = 30


def auc_influence(truths: Bools, scores: Floats) -> tuple[float, Floats]:
    """ROC AUC and what each instance adds to its error.

    AUC = P(score of a positive > score of a negative) + ½ P(equal). The influences φ are DeLong's
    structural components, centred and scaled such that Σφ² is his variance, and Σ(φ_a − φ_b)² his
    variance of a paired difference. O(n log n) by mid-ranks.

    truths : (instance,) whether positive; both kinds must occur, else AUC is NaN.
    scores : (instance,) higher means more likely positive.

    Returns auc : in [0, 1]; 0.5 means no order. influence : (instance,).

    Reference: DeLong et al. 1988, doi:10.2307/2531595; Sun & Xu 2014, doi:10.1109/LSP.2014.2337313.

    >>> auc, _ = auc_influence(np.array([True, False, True]), np.array([0.9, 0.1, 0.1]))
    >>> auc
    0.75
    """
    positives, negatives = scores[truths], scores[~truths]
    m, n = len(positives), len(negatives)
    influence = np.zeros(len(scores))
    if not (m and n):
        return math.nan, influence
    ranks = average_ranks(scores)
    above = (ranks[truths] - average_ranks(positives)) / n
    below = 1 - (ranks[~truths] - average_ranks(negatives)) / m
    auc = float(above.mean())
    influence[truths] = (above - auc) / math.sqrt(m * max(m - 1, 1))
    influence[~truths] = (below - auc) / math.sqrt(n * max(n - 1, 1))
    return auc, influence


def average_ranks(values: Array) -> Floats:
    """Ranks from 1 on along the last axis, equal values with the mean of theirs; none is missing.

    >>> average_ranks(np.array([[0.5, 0.1, 0.5], [3.0, 2.0, 1.0]])).tolist()
    [[2.5, 1.0, 2.5], [3.0, 2.0, 1.0]]
    """
    import pandas as pd

    columns = values.reshape(-1, values.shape[-1]).T
    return np.asarray(pd.DataFrame(columns).rank().to_numpy().T.reshape(values.shape))


def spearman(values: Floats, columns: Sequence[int] | None = None) -> Floats:
    """Spearman's ρ of all pairs of columns; a constant column has ρ = 0 with all others.

    ρ is Pearson's correlation of the ranks. Where cells are missing, each column is ranked among
    its own known cells, and a pair uses the rows where both are known.

    values : (instance, feature), NaN is missing.
    columns : the features whose correlations with all are asked for; None: all.

    Returns (asked feature, feature) in [-1, 1].

    >>> spearman(np.array([[1.0, 5.0], [2.0, 7.0], [9.0, 8.0]])).round(6)
    array([[1., 1.],
           [1., 1.]])
    """
    import pandas as pd

    ranks = pd.DataFrame(values).rank(pct=True).to_numpy()
    known = (~np.isnan(ranks)).astype(np.float64)
    ranks = np.nan_to_num(ranks - 0.5)
    chosen = slice(None) if columns is None else list(columns)
    own_ranks, own_known = ranks[:, chosen].T, known[:, chosen].T
    n = np.maximum(own_known @ known, 1)
    own_sum, own_squares = own_ranks @ known, own_ranks**2 @ known
    mirrored = columns is None  # of all pairs, those of the other feature are the same mirrored
    other_sum = own_sum.T if mirrored else own_known @ ranks
    other_squares = own_squares.T if mirrored else own_known @ ranks**2
    own_mean, mean = own_sum / n, other_sum / n
    covariance = own_ranks @ ranks / n - own_mean * mean
    own_variance, variance = own_squares / n - own_mean**2, other_squares / n - mean**2
    varies = (own_variance > _ROUNDING) & (variance > _ROUNDING)
    scale = np.sqrt(np.where(varies, own_variance * variance, 1.0))
    rho = np.where(varies, covariance / scale, 0.0)
    return np.asarray(np.clip(rho, -1, 1))


def binary_auc(scores: Array, positive: Bools, undefined: float = math.nan) -> float:
    """Area under the ROC curve of one class; `undefined` where only one of the two is there.

    `(mean rank of the positives − (n₊ + 1)/2) / n₋`, ties share their rank.
    """
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return undefined
    mean_rank = float(average_ranks(scores)[positive].mean())
    return (mean_rank - (n_positive + 1) / 2) / n_negative


def one_vs_rest(labels: Ints, probabilities: Floats, explained: int) -> list[tuple[Bools, Floats]]:
    """The orderings to judge: the explained class with two classes, else each class that occurs."""
    if probabilities.shape[1] == 2:
        return [(labels == explained, probabilities[:, explained])]
    return [
        (labels == class_code, probabilities[:, class_code])
        for class_code in range(probabilities.shape[1])
        if 0 < np.count_nonzero(labels == class_code) < len(labels)
    ]


def macro_auc(labels: Ints, probabilities: Floats, explained: int) -> tuple[float, Floats]:
    """ROC AUC and influences; with many classes the plain mean, each against the rest."""
    aucs = [auc_influence(*ranking) for ranking in one_vs_rest(labels, probabilities, explained)]
    if not aucs:
        return math.nan, np.zeros(len(labels))
    return (
        float(np.mean([auc for auc, _ in aucs])),
        np.mean([influence for _, influence in aucs], axis=0),
    )


def delong(
    auc: float, influence: Floats, labels: Ints | Bools, resampling: Resampling | None = None
) -> Estimate:
    """95 % interval of an AUC from its influences.

    DeLong's, on the logit scale and by Student's distribution; of two classes widened to Hanley and
    McNeil's. DeLong's supposes nothing of the scores, and seldom holds an area near 1 of a class
    with few instances: of nine it held 0.92 in 86 of 100 samples. Hanley and McNeil's, whose error
    follows from the area, holds it there, and too seldom where scores are a mixture. Both together
    are conservative where a class has some tens of instances at most.

    auc, influence : what `auc_influence` or `macro_auc` gave.
    labels : (instance,) the classes. Where every pair is ordered alike the variance is 0, and the
        open end is that of a rate's interval for as many trials as the rarest class has instances.
    resampling : what the rows are of; influences are added up within entities (Obuchowski), and
        Hanley and McNeil's error is that of as many rows as tell as much.

    Reference: Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747, as in Newcombe 2006,
    method 5, doi:10.1002/sim.2324; Obuchowski 1997, doi:10.2307/2533958.

    >>> truths = np.array([True] * 3 + [False] * 3)
    >>> area = delong(*auc_influence(truths, np.array([5.0, 4, 2, 3, 1, 0])), truths)
    >>> round(area.value, 2), round(area.low, 2), round(area.high, 2)
    (0.89, 0.01, 1.0)
    """
    from scipy.special import stdtrit

    n, drawn = len(influence), resampling or Resampling(len(influence))
    if math.isnan(auc):
        return Estimate(auc, None, None, n, "")
    fewest = drawn.smallest_class(labels)
    if auc in (0.0, 1.0):
        ends = [float(end) for end in blaker(auc * fewest, fewest)]
        method = drawn.describe(message("interval_methods.blaker_smaller_class"))
        return Estimate(auc, ends[0], ends[1], n, method)
    each = drawn.influences(influence)
    critical = float(stdtrit(max(fewest - 1, 1), 0.975))
    half = critical * math.sqrt(float(each @ each)) / (auc * (1 - auc))
    middle = math.log(auc / (1 - auc))
    low, high = ((1 + math.tanh(end / 2)) / 2 for end in (middle - half, middle + half))
    counts = _effective_counts(labels, drawn.design_effect(influence))
    if len(counts) > 2:
        return Estimate(
            auc, low, high, n, drawn.describe(message("interval_methods.delong_student"))
        )
    lowest, highest = _hanley_mcneil(auc, (counts[0], counts[1]))
    method = drawn.describe(message("interval_methods.delong_and_hanley_mcneil"))
    return Estimate(auc, min(low, lowest), max(high, highest), n, method)


def _effective_counts(labels: Ints | Bools, design_effect: float) -> list[float]:
    """Of each class that occurs how many independent rows would tell as much, at least one."""
    counts = np.unique(labels, return_counts=True)[1]
    return [float(max(count / design_effect, 1.0)) for count in counts]


def _hanley_mcneil(auc: float, counts: tuple[float, float]) -> tuple[float, float]:
    """The areas from which this one lies 1.96 of their own standard errors away."""

    def is_within(area: float) -> bool:
        return (auc - area) ** 2 <= Z95**2 * _variance_of(area, counts)

    def end(outside: float) -> float:
        inside = auc
        for _ in range(40):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if is_within(middle) else (inside, middle)
        return outside

    return end(0.0), end(1.0)


def auc_estimate(truths: Bools, scores: Floats, resampling: Resampling | None = None) -> Estimate:
    """ROC AUC of one ordering with its interval, see `delong`."""
    return delong(*auc_influence(truths, scores), truths, resampling)


def _variance_of(area: float, counts: tuple[float, float]) -> float:
    """Hanley and McNeil's variance of an area, the same for both orders of the classes."""
    rest, more = 1 - area, sum(counts) / 2 - 1
    terms = 1 + more * rest / (2 - area) + more * area / (1 + area)
    return area * rest * terms / math.prod(counts)


def macro_auc_estimate(
    labels: Ints, probabilities: Floats, explained: int, resampling: Resampling | None = None
) -> Estimate:
    """The AUC of `macro_auc` with its interval."""
    return delong(*macro_auc(labels, probabilities, explained), labels, resampling)


def paired_difference(
    first: tuple[float, Floats],
    other: tuple[float, Floats],
    labels: Ints,
    resampling: Resampling | None = None,
) -> tuple[Estimate, float]:
    """Difference of two AUCs (first − other) on the same instances, and its two-sided p-value.

    By Student's distribution, as of few instances of a class the error is known roughly. Of areas
    near 1 it is then mostly too small: with nine of a class the interval held a difference in 92 of
    100 samples. So DeLong's variance is averaged with that of Hanley and McNeil's errors and the
    correlation seen, where this is larger; with some hundred instances of a class it counts little.

    first, other : what `auc_influence` or `macro_auc` gave for the same instances in one order.
    labels : (instance,) their classes. resampling : see `delong`.

    Reference: DeLong et al. 1988, doi:10.2307/2531595; Hanley & McNeil 1983,
    doi:10.1148/radiology.148.3.6878708.
    """
    drawn = resampling or Resampling(len(labels))
    fewest, spread = drawn.smallest_class(labels), first[1] - other[1]
    each = drawn.influences(spread)
    variance = float(each @ each)
    counts = _effective_counts(labels, drawn.design_effect(spread))
    if len(counts) == 2:
        by_areas = _paired_variance(first, other, (counts[0], counts[1]))
        borrowed = _BORROWED / (_BORROWED + fewest)
        variance += borrowed * max(by_areas - variance, 0.0)
    method = drawn.describe(message("interval_methods.delong_paired_student"))
    error = math.sqrt(variance)
    return judged(first[0] - other[0], error, len(spread), method, max(fewest - 1, 1))


def _paired_variance(
    first: tuple[float, Floats], other: tuple[float, Floats], counts: tuple[float, float]
) -> float:
    """Variance of a difference of areas that are no surer than Hanley and McNeil's errors say."""
    own, others = (
        max(float(influence @ influence), _variance_of(auc, counts))
        for auc, influence in (first, other)
    )
    scale = math.sqrt(float(first[1] @ first[1]) * float(other[1] @ other[1]))
    together = float(first[1] @ other[1]) / scale if scale else 0.0
    return max(own + others - 2 * together * math.sqrt(own * others), 0.0)


def average_precision_statistic(truths: Bools, scores: Floats) -> Statistic:
    """Average precision Σ (R_k − R_{k−1}) P_k as a function of the instances' weights.

    Instances of one score are ranked as one, as scikit-learn does. The scores are sorted once.
    """
    order = np.argsort(-scores, kind="stable")
    positive = truths[order].astype(np.float64)
    descending = -scores[order]
    ends = np.searchsorted(descending, descending, side="right") - 1
    tied = bool(np.any(ends != np.arange(len(ends))))

    def statistic(weights: Floats) -> Floats:
        drawn = weights[:, order]
        hits = drawn * positive
        precision = np.cumsum(hits, axis=1) / np.maximum(np.cumsum(drawn, axis=1), 1)
        if tied:
            precision = precision[:, ends]
        return np.asarray((hits * precision).sum(axis=1) / np.maximum(hits.sum(axis=1), 1))

    return statistic


def thin(n: int, most: int) -> Ints:
    """At most `most` positions of 0 … n − 1, evenly spread, with both ends.

    >>> thin(100, 3).tolist()
    [0, 50, 99]
    """
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def most_telling(columns: Floats, labels: Ints, most: int) -> Ints:
    """Positions of the columns whose class means differ most against their spread, ascending.

    The F statistic of a one-way analysis of variance; a missing value counts as the column's mean.

    columns : (instance, column). labels : (instance,) classes. most : how many columns.

    >>> noise_and_label = np.array([[3.0, 0.0], [1.0, 0.1], [2.0, 0.9], [2.0, 1.0]])
    >>> most_telling(noise_and_label, np.array([0, 0, 1, 1]), most=1).tolist()
    [1]
    """
    if columns.shape[1] <= most:
        return np.arange(columns.shape[1])
    known = ~np.isnan(columns)
    total = np.where(known, columns, 0.0).sum(axis=0)
    filled = np.where(known, columns, total / np.maximum(known.sum(axis=0), 1))
    member = (labels[:, None] == np.unique(labels)).astype(np.float64)
    sizes = member.sum(axis=0)
    means = (member.T @ filled) / sizes[:, None]
    between = sizes @ (means - filled.mean(axis=0)) ** 2
    within = ((filled - filled.mean(axis=0)) ** 2).sum(axis=0) - between
    telling = np.divide(between, within, out=np.zeros_like(between), where=within > 1e-12)
    return np.sort(np.argsort(-telling, kind="stable")[:most])


def most_correlated(columns: Floats, values: Floats, most: int) -> Ints:
    """Positions of the columns with the largest |correlation| with a number, ascending.

    A missing value counts as the column's mean.

    columns : (instance, column). values : (instance,) the number. most : how many columns.
    """
    if columns.shape[1] <= most:
        return np.arange(columns.shape[1])
    known = ~np.isnan(columns)
    means = np.where(known, columns, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, columns - means, 0.0)
    scale = np.maximum(np.linalg.norm(centred, axis=0), 1e-12)
    strength = np.abs((values - values.mean()) @ centred) / scale
    return np.sort(np.argsort(-strength, kind="stable")[:most])


def column_quantiles(values: Floats, shares: Floats) -> Floats:
    """(share, column) quantiles of what is known of each column, as `numpy.quantile` has them; of
    a column without any the quantiles of one 0.

    values : (row, column), at least one row; what is not finite is not known.
    shares : (share,) in [0, 1].

    >>> column_quantiles(np.array([[1.0, np.nan], [5.0, 2.0], [2.0, np.nan]]), np.array([0.25, 1]))
    array([[1.5, 2. ],
           [5. , 2. ]])
    """
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    ordered = np.sort(np.where(known, values, np.inf), axis=0)
    ordered[:, counts == 0] = 0.0
    at = shares[:, None] * (np.maximum(counts, 1) - 1)
    below = np.floor(at).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(counts, 1) - 1)
    low, high = (np.take_along_axis(ordered, rows, axis=0) for rows in (below, above))
    part, rise = at - below, high - low
    return np.asarray(np.where(part >= 0.5, high - rise * (1 - part), low + rise * part))


def systematic(scores: Floats, rounds: int, rows: int) -> Ints:
    """Interleaved systematic samples of rows ordered by score.

    scores : (row,).
    rounds, rows : how many samples, of how many rows each; the product is at most the number of
    scores.
    Returns (round, row) positions; all are different, and each round spans the range of scores.
    Every second stratum is dealt out backwards, so that no round gets the low end of all of them.
    """
    order = np.argsort(scores, kind="stable")
    middles = (np.arange(rounds * rows) + 0.5) * len(scores) / (rounds * rows)
    strata = order[middles.astype(np.int64)].reshape(rows, rounds)
    strata[1::2] = strata[1::2, ::-1]
    return np.asarray(strata.T)


def first_of_each(scores: Floats, groups: Ints, n: int) -> Bools:
    """(instance,) whether it has one of the n highest scores of its group; of equal ones the first.

    >>> first_of_each(np.array([0.2, 0.9, 0.5]), np.array([1, 1, 2]), 1).tolist()
    [False, True, True]
    """
    order = np.lexsort((-scores, groups))
    ordered = groups[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    ranks = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    first = np.zeros(len(order), dtype=bool)
    first[order] = ranks < n
    return first
