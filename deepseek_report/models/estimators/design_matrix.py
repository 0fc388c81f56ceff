"""From original features to the table that an estimator reads; statistics of the training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from deepseek_report.artifacts.array_types import Array, Floats
from deepseek_report.artifacts.codes import code_text, truth_of
from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.data_kinds.base import Encoder, Words
from deepseek_report.errors import ConfigError

#: one_hot: numbers standardised, categories one-hot, gaps filled and flagged. codes: one column a
#: feature. frame: a pandas table with the source's own names and codes, gaps left as they are.
#: words: how often each frequent word stands in a text, weighted by its rarity. given: the table
#: that a person gave in Python, see `given_columns`.
Encoding = Literal["one_hot", "codes", "frame", "words", "given"]


class Columns(Protocol):
    """Turns (instance, feature) into what the estimator was fitted on."""

    def transform(self, inputs: Floats) -> object: ...


def fit_columns(encoding: Encoding, schema: Schema, train: Floats) -> Columns:
    """The encoding with its statistics, which come from the training part alone."""
    if encoding == "one_hot":
        return Encoder.fit(schema.features, train)
    if encoding == "words":
        return Words.fit(train)
    if encoding == "codes":
        return Codes.fit(train)
    return Frame(schema.features)


def frame_for(schema: Schema, estimator: object) -> Frame:
    """The source's own names and codes, as far as a fitted estimator reads them, in its order.

    An estimator that was fitted without names gets all columns as plain numbers.
    """
    wanted = names_of(estimator, schema.names)
    if wanted is None:
        return Frame(schema.features, named=False)
    return Frame(schema.features, tuple(name for name in wanted if name in schema.names))


def names_of(estimator: object, present: Sequence[str]) -> list[str] | None:
    """The columns that an estimator was fitted on, in order; None where it was told no names.

    Of the columns that are there, one whose blanks lightgbm wrote as underscores has its own name
    again.
    """
    fitted_names = getattr(estimator, "feature_names_in_", None)
    if fitted_names is None:
        return None
    written = {name.replace(" ", "_"): name for name in present}
    written |= {name: name for name in present}
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

    def transform(self, inputs: Floats) -> object:
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


# Which class of the data each class of a model is that was fitted elsewhere.


def match_classes(
    model_classes: Sequence[object], target: Target, declared: Sequence[object] = ()
) -> list[int]:
    """For each class of the model its position in the target.

    Classes match by the values of the label column ("no", 0, True) or by the names that the report
    gives them; never by their order, which a model does not tell.

    model_classes : the model's own, as its library holds them.
    declared : the classes of the data in the model's order, where the config says it.
    Raises ConfigError : they cannot be told apart, or the model knows one that the data do not
    have.
    """
    named = list(declared) or list(model_classes)
    if len(named) != len(model_classes):
        raise ConfigError(
            f"model.classes names {len(named)} classes, and the model has {len(model_classes)}"
        )
    texts = [class_text(named_class) for named_class in named]
    codes, names = list(target.codes), list(target.classes)
    by_code, by_name = _positions(texts, codes), _positions(texts, names)
    if by_code and by_name and by_code != by_name:
        raise ConfigError(
            f"the classes {listed(texts)} of the model are values of the label column and names of "
            f"other classes at once ({listed(codes)} are called {listed(names)}); declare other "
            "labels of the target's categories"
        )
    positions = by_code or by_name or _by_truth(texts, codes or names)
    if not positions:
        raise ConfigError(_unmatched(texts, target, bool(declared)))
    return positions


def class_text(value: object) -> str:
    """A class as the data sets write its code, see `code_text`; bytes are taken for a text."""
    return code_text(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)


def _positions(texts: Sequence[str], known: Sequence[str]) -> list[int]:
    """The position of each text, or nothing where one is not known or comes twice."""
    if len(set(texts)) < len(texts) or not set(texts) <= set(known):
        return []
    return [known.index(text) for text in texts]


def _by_truth(texts: Sequence[str], known: Sequence[str]) -> list[int]:
    """Where both sides say yes and no, in whatever words, such as 0 in one and `no` in another."""
    ours, theirs = _truths(known), _truths(texts)
    return _positions(theirs, ours) if ours and theirs else []


def _truths(texts: Sequence[str]) -> list[str]:
    truths = [str(truth_of(text)) for text in texts]
    return truths if sorted(truths) == ["False", "True"] else []


def _unmatched(texts: Sequence[str], target: Target, declared: bool) -> str:
    ours = target.codes or target.classes
    who = "model.classes says" if declared else "the model knows"
    text = (
        f"{who} the classes {listed(texts)}, and the label column “{target.name}” holds "
        f"{listed(ours)}"
    )
    if declared or len(texts) != len(ours):
        return f"{text}; use the data that it was fitted on, or name the classes as they are there"
    reason = (
        "numbers do not say which class is which"
        if all(value.isdigit() for value in texts)
        else "nothing says which class is which"
    )
    return (
        f"{text}; {reason}. Declare it in the model's order: "
        f"model.classes=[{','.join(ours)}], if {texts[0]} is “{ours[0]}”, and so on"
    )


def listed(texts: Sequence[str], most: int | None = None) -> str:
    """The texts in quotes; of more than `most` the first ones, and how many there are."""
    shown = ", ".join(f"“{text}”" for text in texts[:most])
    return shown if most is None or len(texts) <= most else f"{shown}, … ({len(texts)} in all)"
