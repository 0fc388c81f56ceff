"""How the output changes along each of the strongest features, all others as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.table_rows import BARE_ENDS, HIDDEN, OPTIONAL, Cell
from deepseek_report.data_kinds.coalitions import MovedRows
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.explanation_plugin import (
    ExplanationMetric,
    without_control,
)
from deepseek_report.metrics.plugin import ModelMetric, Resamples
from deepseek_report.statistics.accumulated_effects import Bins, EffectCurve, accumulated, averaged
from deepseek_report.statistics.ranking import spearman, thin
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: The effect of a number is computed between these quantiles of the training part.
_TAIL = 0.01
#: Categories without an order that are compared, the most frequent ones; rows that each value of a
#: feature with few values needs.
_CATEGORIES, _FEWEST = 8, 5
#: Bars of the density of a number.
_BARS = 20


@dataclass(frozen=True)
class FeatureEffect:
    """A feature whose effect is measured: a row of `feature_effects.effects`.

    partner : the feature that it goes with, for which it has accumulated local effects; empty for
    one with partial dependence. correlation : with the feature that it goes with most.
    """

    feature: Annotated[str, HIDDEN]
    label: str
    partner: str
    correlation: float
    least_at: str
    least_points: Annotated[Estimate | None, "points", OPTIONAL]
    least: Annotated[Estimate | None, OPTIONAL]
    most_at: str
    most_points: Annotated[Estimate | None, "points", OPTIONAL]
    most: Annotated[Estimate | None, OPTIONAL]


@dataclass(frozen=True)
class EffectPoint:
    """The effect of one value of a feature: a row of `feature_effects.curves`.

    share : of the training rows; of a category. unit : empty where there is none.
    """

    feature: str
    label: str
    kind: str
    unit: str
    method: str
    value: float
    display: str
    effect: Annotated[Estimate, BARE_ENDS]
    share: Annotated[float, "share"]
    n: int


@dataclass(frozen=True)
class DensityBar:
    """The share of the training rows whose number is from `start` to `end`: a row of `density`."""

    feature: str
    start: Annotated[float, Cell(column="from")]
    end: Annotated[float, Cell(column="to")]
    share: Annotated[float, "share"]


@dataclass(frozen=True)
class CaseEffect:
    """A point of the curve of a single case: a row of `feature_effects.lines`."""

    feature: str
    line: int
    value: float
    effect: float


#: Where the values of numbers lie, see `density`.
DENSITY = TableType.of(DensityBar, release=TableRelease(values=("from", "to")))
_LINES = TableType.of(CaseEffect)


@dataclass(frozen=True)
class FeatureEffects(ModelMetric):
    """The effect of each of the strongest features: partial dependence, or ALE where correlated.

    Partial dependence sets a feature to a value in every row and averages the output. Where the
    feature goes with another one that makes up combinations which do not occur, and accumulated
    local effects take its place: rows are moved over their own bin alone. Features without an order
    always have partial dependence. Effects are against their mean over the rows, in the probability
    of the explained class or in the unit of the number.

    most : features, those with the greatest share in the attributions of all explainers but the
    control. rows : of the training part, drawn at random. bins : of a number, of like size; a
    number with fewer values has these. correlated : Spearman's rank correlation with another
    feature from which on ALE is taken. lines : rows whose own curve is kept beside partial
    dependence (ICE).

    Reference: Friedman 2001, doi:10.1214/aos/1013203451; Apley & Zhu 2020,
    doi:10.1111/rssb.12377; Goldstein et al. 2015, doi:10.1080/10618600.2014.907095 (ICE).
    """

    reveals = "aggregate"
    scope = "explainers"
    modalities = frozenset({"table"})
    tables = {
        "effects": TableType.of(FeatureEffect, "explanations", folded=True, release=TableRelease()),
        "curves": TableType.of(EffectPoint, release=TableRelease(counts=("n",), values=("value",))),
        "density": DENSITY,
        "lines": _LINES,
    }
    bounds = {}
    category = "explanation"
    reads = frozenset({"classifier", "dataset", "explanations", "seed"})

    most: Annotated[int, Field(ge=1, le=12)] = 6
    rows: Annotated[int, Field(ge=50, le=100_000)] = 300
    bins: Annotated[int, Field(ge=3, le=50)] = 10
    correlated: Annotated[float, Field(gt=0, le=1)] = 0.5
    lines: Annotated[int, Field(ge=0, le=100)] = 15
    resamples: Resamples = 500

    def measure(self, context: MeasureContext) -> Measurement:
        schema, train = context.dataset.schema, context.dataset.train.inputs
        sample = sampled(context.dataset.train, self.rows, context.seed)
        moved = MovedRows(context.classifier, sample)
        strongest = _strongest(context)[: self.most].tolist()
        ordered = np.array([feature.kind != "categorical" for feature in schema.features])
        # How each goes with all others: 0 with itself, and where one of the two has no order.
        correlations = spearman(train, strongest) * np.outer(ordered[strongest], ordered)
        correlations[np.arange(len(strongest)), strongest] = 0.0
        every = zip(strongest, correlations, strict=True)
        effects = (self._effect(context, moved, column, rho) for column, rho in every)
        parts = [effect for effect in effects if effect is not None]
        if not parts:
            raise NotApplicableError(message("refusals.constant_features"))
        return Measurement(
            tables={
                "effects": pd.DataFrame(
                    [part.ends(in_points=task_of(schema.target).decides) for part in parts]
                ),
                "curves": stacked([part.curve_table() for part in parts]),
                "density": stacked(
                    [density(part.feature, part.train, part.curve.values, _BARS) for part in parts]
                ),
                "lines": stacked([part.lines(self.lines) for part in parts]),
            },
            notes=(
                message(
                    "notes.feature_effects.method",
                    rows=len(sample),
                    bins=self.bins,
                    correlated=self.correlated,
                    least=_TAIL,
                ),
            ),
        )

    def _effect(
        self, context: MeasureContext, moved: MovedRows, column: int, rho: Floats
    ) -> _FeatureEffect | None:
        """The effect of a feature, which goes with the others by ρ; None where it never varies."""
        schema, seed = context.dataset.schema, context.seed
        feature, train = schema.features[column], context.dataset.train.inputs[:, column]
        sample = moved.rows[:, column]
        rows = np.flatnonzero(_usual(feature, train, sample, self.bins))
        bins = Bins.of(sample[rows], self.bins)
        if len(bins.edges) < 2:
            return None

        def output(which: Ints, values: Floats) -> Floats:
            columns = np.full((len(which), 1), column)
            outputs = moved.probabilities(rows[which], columns, values[:, None])
            return np.asarray(outputs[:, schema.target.explained])

        partner = int(np.abs(rho).argmax())
        if abs(rho[partner]) >= self.correlated:
            low, high = (output(bins.rows, ends) for ends in bins.ends)
            curve = accumulated(bins, high - low, self.resamples, seed)
            goes_with = schema.labels[partner], float(rho[partner])
            return _FeatureEffect(feature, train, len(rows), *goes_with, curve, None)
        shape = len(rows), len(bins.edges)
        which, edges = (places.ravel() for places in np.indices(shape))
        outputs = output(which, bins.edges[edges]).reshape(shape)
        usual = (outputs * bins.weights.mean(axis=0)).sum(axis=1, keepdims=True)
        curve = averaged(bins, outputs, self.resamples, seed)
        return _FeatureEffect(feature, train, len(rows), "", math.nan, curve, outputs - usual)


def _usual(feature: Feature, train: Floats, own: Floats, most: int) -> Bools:
    """(row,) whether a value is told of: within the usual range of a number, or frequent enough."""
    known = ~np.isnan(own)
    if feature.is_numeric:
        low, high = np.nanquantile(train, (_TAIL, 1 - _TAIL))
        known &= (own >= low) & (own <= high)
    levels, counts = np.unique(own[known], return_counts=True)
    if feature.is_numeric and len(levels) > most + 1:
        return np.asarray(known)
    order = np.argsort(-counts, kind="stable")[
        : _CATEGORIES if feature.kind == "categorical" else None
    ]
    return np.asarray(known & np.isin(own, levels[order[counts[order] >= _FEWEST]]))


@dataclass(frozen=True)
class _FeatureEffect:
    """The effect of one feature.

    train : (training row,) all its values. n : sampled rows with usual values. partner, correlation
    : the feature that it goes with; empty and NaN for partial dependence. single : (row, edge) the
    curves of the rows themselves, each against its own mean; None for ALE.
    """

    feature: Feature
    train: Floats
    n: int
    partner: str
    correlation: float
    curve: EffectCurve
    single: Floats | None

    def curve_table(self) -> pd.DataFrame:
        feature, curve = self.feature, self.curve
        return pd.DataFrame(
            {
                "feature": feature.name,
                "label": feature.label,
                "kind": feature.kind,
                "unit": feature.unit or "",
                "method": "ale" if self.single is None else "pdp",
                "value": curve.values,
                "display": [feature.display(value) for value in curve.values],
                "effect": curve.effect,
                "low": curve.low,
                "high": curve.high,
                "share": [(self.train == value).mean() for value in curve.values],
                "n": self.n,
            }
        )

    def ends(self, *, in_points: bool) -> dict[str, object]:
        """Where the effect is least and greatest, and what it is there.

        in_points : of a probability, or in the unit of a number.
        """
        feature, curve = self.feature, self.curve
        row = {
            "feature": feature.name,
            "label": feature.label,
            "partner": self.partner,
            "correlation": self.correlation,
        }
        for name, place in (("least", curve.effect.argmin()), ("most", curve.effect.argmax())):
            key = f"{name}_points" if in_points else name
            row |= {
                f"{name}_at": feature.display(curve.values[place]),
                key: curve.effect[place],
                f"{key}_low": curve.low[place],
                f"{key}_high": curve.high[place],
            }
        return row

    def lines(self, most: int) -> pd.DataFrame:
        """The curves of some of the rows, evenly over their output; empty for ALE."""
        if self.single is None or not most:
            return _LINES.frame([])
        steepness = self.single[:, -1] - self.single[:, 0]
        order = np.argsort(steepness, kind="stable")
        chosen = self.single[order[thin(len(order), most)]]
        line, place = (places.ravel() for places in np.indices(chosen.shape))
        return pd.DataFrame(
            {
                "feature": self.feature.name,
                "line": line,
                "value": self.curve.values[place],
                "effect": chosen.ravel(),
            }
        )


def _strongest(context: MeasureContext) -> Ints:
    """Positions of the features, by their mean share in the attributions of all explainers."""
    judged = ExplanationMetric.compared(context)
    sizes = [
        np.abs(explanation.values).mean(axis=0)
        for explanation in (without_control(judged) or judged).values()
    ]
    shares = np.mean([size / max(float(size.sum()), 1e-300) for size in sizes], axis=0)
    return np.argsort(-shares, kind="stable")


def density(feature: Feature, train: Floats, values: Floats, bins: int) -> pd.DataFrame:
    """Share of the (row,) training values in equal steps of the range of (value,) ones.

    Empty where it is no number, or has no range.
    """
    ends = values[~np.isnan(values)]
    if not (feature.is_numeric and len(ends) and ends[-1] > ends[0]):
        return DENSITY.frame([])
    counts, edges = np.histogram(train[~np.isnan(train)], bins, (ends[0], ends[-1]))
    shares = counts / len(train)
    return pd.DataFrame(
        {"feature": feature.name, "from": edges[:-1], "to": edges[1:], "share": shares}
    )


def stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The frames below one another; those without rows give the columns alone."""
    return pd.concat([frame for frame in frames if len(frame)] or [frames[0]], ignore_index=True)


def sampled(part: Split, most: int, seed: int) -> Floats:
    """At most so many rows, drawn at random, in their order; one of an entity, so that what is
    measured of them is of independent rows.
    """
    rng, drawn = np.random.default_rng(seed), Resampling.of(part)
    rows = np.arange(len(part))
    if drawn.units is not None:
        rows = np.sort(drawn.one_each(rng.permutation(rows)))
    if len(rows) <= most:
        return part.inputs[rows]
    chosen = rng.choice(len(rows), most, replace=False)
    return part.inputs[rows[np.sort(chosen)]]
