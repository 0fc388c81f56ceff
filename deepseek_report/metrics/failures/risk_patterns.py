"""Combinations of values behind the riskiest cases, searched and confirmed in two halves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table import TableType
from deepseek_report.metrics.failures.conditions import (
    Condition,
    Facts,
    HalfSearch,
    Halves,
    Part,
    all_conditions,
    frequent,
)
from deepseek_report.metrics.failures.failure_rows import RiskPattern
from deepseek_report.metrics.plugin import ClassMetric, EntityMetric
from deepseek_report.statistics.excess import larger_share_p_value, share_scores
from deepseek_report.statistics.intervals import wilson
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: Features of which patterns are made, those that tell most of the labels.
_MOST_COLUMNS = 64
#: Combinations of each size that are extended by one more condition.
_BEAM = 40
#: By how much each further condition must raise the lower end of the rate in the searched half.
_WORTH = 0.01
#: Standard errors by which each condition must raise the rate among cases that meet the others.
_LEAST_SCORE = 2.0


@dataclass(frozen=True)
class RiskPatterns(EntityMetric, ClassMetric):
    """Combinations of up to three feature values in which the explained class is most frequent.

    One half of the test part is searched for the combination whose rate has the highest lower end
    of its interval, then for the next among the cases that it leaves; a condition is joined only
    where it raises the rate clearly among the cases that meet the others. The other half gives the
    rate, its interval and a test against all other cases, corrected for the number of combinations
    tested; then the other way round. What is not confirmed is not listed. Protected attributes are
    left out.

    max_conditions : that are joined. min_size, min_share : least instances of a pattern, and its
    least share of the test part. alpha : level of the test. most : patterns that each half is
    searched for.
    """

    reveals = "aggregate"
    modalities = frozenset({"table"})
    tables = {
        "patterns": TableType.of(
            RiskPattern,
            "explanations",
            folded=True,
            release=TableRelease(counts=("n",), overlapping=True),
        )
    }
    bounds = {}
    category = "slices"
    reads = frozenset({"predictions", "dataset", "seed"})

    max_conditions: Literal[1, 2, 3] = 3
    min_size: Annotated[int, Field(ge=10)] = 50
    min_share: Annotated[float, Field(ge=0, lt=1)] = 0.01
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    most: Annotated[int, Field(ge=1, le=20)] = 5

    def measure(self, context: MeasureContext) -> Measurement:
        p, target = context.predictions, context.dataset.schema.target
        least = max(self.min_size, math.ceil(self.min_share * len(p)))
        conditions = self._conditions(context, least)
        order = task_of(target).order(p.labels, np.random.default_rng(context.seed))
        halves = Halves.of(order, least, Resampling.of(p))
        search = _PatternSearch(conditions, p.truths, halves.least, self.max_conditions)

        def find(searched: Ints) -> list[Part]:
            return search.riskiest(searched, self.most)

        def tell(inside: Bools, reported: Ints) -> Facts:
            return _told(p, inside, reported)

        tested = HalfSearch(conditions, halves, apart=False).parts(find, tell, 2 * self.most)
        listed = [part for part in tested if part.p_adjusted < self.alpha]
        table = self.frame("patterns", (part.row() for part in listed))
        return Measurement(
            tables={"patterns": table.sort_values("rate", ascending=False, kind="stable")},
            notes=(
                message(
                    "notes.risk_patterns.method",
                    explained=target.explained_class,
                    conditions=len(conditions),
                    joined=self.max_conditions,
                    least=least,
                    listed=len(listed),
                    tested=len(tested),
                ),
            ),
        )

    def _conditions(self, context: MeasureContext, least: int) -> list[Condition]:
        """Conditions on features that may be named as a reason, which enough instances meet."""
        data, target = context.dataset, context.dataset.schema.target
        columns = task_of(target).telling(data.train.inputs, data.train.labels, _MOST_COLUMNS)
        named = [k for k in columns.tolist() if not data.schema.features[k].sensitive]
        conditions = all_conditions(data.schema, data.test.inputs, data.train.inputs, {}, named)
        return frequent(conditions, data.schema, len(context.predictions), least)


def _told(p: Predictions, inside: Bools, reported: Ints) -> Facts:
    """Observed and stated rate of a pattern among the cases of the half that was not searched."""
    among, truths = inside[reported], p.truths[reported]
    drawn = Resampling.of(p).take(reported)
    observed = drawn.rate(truths, among)
    return larger_share_p_value(truths, among, drawn), {
        "share": float(inside.mean()),
        "n": observed.n,
        "rate": observed,
        "stated": float(p.scores[reported][among].mean()),
        "rest_rate": float(truths[~among].mean()) if (~among).any() else math.nan,
    }


@dataclass(frozen=True)
class _PatternSearch:
    """What is searched for patterns.

    truths : (instance,) whether of the class. least : cases that a pattern needs in each half.
    most_conditions : that are joined.
    """

    conditions: Sequence[Condition]
    truths: Bools
    least: int
    most_conditions: int

    def riskiest(self, searched: Ints, most: int) -> list[Part]:
        """Patterns by falling lower end of their rate, each among the cases that were left."""
        whole = _Cases(
            np.stack([condition.holds[searched] for condition in self.conditions]),
            self.truths[searched],
        )
        base, chosen, left = float(whole.truths.mean()), list[Part](), whole
        while len(chosen) < most and len(left.truths) >= self.least:
            lows = self._candidates(left)
            best = max(lows, key=lambda part: lows[part] - _WORTH * len(part), default=None)
            if best is None or lows[best] <= base:
                break
            chosen.append(best)
            left = left.without(best)
        return chosen

    def _candidates(self, cases: _Cases) -> dict[Part, float]:
        """{part: lower end of its rate} of the riskiest parts of which each condition counts.

        Parts of one condition more are made of the riskiest ones of each size.
        """
        lows, beam = dict[Part, float](), list[Part]([()])
        for _ in range(self.most_conditions):
            larger = self._extended(beam, cases)
            lows |= larger
            beam = list(larger)
            if not beam:
                break
        return lows

    def _extended(self, beam: Sequence[Part], cases: _Cases) -> dict[Part, float]:
        """The riskiest parts that have one condition more than those of the beam."""
        sizes, hits = cases.counts(beam)
        whole, of_class = cases.sizes(beam)
        raises = share_scores(hits, sizes, of_class - hits, whole - sizes) >= _LEAST_SCORE
        low = wilson(hits, np.maximum(sizes, 1))[0]
        low = np.where(raises & (sizes >= self.least), low, -1.0)
        best = dict[Part, float]()
        for place in np.argsort(-low, axis=None, kind="stable"):
            row, column = divmod(int(place), low.shape[1])
            if low[row, column] < 0 or len(best) == _BEAM:
                break
            part = self._joined(beam[row], column)
            if part and part not in best and cases.each_raises(part):
                best[part] = float(low[row, column])
        return best

    def _joined(self, part: Part, column: int) -> Part:
        """The part with one more condition; nothing where that is about a feature already in it."""
        about = {self.conditions[place].about for place in part}
        return () if self.conditions[column].about in about else tuple(sorted((*part, column)))


@dataclass(frozen=True)
class _Cases:
    """Some cases: the conditions that they meet (condition, case), and who is of the class."""

    holds: Bools
    truths: Bools

    def without(self, part: Part) -> _Cases:
        """The cases that do not meet all conditions of the part."""
        rest = ~self.meet(part)
        return _Cases(self.holds[:, rest], self.truths[rest])

    def meet(self, part: Part) -> Bools:
        """(case,) whether a case meets all conditions of a part; of none every case does."""
        return np.asarray(self.holds[list(part)].all(axis=0))

    def counts(self, parts: Sequence[Part]) -> tuple[Floats, Floats]:
        """(part, condition) cases of a part that meet a condition too, and those of the class."""
        inside, holds = self._inside(parts), self.holds.T.astype(np.float32)
        of_class = inside * self.truths
        return (inside @ holds).astype(np.float64), (of_class @ holds).astype(np.float64)

    def sizes(self, parts: Sequence[Part]) -> tuple[Floats, Floats]:
        """(part, 1) cases of each part, and those of the class."""
        inside = self._inside(parts)
        sizes = inside.sum(axis=1, keepdims=True), (inside * self.truths).sum(axis=1, keepdims=True)
        return sizes[0].astype(np.float64), sizes[1].astype(np.float64)

    def _inside(self, parts: Sequence[Part]) -> NDArray[np.float32]:
        return np.stack([self.meet(part) for part in parts]).astype(np.float32)

    def each_raises(self, part: Part) -> bool:
        """Whether each condition raises the rate clearly among the cases that meet the others."""
        inside = self.meet(part)
        size, hits = np.count_nonzero(inside), np.count_nonzero(inside & self.truths)
        for others in combinations(part, len(part) - 1):
            whole = self.meet(others)
            rest = np.count_nonzero(whole) - size
            rest_hits = np.count_nonzero(whole & self.truths) - hits
            if share_scores(hits, size, rest_hits, rest) < _LEAST_SCORE:
                return False
        return True
