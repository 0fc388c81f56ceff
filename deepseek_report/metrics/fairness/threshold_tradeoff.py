"""What another threshold, or one threshold per group, would trade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import WHOLE, Reveals
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Bounds, Measurement
from deepseek_report.artifacts.table import Column, TableType, TableTypes
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.fairness.groups import Grouping, MinCell, groupings
from deepseek_report.metrics.shared.plugin import ClassMetric, PeopleMetric, require_two_classes
from deepseek_report.tasks.decisions import effective_threshold, tally, threshold_for_share

TODAY, ANOTHER, PER_GROUP = "today", "another", "per_group"


def selection_gap(selected: Bools, grouping: Grouping) -> tuple[float, float]:
    """Difference and ratio of the highest and the lowest rate of favourable decisions."""
    rates = grouping.count(selected) / grouping.sizes
    return float(np.ptp(rates)), float(rates.min() / rates.max()) if rates.max() else 1.0


def calmer_threshold(
    p: Predictions, grouping: Grouping, favourable: int, tolerance: float
) -> float:
    """The threshold with the smallest gap among those that cost little balanced accuracy.

    Parameters
    ----------
    tolerance : how much balanced accuracy may be lost against today's threshold.
    """
    today = effective_threshold(p)
    candidates = np.concatenate([[today], np.round(np.arange(2, 99) / 100, 2)])
    quality = tally(p.truths, p.scores, candidates).balanced_accuracy
    allowed = candidates[quality >= quality[0] - tolerance]
    gaps = [
        selection_gap((p.scores >= threshold) == (p.explained == favourable), grouping)[0]
        for threshold in allowed
    ]
    return float(allowed[int(np.argmin(np.round(gaps, 12)))])


def equal_rate_thresholds(p: Predictions, grouping: Grouping) -> Floats:
    """(level,) thresholds that decide for the same share of each level as today's does of all."""
    share = float(np.mean(p.scores >= effective_threshold(p)))
    return np.array(
        [
            threshold_for_share(p.scores[grouping.codes == k], share)
            for k in range(len(grouping.levels))
        ]
    )


@dataclass(frozen=True)
class ThresholdTradeoff(PeopleMetric, ClassMetric):
    """Gap between groups and accuracy under today's threshold, another one, and one per group."""

    reveals: ClassVar[Reveals] = "aggregate"
    tables: ClassVar[TableTypes] = {
        "policies": TableType(
            (
                Column("attribute", "attribute"),
                Column("attribute_label", shown=False),
                Column("policy", "policy"),
                Column("threshold_by_level"),
                Column("balanced_accuracy", "share"),
                Column("accuracy", "share"),
                Column("difference", "gap"),
                Column("ratio", "number"),
                Column("n_changed", "count"),
            ),
            release=WHOLE,
        )
    }
    bounds: ClassVar[Bounds] = {}
    needs_two_classes: ClassVar[bool] = True
    reads: ClassVar[frozenset[str]] = frozenset(
        {"predictions", "validation_predictions", "dataset"}
    )
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.01
    min_cell: MinCell = 30

    def measure(self, context: MeasureContext) -> Measurement:
        schema = context.dataset.schema
        require_two_classes(schema)
        test = self._groupings(context, context.predictions)
        favourable = schema.target.declared_favourable
        chosen = self._groupings(context, context.validation_predictions)
        shared = [name for name in test if name in chosen]
        pairs = [_large_enough(test[name], chosen[name], self.min_cell) for name in shared]
        tables = [
            self._policies(context, *pair, favourable) for pair in pairs if len(pair[0].levels) > 1
        ]
        if not tables:
            raise NotApplicableError(message("refusals.few_people", least=self.min_cell))
        return Measurement(
            tables={"policies": pd.concat(tables, ignore_index=True)},
            notes=(
                message("notes.threshold_tradeoff.parts"),
                message("notes.threshold_tradeoff.small_levels", n=self.min_cell),
                message("notes.threshold_tradeoff.tolerance", share=self.tolerance),
                message("notes.threshold_tradeoff.no_proposal"),
            ),
        )

    def _groupings(self, context: MeasureContext, p: Predictions) -> dict[str, Grouping]:
        compared = groupings(context.dataset.schema, p, crossings=False, min_cell=self.min_cell)
        return {grouping.name: grouping for grouping in compared}

    def _policies(
        self, context: MeasureContext, grouping: Grouping, chosen: Grouping, favourable: int
    ) -> pd.DataFrame:
        validation = context.validation_predictions
        today = effective_threshold(context.predictions)
        calmer = calmer_threshold(validation, chosen, favourable, self.tolerance)
        k = len(grouping.levels)
        policies: Mapping[str, Floats] = {
            TODAY: np.full(k, today),
            ANOTHER: np.full(k, calmer),
            PER_GROUP: equal_rate_thresholds(validation, chosen),
        }
        return pd.DataFrame(
            [
                _row(context.predictions, grouping, favourable, policy, thresholds)
                for policy, thresholds in policies.items()
            ]
        )


def _large_enough(test: Grouping, chosen: Grouping, min_cell: int) -> tuple[Grouping, Grouping]:
    """Both groupings with the levels that have enough people in both parts."""
    large = [
        {level for level, n in zip(part.levels, part.sizes, strict=True) if n >= min_cell}
        for part in (test, chosen)
    ]
    shared = tuple(level for level in test.levels if level in large[0] & large[1])
    return _restrict(test, shared), _restrict(chosen, shared)


def _restrict(grouping: Grouping, levels: tuple[str, ...]) -> Grouping:
    place = np.array([levels.index(level) if level in levels else -1 for level in grouping.levels])
    codes = np.where(grouping.codes < 0, -1, place[grouping.codes])
    return replace(grouping, levels=levels, codes=codes)


def _row(
    p: Predictions, grouping: Grouping, favourable: int, policy: str, thresholds: Floats
) -> dict[str, object]:
    own = np.where(grouping.codes < 0, effective_threshold(p), thresholds[grouping.codes])
    decided = p.scores >= own
    difference, ratio = selection_gap(decided == (p.explained == favourable), grouping)
    recalls = [np.mean(decided[p.truths]), np.mean(~decided[~p.truths])]
    return {
        "attribute": grouping.name,
        "attribute_label": grouping.label,
        "policy": policy,
        "threshold_by_level": _listed(grouping.levels, thresholds),
        "accuracy": float(np.mean(decided == p.truths)),
        "balanced_accuracy": float(np.mean(recalls)),
        "difference": difference,
        "ratio": ratio,
        "n_changed": int(np.sum(decided != (p.decisions == p.explained))),
    }


def _listed(levels: tuple[str, ...], thresholds: Floats) -> str:
    """The threshold of each level, or the one of all."""
    if len(set(thresholds.tolist())) == 1:
        return f"{thresholds[0]:.3g}"
    return "; ".join(
        f"{level}: {threshold:.3g}" for level, threshold in zip(levels, thresholds, strict=True)
    )
