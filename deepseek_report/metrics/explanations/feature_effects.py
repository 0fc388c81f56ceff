"""How the output changes along each of the strongest features, all others as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.artifacts.table_rows import From
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

#: Accumulated local effects, or partial dependence.
Method = Literal["ale", "pdp"]
#: The output of which rows of the sample, with a feature's number at which values.
Output = Callable[[Ints, int, Floats], Floats]


@dataclass(frozen=True)
class FeatureEffect:
    """A feature whose effect is measured: a row of `feature_effects.effects`.

    partner : the feature that it goes with, for which it has accumulated local effects; empty for
    one with partial dependence. correlation : with the feature that it goes with most.
    """

    feature: str
    label: str
    correlation: float
    partner: str = ""


@dataclass(frozen=True)
class EffectPoint:
    """The effect of one value of a feature: a row of `feature_effects.curves`.

    share : of the training rows; of a category. unit : empty where there is none.
    """

    feature: str
    kind: str
    unit: str
    value: float
    display: str
    effect: Estimate
    share: float


@dataclass(frozen=True)
class DensityBar:
    """The share of the training rows whose number is from `start` to `end`: a row of `density`."""

    feature: str
    start: Annotated[float, From("from")]
    end: Annotated[float, From("to")]
    share: float


@dataclass(frozen=True)
class CaseEffect:
    """A point of the curve of a single case: a row of `feature_effects.lines`."""

    feature: str
    line: int
    value: float
    effect: float


#: Where the values of numbers lie, see `density`.
DENSITY = TableType(
    columns_of("feature from:number to:number share:share"),
    release=TableRelease(values=("from", "to")),
    row=DensityBar,
)


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
        "effects": TableType(
            (
                Column("feature", shown=False),
                *columns_of("label partner correlation:number least_at"),
                estimate("least_points", "points", "least_points", optional=True),
                estimate("least", "number", "least", optional=True),
                Column("most_at"),
                estimate("most_points", "points", "most_points", optional=True),
                estimate("most", "number", "most", optional=True),
            ),
            section="explanations",
            folded=True,
            release=TableRelease(),
            row=FeatureEffect,
        ),
        "curves": TableType(
            (
                *columns_of("feature label kind unit method value:number display"),
                estimate("effect", "number"),
                *columns_of("share:share n:count"),
            ),
            release=TableRelease(counts=("n",), values=("value",)),
            row=EffectPoint,
        ),
        "density": DENSITY,
        "lines": TableType(
            columns_of("feature line:count value:number effect:number"), row=CaseEffect
        ),
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
        target = schema.target.explained
        sample = sampled(context.dataset.train, self.rows, context.seed)

        moved_rows = MovedRows(context.classifier, sample)

        def output(rows: Ints, column: int, values: Floats) -> Floats:
            columns = np.full((len(rows), 1), column)
            return np.asarray(moved_rows.probabilities(rows, columns, values[:, None])[:, target])

        strongest = _strongest(context)[: self.most].tolist()
        partners = Partners.of(schema, train, strongest)
        parts = []
        for column in strongest:
            feature, own = schema.features[column], train[:, column]
            moved = _Moved.of(feature, column, own, sample[:, column], self.bins)
            partner = partners.of_column(column, self.correlated)
            if len(moved.bins.edges) > 1:
                parts.append(
                    _FeatureEffect.of(moved, partner, output, self.resamples, context.seed)
                )
        if not parts:
            raise NotApplicableError(message("refusals.constant_features"))
        return Measurement(
            tables={
                "effects": pd.DataFrame(
                    [part.ends(is_number=not task_of(schema.target).decides) for part in parts]
                ),
                "curves": stacked([part.curve_table() for part in parts]),
                "density": stacked(
                    [
                        density(part.moved.feature, part.moved.train, part.curve.values, _BARS)
                        for part in parts
                    ]
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


@dataclass(frozen=True)
class Partners:
    """Which other feature each one goes with most: both have an order.

    labels : (feature,) what people call them.
    correlations : {feature: (feature,)} Spearman's ρ over the training part; 0 with itself and
        where one of the two has no order.
    """

    labels: Sequence[str]
    correlations: Mapping[int, Floats]

    @classmethod
    def of(cls, schema: Schema, rows: Floats, columns: Sequence[int]) -> Partners:
        ordered = np.array([feature.kind != "categorical" for feature in schema.features])
        rho = spearman(rows, columns) * np.outer(ordered[columns], ordered)
        rho[np.arange(len(columns)), columns] = 0.0
        return cls(schema.labels, dict(zip(columns, rho, strict=True)))

    def of_column(self, column: int, least: float) -> tuple[str, float] | None:
        """The strongest partner and ρ; None where none reaches `least` in size."""
        partner = int(np.abs(self.correlations[column]).argmax())
        rho = float(self.correlations[column][partner])
        return (self.labels[partner], rho) if abs(rho) >= least else None


@dataclass(frozen=True)
class _Moved:
    """One feature, and the sampled rows in which it is moved.

    train : (training row,) all its values. rows : (row,) positions in the sample of those with
    usual values. bins : of these.
    """

    feature: Feature
    column: int
    train: Floats
    rows: Ints
    bins: Bins

    @classmethod
    def of(cls, feature: Feature, column: int, train: Floats, sample: Floats, most: int) -> _Moved:
        """Sample : (row,) its values in the sample. most : bins."""
        rows = np.flatnonzero(_usual(feature, train, sample, most))
        return cls(feature, column, train, rows, Bins.of(sample[rows], most))

    def outputs(self, output: Output, rows: Ints, values: Floats) -> Floats:
        """(probe,) the output of these rows with these values of the feature."""
        return output(self.rows[rows], self.column, values)


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

    single : (row, edge) the curves of the rows themselves, each against its own mean; None for ALE.
    """

    moved: _Moved
    partner: tuple[str, float] | None
    curve: EffectCurve
    single: Floats | None

    @property
    def method(self) -> Method:
        return "ale" if self.single is None else "pdp"

    @classmethod
    def of(
        cls,
        moved: _Moved,
        partner: tuple[str, float] | None,
        output: Output,
        resamples: int,
        seed: int,
    ) -> _FeatureEffect:
        bins = moved.bins
        if partner is not None:
            low, high = (moved.outputs(output, bins.rows, ends) for ends in bins.ends)
            return cls(moved, partner, accumulated(bins, high - low, resamples, seed), None)
        shape = len(moved.rows), len(bins.edges)
        rows, edges = (places.ravel() for places in np.indices(shape))
        outputs = moved.outputs(output, rows, bins.edges[edges]).reshape(shape)
        usual = (outputs * bins.weights.mean(axis=0)).sum(axis=1, keepdims=True)
        return cls(moved, None, averaged(bins, outputs, resamples, seed), outputs - usual)

    def curve_table(self) -> pd.DataFrame:
        feature, curve, train = self.moved.feature, self.curve, self.moved.train
        return pd.DataFrame(
            {
                "feature": feature.name,
                "label": feature.label,
                "kind": feature.kind,
                "unit": feature.unit or "",
                "method": self.method,
                "value": curve.values,
                "display": [feature.display(value) for value in curve.values],
                "effect": curve.effect,
                "low": curve.low,
                "high": curve.high,
                "share": [(train == value).mean() for value in curve.values],
                "n": len(self.moved.rows),
            }
        )

    def ends(self, *, is_number: bool) -> dict[str, object]:
        """Where the effect is least and greatest, and what it is there."""
        feature, curve = self.moved.feature, self.curve
        partner, correlation = self.partner or ("", np.nan)
        row = {
            "feature": feature.name,
            "label": feature.label,
            "partner": partner,
            "correlation": correlation,
        }
        for name, place in (("least", curve.effect.argmin()), ("most", curve.effect.argmax())):
            key = name if is_number else f"{name}_points"
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
            return FeatureEffects.tables["lines"].frame([])
        steepness = self.single[:, -1] - self.single[:, 0]
        order = np.argsort(steepness, kind="stable")
        chosen = self.single[order[thin(len(order), most)]]
        line, place = (places.ravel() for places in np.indices(chosen.shape))
        return pd.DataFrame(
            {
                "feature": self.moved.feature.name,
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
