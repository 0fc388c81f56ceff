"""From original features to the table that an estimator reads; statistics of the training part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from deepseek_report.artifacts.array_types import Array, Floats
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.data_kinds.base import Encoder, Words

#: one_hot: numbers standardised, categories one-hot, gaps filled and flagged. codes: one column a
#: feature. frame: a pandas table with the source's own names and codes, gaps left as they are.
#: words: how often each frequent word stands in a text, weighted by its rarity. given: the table
#: that a person gave in Python, see `given_columns`.
Encoding = Literal["one_hot", "codes", "frame", "words", "given"]


class Columns(Protocol):
    """Turns (instance, feature) into what the estimator was fitted on."""

    def transform(self, inputs: Floats) -> Any: ...


def fit_columns(encoding: Encoding, schema: Schema, train: Floats) -> Columns:
    """The encoding with its statistics, which come from the training part alone."""
    if encoding == "one_hot":
        return Encoder.fit(schema.features, train)
    if encoding == "words":
        return Words.fit(train)
    if encoding == "codes":
        return Codes.fit(train)
    return Frame(schema.features)


def frame_for(schema: Schema, estimator: Any) -> Frame:
    """The source's own names and codes, as far as a fitted estimator reads them, in its order.

    An estimator that was fitted without names gets all columns as plain numbers.
    """
    wanted = names_of(estimator, schema)
    if wanted is None:
        return Frame(schema.features, named=False)
    return Frame(schema.features, tuple(name for name in wanted if name in schema.names))


def names_of(estimator: Any, schema: Schema) -> list[str] | None:
    """The columns that an estimator was fitted on, in order; None where it was told no names.

    A column of the data whose blanks lightgbm wrote as underscores has its own name again.
    """
    fitted_names = getattr(estimator, "feature_names_in_", None)
    if fitted_names is None:
        return None
    written = {name.replace(" ", "_"): name for name in schema.names}
    written |= {name: name for name in schema.names}
    renamed = written if getattr(estimator, "library", "") == "lightgbm" else {}
    return [renamed.get(str(name), str(name)) for name in fitted_names]


@dataclass(frozen=True)
class Codes:
    """One column a feature, for trees: numbers as they are, categories as their positions.

    A missing value becomes a number below every value of the training part, by the width of its
    range, so that one split tells it apart. Values are rounded to single precision, as trees read
    them.
    """

    missing: Floats

    @classmethod
    def fit(cls, train: Floats) -> Codes:
        known = np.isfinite(train)
        low = np.min(train, axis=0, initial=np.inf, where=known)
        high = np.max(train, axis=0, initial=-np.inf, where=known)
        width = np.maximum(high - low, 1.0)
        return cls(np.where(known.any(axis=0), low - width, -1.0))

    def transform(self, inputs: Floats) -> Floats:
        """(instance, feature) -> (instance, feature), finite."""
        filled = np.where(np.isnan(inputs), self.missing, inputs)
        return filled.astype(np.float32).astype(np.float64)


@dataclass(frozen=True)
class Frame:
    """A pandas table with the names and the codes of the source, for a pipeline that encodes.

    chosen : the columns that are read, in this order; None for all. named : whether the table has
    names; without them it is an array of numbers.
    """

    features: tuple[Feature, ...]
    chosen: tuple[str, ...] | None = None
    named: bool = True

    def transform(self, inputs: Floats) -> Any:
        """(instance, feature) -> a data frame; codes that are all numbers are numbers."""
        import pandas as pd

        columns = {
            feature.name: values if feature.is_numeric else _source_codes(feature, values)
            for feature, values in zip(self.features, inputs.T, strict=True)
        }
        table = pd.DataFrame(columns)
        chosen = table if self.chosen is None else table[list(self.chosen)]
        return chosen if self.named else chosen.to_numpy(dtype=np.float64)


def has_numeric_codes(feature: Feature) -> bool:
    """Whether the source writes the values of a feature as numbers."""
    try:
        return feature.is_numeric or bool([float(category.code) for category in feature.categories])
    except ValueError:
        return False


def _source_codes(feature: Feature, positions: Floats) -> Array:
    codes = [category.code for category in feature.categories]
    missing = np.isnan(positions)
    chosen = np.where(missing, 0, positions).astype(np.int64)
    try:
        numbers = np.array([float(code) for code in codes])
    except ValueError:
        texts = np.array(codes, dtype=object)[chosen]
        texts[missing] = None
        return texts
    return np.where(missing, np.nan, numbers[chosen])
