"""How well each part of the data is decided that is no group of people, such as a site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from deepseek_report.artifacts.disclosure import WHOLE, Releases, Reveals, TableRelease
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import PARTS, AttributeKind
from deepseek_report.artifacts.score import Bounds, Category, Measurement
from deepseek_report.metrics.gap_tables import Cell, gap_notes, gap_scores, gap_table, with_enough
from deepseek_report.metrics.gaps import Gap, largest_gap, rate_table
from deepseek_report.metrics.groups import Grouping, MinCell, MinEvents, groupings, ranking
from deepseek_report.metrics.performance import SHARE
from deepseek_report.metrics.plugin import ClassMetric, Resamples
from deepseek_report.statistics.intervals import rate

_GAP = "accuracy_gap"


@dataclass(frozen=True)
class PartPerformance(ClassMetric):
    """How well parts of the data are decided (a site, short texts), and the largest gap.

    `accuracy_gap` is the greatest difference between two parts in the share that is decided
    rightly: 0 means alike. Parts differ in how hard they are, so that a gap is no fault by itself.

    min_cell : a part with fewer test rows is not judged. min_events : nor is one where equal rates
    would give fewer right decisions. n_resamples : draws for interval and null.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    releases: ClassVar[Releases] = {
        "parts": TableRelease(counts=("n",), lines=(("attribute",),)),
        "tests": WHOLE,
    }
    category: ClassVar[Category] = "slices"
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset", "seed"})
    bounds: ClassVar[Bounds] = {"accuracy_gap": SHARE}
    needs_groups: ClassVar[frozenset[AttributeKind]] = PARTS
    min_cell: MinCell = 30
    min_events: MinEvents = 5
    n_resamples: Resamples = 2000

    def measure(self, context: MeasureContext) -> Measurement:
        p = context.predictions
        found = groupings(
            context.dataset.schema,
            dict(p.groups),
            crossings=False,
            min_cell=self.min_cell,
            kinds=self.needs_groups,
        )
        right: Cell = (p.correct, np.ones(len(p), bool))
        judged = [with_enough(one, [right], (self.min_cell, self.min_events)) for one in found]
        gaps = [self._gap(one, right, context.seed) for one in judged]
        tests = gap_table(_GAP, judged, gaps)
        rows = [
            _row(whole, k, p, too_few=level not in kept.levels)
            for whole, kept in zip(found, judged, strict=True)
            for k, level in enumerate(whole.levels)
        ]
        too_few = (
            f"with under {self.min_cell} cases, or where equal rates would give under "
            f"{self.min_events} right decisions,"
        )
        notes = gap_notes(found, judged, sum(gap is not None for gap in gaps), too_few)
        scores = gap_scores(_GAP, "slices", judged, gaps, tests)
        return Measurement(scores, {"parts": pd.DataFrame(rows), "tests": tests}, notes=notes)

    def _gap(self, grouping: Grouping, right: Cell, seed: int) -> Gap | None:
        if len(grouping.levels) < 2:
            return None
        return largest_gap([rate_table(grouping, *right)], self.n_resamples, seed)


def _row(grouping: Grouping, k: int, p: Predictions, *, too_few: bool) -> dict[str, object]:
    """One part: how often the explained class occurs and how well it is told."""
    inside = grouping.codes == k
    n = int(inside.sum())
    happened = rate(int(p.truths[inside].sum()), n)
    right = rate(int(p.correct[inside].sum()), n)
    return {
        "attribute": grouping.name,
        "attribute_label": grouping.label,
        "level": grouping.levels[k],
        "n": n,
        "base_rate": happened.value,
        "base_low": happened.low,
        "base_high": happened.high,
        "accuracy": right.value,
        "accuracy_low": right.low,
        "accuracy_high": right.high,
        **ranking(p, inside),
        "too_few": too_few,
    }
