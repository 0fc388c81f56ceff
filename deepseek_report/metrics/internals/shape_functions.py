"""The curves of an additive model: what each value of a feature adds to the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.data_kinds.reference import typical_row
from deepseek_report.metrics.explanations.feature_effects import DENSITY, density, stacked
from deepseek_report.metrics.internals.tracing import contributions
from deepseek_report.metrics.plugin import ModelMetric


@dataclass(frozen=True)
class ShapeFunctions(ModelMetric):
    """The function of each of the most important features, and where the training part lies.

    most : features, those whose contributions vary most over the test part; points : values of a
    number at which its curve is computed, quantiles of the training part; bins : of the density.
    Contributions are read from the model and are relative to their mean over the training part.
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
        ),
        "density": DENSITY,
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
        spread = contributions(context.classifier, context.dataset.test.inputs, target).std(axis=0)
        shown = np.argsort(-spread, kind="stable")[: self.most]
        typical = typical_row(train, schema)
        curves, densities = [], []
        marks = [self._values(schema.features[column], train[:, column]) for column in shown]
        rows = [_moved(typical, column, at) for column, at in zip(shown, marks, strict=True)]
        all_added = contributions(context.classifier, np.concatenate(rows), target)
        ends = np.cumsum([len(mark) for mark in marks])[:-1]
        for place, (column, values, part) in enumerate(
            zip(shown, marks, np.split(all_added, ends), strict=True)
        ):
            feature, known, added = schema.features[column], train[:, column], part[:, column]
            about = {"feature": feature.name, "label": feature.label, "kind": feature.kind}
            about |= {"rank": place + 1, "spread": spread[column]}
            curves.append(_curve(about, feature, values, added, known))
            densities.append(density(feature, known, values, self.bins))
        return Measurement(
            scores=(),
            tables={"curves": pd.concat(curves, ignore_index=True), "density": stacked(densities)},
            notes=(message("notes.shape_functions.the_model"),),
        )

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


def _moved(typical: Floats, column: int, values: Floats) -> Floats:
    """(value, feature) the typical row with each of the values in one column."""
    rows = np.repeat(typical[None], len(values), axis=0)
    rows[:, column] = values
    return rows


def _curve(
    about: dict[str, Any], feature: Feature, values: Floats, added: Floats, train: Floats
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
