"""The curves of an additive model: what each value of a feature adds to the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Classifier, TellsShapes
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.data_kinds.base import typical_row
from deepseek_report.metrics.explanations.feature_effects import DENSITY, density, stacked
from deepseek_report.metrics.internals.tracing import contributions
from deepseek_report.metrics.plugin import ModelMetric

#: Values of each feature of a pair at which it is computed.
_GRID = 8


@dataclass(frozen=True)
class ShapePoint:
    """What a value of a feature adds to the output: a row of `shape_functions.curves`.

    rank : of the feature, from 1. value : NaN for a missing one. share : of the training rows; of
    a category.
    """

    feature: str
    label: str
    kind: str
    rank: int
    unit: str
    value: float
    display: str
    contribution: float
    share: float


@dataclass(frozen=True)
class PairPoint:
    """What a pair of values of two features adds: a row of `shape_functions.pairs`.

    rank : of the pair, from 1. at_a, at_b : the place of each value on the grid.
    """

    label_a: str
    label_b: str
    rank: int
    at_a: int
    at_b: int
    display_a: str
    display_b: str
    contribution: float


@dataclass(frozen=True)
class ShapeFunctions(ModelMetric):
    """The function of each of the most important features, and where the training part lies.

    most : features, those whose contributions vary most over the test part; points : values of a
    number at which its curve is computed, quantiles of the training part; bins : of the density.
    Contributions are read from the model and are relative to their mean over the training part.
    A model that adds up pairs of features too has them in the table `pairs`, on a grid of values.
    """

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "curves": TableType(
            (
                *columns_of(
                    "feature label kind rank:count spread:number unit value:number display"
                ),
                *columns_of("contribution:number share:share"),
            ),
            release=TableRelease(values=("value",)),
            row=ShapePoint,
        ),
        "density": DENSITY,
        "pairs": TableType(
            (
                *columns_of("feature_a feature_b label_a label_b rank:count spread:number"),
                *columns_of("at_a:count at_b:count display_a display_b contribution:number"),
            ),
            row=PairPoint,
        ),
    }
    bounds = {}
    category = "explanation"
    reads = frozenset({"classifier", "dataset"})
    requires = frozenset({"shape_functions"})

    most: Annotated[int, Field(ge=1, le=40)] = 12
    points: Annotated[int, Field(ge=5, le=400)] = 60
    bins: Annotated[int, Field(ge=4, le=100)] = 20

    def measure(self, context: MeasureContext) -> Measurement:
        schema, train = context.dataset.schema, context.dataset.train.inputs
        target = schema.target.explained
        spread = _curves(context.classifier, context.dataset.test.inputs, target).std(axis=0)
        shown = np.argsort(-spread, kind="stable")[: self.most]
        typical = typical_row(train, schema)
        curves, densities = [], []
        marks = [self._values(schema.features[column], train[:, column]) for column in shown]
        rows = [_moved(typical, column, at) for column, at in zip(shown, marks, strict=True)]
        all_added = _curves(context.classifier, np.concatenate(rows), target)
        ends = np.cumsum([len(mark) for mark in marks])[:-1]
        for place, (column, values, part) in enumerate(
            zip(shown, marks, np.split(all_added, ends), strict=True)
        ):
            feature, known, added = schema.features[column], train[:, column], part[:, column]
            about = {"feature": feature.name, "label": feature.label, "kind": feature.kind}
            about |= {"rank": place + 1, "spread": spread[column]}
            curves.append(_curve(about, feature, values, added, known))
            densities.append(density(feature, known, values, self.bins))
        pairs = self._pairs(context, typical)
        return Measurement(
            scores=(),
            tables={
                "curves": pd.concat(curves, ignore_index=True),
                "density": stacked(densities),
                **({"pairs": self.tables["pairs"].frame(pairs)} if pairs else {}),
            },
            notes=(message("notes.shape_functions.the_model"),),
        )

    def _pairs(self, context: MeasureContext, typical: Floats) -> list[dict[str, object]]:
        """What each pair of features adds on a grid of their values, the strongest pair first."""
        if not isinstance(context.classifier, TellsShapes):
            return []
        schema, test = context.dataset.schema, context.dataset.test.inputs
        surfaces = context.classifier.surfaces(schema.target.explained)
        spreads = {pair: float(surface(test).std()) for pair, surface in surfaces.items()}
        table = []
        ranked = sorted(spreads, key=lambda pair: -spreads[pair])[: self.most]
        for rank, pair in enumerate(ranked, start=1):
            features = [schema.features[column] for column in pair]
            marks = [_grid(context.dataset.train.inputs[:, column]) for column in pair]
            rows = np.repeat(typical[None], len(marks[0]) * len(marks[1]), axis=0)
            first, second = np.meshgrid(*(np.arange(len(mark)) for mark in marks), indexing="ij")
            places = np.stack([first.ravel(), second.ravel()], axis=1)
            for axis, column in enumerate(pair):
                rows[:, column] = marks[axis][places[:, axis]]
            about: dict[str, object] = {"rank": rank, "spread": spreads[pair]}
            for side, feature in zip("ab", features, strict=True):
                about |= {f"feature_{side}": feature.name, f"label_{side}": feature.label}
            table += [
                {
                    **about,
                    "at_a": int(a),
                    "at_b": int(b),
                    "display_a": features[0].display(float(marks[0][a])),
                    "display_b": features[1].display(float(marks[1][b])),
                    "contribution": float(added),
                }
                for (a, b), added in zip(places, surfaces[pair](rows), strict=True)
            ]
        return table

    def _values(self, feature: Feature, train: Floats) -> Floats:
        """Where the curve is computed; NaN last, if the training part has gaps."""
        known = train[~np.isnan(train)]
        gap = [np.nan] if len(known) < len(train) else []
        if not feature.is_numeric:
            return np.array([*range(len(feature.categories)), *gap])
        if not len(known):
            return np.array([np.nan])
        marks = np.quantile(known, np.linspace(0.01, 0.99, self.points))
        return np.array([*np.unique(marks), *gap])


def _curves(classifier: Classifier, rows: Floats, target: int) -> Floats:
    """(row, feature) what the curve of each feature adds, without the pairs that it is in."""
    if isinstance(classifier, TellsShapes):
        return classifier.curves(rows, target)
    return contributions(classifier, rows, target)


def _grid(train: Floats) -> Floats:
    """The values of one feature at which a pair is computed: a few, as they occur."""
    known = np.unique(train[~np.isnan(train)])
    if len(known) <= _GRID:
        return known
    steps = np.linspace(0.02, 0.98, _GRID)
    return np.unique(np.quantile(train[~np.isnan(train)], steps, method="nearest"))


def _moved(typical: Floats, column: int, values: Floats) -> Floats:
    """(value, feature) the typical row with each of the values in one column."""
    rows = np.repeat(typical[None], len(values), axis=0)
    rows[:, column] = values
    return rows


def _curve(
    about: dict[str, object], feature: Feature, values: Floats, added: Floats, train: Floats
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            **about,
            "unit": feature.unit or "",
            "value": values,
            "display": [feature.display(value) for value in values],
            "contribution": added,
            "share": [
                np.isnan(train).mean() if np.isnan(value) else (train == value).mean()
                for value in values
            ],
        }
    )
