"""Are explanations as faithful for one group of people, or part of the data, as for another?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import Reveals, TableRelease
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext, Scope
from deepseek_report.artifacts.schema import PARTS, PEOPLE, Attribute, AttributeKind
from deepseek_report.artifacts.score import Bounds, Measurement, Score
from deepseek_report.artifacts.table import Column, TableType, TableTypes, estimate
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.explanation_plugin import (
    CONTROL,
    ExplanationMetric,
    compared,
    without_control,
)
from deepseek_report.metrics.explanations.faithfulness import Steps, areas_of, perturbation
from deepseek_report.metrics.explanations.instance_means import bootstrap_mean
from deepseek_report.metrics.shared.plugin import Resamples
from deepseek_report.statistics.resampling import bootstrap, bootstrap_method, permutation_p_value

_DAI = "Dai, Upadhyay, Aivodji, Bach & Lakkaraju 2022, arXiv:2205.07277"


@dataclass(frozen=True)
class ExplanationByGroup(ExplanationMetric):
    """Whether explanations are as faithful for every group of people and part of the data.

    Per explainer, attribute and level the mean deletion area (see `deletion`) and the mean gain
    over the random order. `deletion_gap_by_group` is the greatest minus the smallest mean over the
    levels of an attribute: of the gain where there is a random control, which takes the confidence
    of the prediction out of the comparison, else of the area. 0 means alike; noise can only raise
    it, so a permutation test says whether it is more than noise.

    Reference: Dai et al. 2022, arXiv:2205.07277.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    tables: ClassVar[TableTypes] = {
        "groups": TableType(
            (
                Column("explainer", "explainer"),
                Column("attribute", "attribute"),
                Column("attribute_label", shown=False),
                Column("level"),
                Column("n", "count"),
                estimate("deletion"),
                estimate("gain", prefix="gain"),
                Column("too_few", "yes_no", shown=False),
            ),
            release=TableRelease(counts=("n",), lines=(("explainer", "attribute"),)),
        )
    }

    steps: Steps = 10
    least: Annotated[int, Field(ge=2)] = 15
    resamples: Resamples = 2000

    bounds: ClassVar[Bounds] = {"deletion_gap_by_group": (0.0, None)}
    scope: ClassVar[Scope] = "explainers"
    needs_groups: ClassVar[frozenset[AttributeKind]] = PEOPLE | PARTS
    reads: ClassVar[frozenset[str]] = frozenset(
        {"dataset", "predictions", "classifier", "explanations", "seed"}
    )
    takes: ClassVar[frozenset[str]] = frozenset({"deletion"})

    def measure(self, context: MeasureContext) -> Measurement:
        explanations = compared(context)
        attributes = context.dataset.schema.attributes
        if not attributes:
            raise NotApplicableError(message("refusals.nothing_to_compare.either"))
        areas = self._areas(context, explanations)
        control = next((areas[n] for n, e in explanations.items() if e.method == CONTROL), None)
        rows, scores, notes = [], [], []
        for attribute in attributes:
            codes = _codes(context, explanations, attribute)
            kept = [c for c in range(len(attribute.levels)) if (codes == c).sum() >= self.least]
            notes += _too_few(attribute, codes, kept, self.least)
            for name in without_control(explanations):
                pair = (areas[name], None if control is None else control - areas[name])
                rows += self._rows((name, attribute), codes, pair, context.seed)
                if len(kept) > 1:
                    scores.append(self._gap((name, attribute), codes, kept, pair, context.seed))
        if len(scores) > 1:
            notes.append(message("notes.explanation_by_group.uncorrected", n=len(scores)))
        return Measurement(tuple(scores), {"groups": _table(rows)}, notes=tuple(notes))

    def _areas(
        self, context: MeasureContext, explanations: dict[str, Explanation]
    ) -> dict[str, Floats]:
        return {
            name: areas_of(
                context,
                name,
                explanation,
                perturbation(context, explanation, self.steps),
                "deletion",
            )
            for name, explanation in explanations.items()
        }

    def _rows(
        self,
        subject: tuple[str, Attribute],
        codes: Ints,
        pair: tuple[Floats, Floats | None],
        seed: int,
    ) -> list[tuple[object, ...]]:
        name, attribute = subject
        area, gain = pair
        rows: list[tuple[object, ...]] = []
        for code, level in enumerate(attribute.levels):
            chosen = codes == code
            if not chosen.any():
                continue
            estimates = [
                float(x) for x in bootstrap_mean(area[chosen], self.resamples, seed)
            ] + _estimates(None if gain is None else gain[chosen], self.resamples, seed)
            few = int(chosen.sum()) < self.least
            rows.append(
                (name, attribute.name, attribute.label, level, int(chosen.sum()), *estimates, few)
            )
        return rows

    def _gap(
        self,
        subject: tuple[str, Attribute],
        codes: Ints,
        kept: list[int],
        pair: tuple[Floats, Floats | None],
        seed: int,
    ) -> Score:
        name, attribute = subject
        area, gain = pair
        inside = np.isin(codes, kept)
        values, strata = (area if gain is None else gain)[inside], codes[inside]
        gap = gap_of_means(values, strata, self.resamples, seed)
        return Score(
            metric="deletion_gap_by_group",
            category="explanation",
            value=gap.value,
            low=gap.low,
            high=gap.high,
            n=int(inside.sum()),
            direction="lower",
            bounds=(0.0, None),
            explainer=name,
            attribute=attribute.name,
            p_value=gap.p_value,
            interval_method=gap.method,
            reference=_DAI,
            note=message(
                "notes.explanation_by_group.gap", of_gain=gain is not None, levels=len(kept)
            ),
        )


