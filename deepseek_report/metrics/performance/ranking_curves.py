"""What is found among the cases with the highest scores, and how many of them are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.metrics.plugin import ClassMetric, Resamples
from deepseek_report.statistics.classification_errors import require_both
from deepseek_report.statistics.resampling import Resampling, bootstrap

#: Shares of the cases that are looked at, those with the highest scores first.
_DEPTHS = np.array([1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100]) / 100


@dataclass(frozen=True)
class RankingCurves(ClassMetric):
    """Gain, lift and precision of the cases with the highest scores, with pointwise intervals.

    Gain is the share of all cases of the explained class among so many with the highest
    probability; lift is their share of that class over that of all cases, 1 by chance. Precision is
    that share where so much of the class is found. Cases of one score count as one group, of which
    a part is taken in proportion. Intervals are pointwise, from a bootstrap of instances.

    points : of precision, evenly over the share found. n_resamples : draws for bootstrap intervals.
    """

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "gain": TableType(
            (
                *columns_of("depth:declared_share n:count"),
                estimate("gain", "share", "gain"),
                estimate("lift", "number", "lift"),
            ),
            section="performance",
            folded=True,
            release=TableRelease(counts=("n",)),
        ),
        "precision_recall": TableType(
            (Column("recall", "share"), estimate("precision", "share", "precision")),
            release=TableRelease(coarse={"recall": "explained"}),
        ),
    }
    bounds = {}
    category = "performance"
    reads = frozenset({"predictions", "dataset", "seed"})

    points: Annotated[int, Field(ge=5, le=100)] = 40
    n_resamples: Resamples = 500

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        require_both(p.truths.astype(np.int64))
        ranking = Ranking.of(p.truths, p.scores)
        recalls = np.linspace(1 / self.points, 1, self.points)
        depths = len(_DEPTHS)

        def statistic(weights: Floats) -> Floats:
            hits, taken = ranking.totals(weights)
            gain = _along(taken, hits, _DEPTHS)
            needed = _first_reaching(hits, taken, recalls)
            base = ranking.base_rates(weights)
            precision = recalls * base / np.maximum(needed, 1e-300)
            return np.concatenate([gain, gain / _DEPTHS, precision], axis=1)

        replicates = bootstrap(statistic, Resampling.of(p), self.n_resamples, context.seed)
        low, high = replicates.interval(least=0.0)
        ends = np.stack([replicates.value, low, high])
        gain, lift, precision = np.split(ends, [depths, 2 * depths], axis=1)
        return Measurement(
            tables={
                "gain": pd.DataFrame(
                    {
                        "depth": _DEPTHS,
                        "n": np.round(_DEPTHS * len(p)).astype(np.int64),
                        **_named("gain", np.minimum(gain, 1.0)),
                        **_named("lift", lift),
                    }
                ),
                "precision_recall": pd.DataFrame(
                    {"recall": recalls, **_named("precision", np.minimum(precision, 1.0))}
                ),
            },
            notes=(
                message(
                    "notes.ranking_curves.about",
                    explained=context.dataset.schema.target.explained_class,
                ),
            ),
        )


@dataclass(frozen=True)
class Ranking:
    """Instances from the highest score to the lowest; those of one score are one group.

    order : (instance,) positions. positive : (instance,) whether of the class, in that order.
    ends : (group,) the place of the last instance of each group.
    """

    order: Ints
    positive: Floats
    ends: Ints

    @classmethod
    def of(cls, truths: Bools, scores: Floats) -> Ranking:
        order = np.argsort(-scores, kind="stable")
        last = np.append(np.diff(scores[order]) != 0, [True])
        return cls(order, truths[order].astype(np.float64), np.flatnonzero(last))

    def totals(self, weights: Floats) -> tuple[Floats, Floats]:
        """Shares of the class, and of all, up to each group, from 0 to 1: (resample, 1 + group)."""
        drawn = weights[:, self.order]
        return self._shares(drawn * self.positive), self._shares(drawn)

    def _shares(self, weights: Floats) -> Floats:
        sums = np.cumsum(weights, axis=1)[:, self.ends]
        shares = sums / np.maximum(sums[:, -1:], 1e-300)
        return np.pad(shares, ((0, 0), (1, 0)))

    def base_rates(self, weights: Floats) -> Floats:
        """(resample, 1) share of the class among all."""
        drawn = weights[:, self.order]
        return np.asarray((drawn @ self.positive / drawn.sum(axis=1))[:, None])


def _along(across: Floats, up: Floats, at: Floats) -> Floats:
    """(resample, place) how far up each curve is at these places across."""
    return np.stack([np.interp(at, x, y) for x, y in zip(across, up, strict=True)])


def _first_reaching(up: Floats, across: Floats, at: Floats) -> Floats:
    """(resample, place) how far across each rising curve first is so far up."""
    needed = np.empty((len(up), len(at)))
    for row, (heights, places) in enumerate(zip(up, across, strict=True)):
        after = np.clip(np.searchsorted(heights, at - 1e-12, side="left"), 1, len(heights) - 1)
        below, above = heights[after - 1], heights[after]
        part = (at - below) / np.maximum(above - below, 1e-300)
        needed[row] = places[after - 1] + np.clip(part, 0, 1) * (places[after] - places[after - 1])
    return needed


def _named(name: str, ends: Floats) -> dict[str, Floats]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
