"""How an output changes along one feature: partial dependence and accumulated local effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.statistics.resampling import Resampling, Statistic, bootstrap


@dataclass(frozen=True)
class EffectCurve:
    """The effect of one feature at some of its values, against its mean over the rows.

    values : (value,) ascending. effect : (value,) in the unit of the output; its mean over the rows
    is 0. low, high : (value,) ends of the 95 % BCa interval from a bootstrap of rows.
    """

    values: Floats
    effect: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(
        cls, values: Floats, statistic: Statistic, n_rows: int, resamples: int, seed: int
    ) -> EffectCurve:
        """From a statistic of the weights of so many rows."""
        replicates = bootstrap(statistic, Resampling(n_rows), resamples, seed)
        low, high = replicates.interval()
        return cls(values, replicates.value, low, high)


@dataclass(frozen=True)
class Bins:
    """The range of one feature in bins of like size, and which rows are moved over which bin.

    A row within a bin is moved from its lower to its upper end. Where the feature has few values
    these are the ends, and a row is moved from its own value to the next one on either side.

    edges : (edge,) ascending ends. rows, places : (probe,) the row, and the bin it is moved over.
    weights : (row, edge) how much of the row stands at each end; every row sums to 1.
    """

    edges: Floats
    rows: Ints
    places: Ints
    weights: Floats

    @classmethod
    def of(cls, values: Floats, most: int) -> Bins:
        """At most so many bins of the values (row,), none of which is missing.

        >>> Bins.of(np.array([0.0, 0.0, 1.0, 2.0]), most=5).edges
        array([0., 1., 2.])
        """
        levels, own = np.unique(values, return_inverse=True)
        if len(levels) <= most + 1:
            down, up = np.flatnonzero(own > 0), np.flatnonzero(own < len(levels) - 1)
            rows, places = np.concatenate([down, up]), np.concatenate([own[down] - 1, own[up]])
            return cls(levels, rows, places, np.eye(len(levels))[own])
        edges = np.unique(np.quantile(values, np.linspace(0, 1, most + 1)))
        places = np.clip(np.searchsorted(edges, values, side="left") - 1, 0, len(edges) - 2)
        rows = np.arange(len(values))
        weights = np.zeros((len(values), len(edges)))
        weights[rows, places] = weights[rows, places + 1] = 0.5
        return cls(edges, rows, places, weights)

    @property
    def ends(self) -> tuple[Floats, Floats]:
        """(probe,) the lower and the upper end that each row is moved between."""
        return self.edges[self.places], self.edges[self.places + 1]


def accumulated(bins: Bins, differences: Floats, resamples: int, seed: int) -> EffectCurve:
    """Accumulated local effects: the mean differences over the bins, added up.

    Rows are moved over their own bin alone, so that no combination of values is made up that does
    not occur, and what correlated features do is not counted as this one's.

    bins : of the feature; every bin must hold a row.
    differences : (probe,) output at the upper end of the bin less that at the lower one, all other
        values as they are in the row.
    resamples, seed : of the bootstrap of rows.

    Reference: Apley & Zhu 2020, doi:10.1111/rssb.12377.

    >>> bins = Bins.of(np.array([0.0, 1.0, 2.0]), most=5)
    >>> accumulated(bins, 3 * (bins.ends[1] - bins.ends[0]), resamples=100, seed=0).effect
    array([-3.,  0.,  3.])
    """
    inside = np.eye(len(bins.edges) - 1)[bins.places]
    over_all = (differences @ inside) / inside.sum(axis=0)

    def statistic(weights: Floats) -> Floats:
        drawn = weights[:, bins.rows]
        counts, sums = drawn @ inside, (drawn * differences) @ inside
        steps = np.where(counts > 0, sums / np.maximum(counts, 1e-300), over_all)
        curve = np.pad(np.cumsum(steps, axis=1), ((0, 0), (1, 0)))
        share = (weights @ bins.weights) / weights.sum(axis=1, keepdims=True)
        return np.asarray(curve - (share * curve).sum(axis=1, keepdims=True))

    return EffectCurve.of(bins.edges, statistic, len(bins.weights), resamples, seed)


def averaged(bins: Bins, outputs: Floats, resamples: int, seed: int) -> EffectCurve:
    """Partial dependence: the mean output with every row set to each end of a bin.

    bins : of the feature.
    outputs : (row, edge) with the feature set to the end, all other values as they are in the row.
    resamples, seed : of the bootstrap of rows.

    Reference: Friedman 2001, doi:10.1214/aos/1013203451.

    >>> bins = Bins.of(np.array([0.0, 1.0]), most=5)
    >>> averaged(bins, np.array([[1.0, 3.0], [5.0, 7.0]]), resamples=100, seed=0).effect
    array([-1.,  1.])
    """

    def statistic(weights: Floats) -> Floats:
        total = weights.sum(axis=1, keepdims=True)
        curve, share = (weights @ outputs) / total, (weights @ bins.weights) / total
        return np.asarray(curve - (share * curve).sum(axis=1, keepdims=True))

    return EffectCurve.of(bins.edges, statistic, len(outputs), resamples, seed)
