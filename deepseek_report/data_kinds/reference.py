"""What is usual among training rows: the typical row, the spread, and distances between rows."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Feature, Schema


def typical_row(rows: Floats, schema: Schema) -> Floats:
    """The median of numeric features and the most frequent category of all others.

    rows : array
        (row, feature) in original units; missing values are left out.
    schema : Schema
        Says which features are numeric.

    Returns
    -------
    (feature,), NaN where a feature is missing everywhere. Of categories that are equally frequent
    the first is taken.
    """
    columns = zip(schema.features, rows.T, strict=True)
    return np.array([_typical(feature, column[~np.isnan(column)]) for feature, column in columns])


def _typical(feature: Feature, known: Floats) -> float:
    if not len(known):
        return float("nan")
    if feature.is_numeric:
        return float(np.median(known))
    return float(np.bincount(known.astype(np.int64)).argmax())


def spreads(rows: Floats, schema: Schema) -> Floats:
    """Interquartile range of numeric features, or their standard deviation where that is 0.

    (feature,); 0 for features that are not numeric.
    """
    columns = zip(schema.features, rows.T, strict=True)
    return np.array([_spread(feature, column[~np.isnan(column)]) for feature, column in columns])


def _spread(feature: Feature, known: Floats) -> float:
    if not feature.is_numeric or not len(known):
        return 0.0
    low, high = np.quantile(known, [0.25, 0.75])
    return float(high - low) or float(known.std())


def ranges(rows: Floats, schema: Schema) -> Floats:
    """What a difference is divided by in `gower_distances`.

    (feature,); for numeric features the range of the middle 98 %, for ordinal ones the number of
    steps, for categories 1.
    """
    columns = zip(schema.features, rows.T, strict=True)
    return np.array([_range(feature, column[~np.isnan(column)]) for feature, column in columns])


def _range(feature: Feature, known: Floats) -> float:
    if feature.kind == "categorical":
        return 1.0
    if feature.kind == "ordinal":
        return float(max(len(feature.categories) - 1, 1))
    if not len(known):
        return 1.0
    low, high = np.quantile(known, [0.01, 0.99])
    return float(high - low) or float(np.ptp(known)) or 1.0


def gower_distances(rows: Floats, row: Floats, scale: Floats, schema: Schema) -> Floats:
    """Gower's distance of rows to one row: the mean over features of differences in [0, 1].

    Numeric and ordinal: |a − b| / scale, at most 1; categorical: 0 if equal, else 1; missing in
    one of the two: 1, in both: 0.

    rows : array
        (row, feature).
    row : array
        (feature,).
    scale : array
        (feature,) from `ranges`.
    schema : Schema
        Says which features are categorical.

    Returns
    -------
    (row,) in [0, 1]; 0 means that the rows are equal.

    Reference: Gower 1971, doi:10.2307/2528823.
    """
    categorical = np.array([feature.kind == "categorical" for feature in schema.features])
    apart = np.abs(rows - row)
    parts = np.where(categorical, apart > 0, np.minimum(apart / scale, 1.0))
    missing = np.isnan(rows) | np.isnan(row)
    both = np.isnan(rows) & np.isnan(row)
    return np.asarray(np.where(missing, ~both, parts).mean(axis=1), dtype=np.float64)