@dataclass(frozen=True)
class GapOfMeans:
    """A gap between groups, its 95 % interval, and whether chance explains it."""

    value: float
    low: float
    high: float
    p_value: float
    method: Text


def gap_of_means(values: Floats, strata: Ints, resamples: int, seed: int) -> GapOfMeans:
    """Greatest minus smallest mean over the strata, with its 95 % interval.

    Noise can only raise the gap, so the bootstrap seldom reaches 0; the interval begins there
    where the permutation test gives more than 0.05.

    Parameters
    ----------
    values : array
        (instance,).
    strata : array
        (instance,) group of each; instances are drawn within these.
    resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    GapOfMeans, not negative.
    """

    def statistic(weights: Floats) -> Floats:
        return np.asarray(np.ptp(_weighted_means(values, strata, weights), axis=1))

    replicates = bootstrap(statistic, strata, resamples, np.random.default_rng(seed))
    low, high = replicates.interval(least=0.0)
    p_value = gap_p_value(values, strata, resamples, seed)
    by_chance = p_value > 0.05
    method = bootstrap_method(replicates.method, resamples, seed, "within_groups")
    if by_chance:
        method = message("interval_methods.from_zero", method=method)
    method = message("interval_methods.p_value_by_permutation", method=method)
    return GapOfMeans(
        float(replicates.value), 0.0 if by_chance else float(low), float(high), p_value, method
    )


def _weighted_means(values: Floats, strata: Ints, weights: Floats) -> Floats:
    member = (strata[:, None] == np.unique(strata)).astype(np.float64)
    return np.asarray((weights @ (values[:, None] * member)) / np.maximum(weights @ member, 1e-300))


def gap_p_value(values: Floats, strata: Ints, permutations: int, seed: int) -> float:
    """How often a gap at least as great comes up when the groups are dealt out by chance.

    Parameters
    ----------
    values : array
        (instance,).
    strata : array
        (instance,) group of each.
    permutations, seed : int
        How many shuffles, and of what seed.

    Returns
    -------
    A p-value in (0, 1].
    """
    rng = np.random.default_rng([seed, 3])
    shuffled = rng.permuted(np.tile(values, (permutations, 1)), axis=1)
    member = (strata[:, None] == np.unique(strata)).astype(np.float64)
    share = member / member.sum(axis=0)
    return permutation_p_value(np.ptp(shuffled @ share, axis=1), float(np.ptp(values @ share)))


def _estimates(values: Floats | None, resamples: int, seed: int) -> list[float]:
    if values is None:
        return [float("nan")] * 3
    return [float(x) for x in bootstrap_mean(values, resamples, seed)]


def _codes(
    context: MeasureContext, explanations: dict[str, Explanation], attribute: Attribute
) -> Ints:
    positions = next(iter(explanations.values())).positions
    unknown = np.full(len(context.predictions), -1)
    return np.asarray(context.predictions.groups.get(attribute.name, unknown)[positions])


def _too_few(attribute: Attribute, codes: Ints, kept: list[int], least: int) -> list[Text]:
    small = [
        message("notes.level_and_size", level=level, n=int((codes == code).sum()))
        for code, level in enumerate(attribute.levels)
        if code not in kept
    ]
    if not small:
        return []
    return [
        message(
            "notes.explanation_by_group.too_few",
            attribute=attribute.label,
            levels=small,
            least=least,
        )
    ]


def _table(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    columns = ["explainer", "attribute", "attribute_label", "level", "n", "deletion", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "gain", "gain_low", "gain_high", "too_few"])
