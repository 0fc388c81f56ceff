"""Original features as a plain numeric matrix, for reference predictors and distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.schema import Feature

#: Words that a text is described by, the most frequent ones.
MOST_WORDS = 2000
#: Up to so many features a missing number is kept apart in a column of its own.
_MOST_APART = 64


class Encoding(Protocol):
    """Something fitted on training inputs that makes a matrix of any inputs."""

    def transform(self, inputs: Floats) -> Any:
        """(instance, feature) -> (instance, column), an array or a sparse array."""


def encoding_of(features: Sequence[Feature], inputs: Floats) -> Encoding:
    """Of texts the weighted words, of everything else an `Encoder`, fitted on these inputs."""
    if features and all(feature.kind == "token" for feature in features):
        return Words.fit(inputs)
    return Encoder.fit(features, inputs)


@dataclass(frozen=True)
class Words:
    """Texts as weighted words: term frequency times inverse document frequency, of length 1.

    (1 + log count) · (log((1 + texts) / (1 + texts with the word)) + 1), as in scikit-learn's
    TfidfVectorizer with `sublinear_tf`. Only the `MOST_WORDS` tokens that stand in most training
    texts count, in whatever place they stand.

    tokens : (word,) position of each in the vocabulary, ascending. weights : (word,).
    """

    tokens: Ints
    weights: Floats

    @classmethod
    def fit(cls, inputs: Floats) -> Words:
        kinds, counts = np.unique(_pairs(inputs)[1], return_counts=True)
        chosen = np.sort(np.argsort(-counts, kind="stable")[:MOST_WORDS])
        weights = np.log((1 + len(inputs)) / (1 + counts[chosen])) + 1
        return cls(kinds[chosen], weights)

    def transform(self, inputs: Floats) -> Any:
        """(text, place) -> sparse (text, word); rows of length 1, or 0 where no word is known."""
        from scipy.sparse import csr_array

        rows, tokens, counts = _pairs(inputs)
        place = np.searchsorted(self.tokens, tokens)
        known = np.isin(tokens, self.tokens)
        rows, place = rows[known], place[known]
        values = (1 + np.log(counts[known])) * self.weights[place]
        length = np.sqrt(np.bincount(rows, values**2, minlength=len(inputs)))
        shape = (len(inputs), len(self.tokens))
        return csr_array((values / length[rows], (rows, place)), shape=shape)


def _pairs(inputs: Floats) -> tuple[Ints, Ints, Ints]:
    """Each text and token that stands in it, once, and how often it does: (pair,) each."""
    rows, columns = np.nonzero(~np.isnan(inputs))
    tokens = inputs[rows, columns].astype(np.int64)
    kinds = tokens.max(initial=0) + 1
    pairs, counts = np.unique(rows * kinds + tokens, return_counts=True)
    return pairs // kinds, pairs % kinds, counts


@dataclass(frozen=True)
class Encoder:
    """Numeric features standardised, ordinal and categorical ones one-hot, missing kept apart.

    Statistics come from the inputs that it was fitted on. A missing number becomes the median with
    a column of its own, in a wide table without one; a missing category is a row of zeros.

    Attributes
    ----------
    owners : (column,) position of the feature that each column was made from.
    """

    features: tuple[Feature, ...]
    medians: Floats
    means: Floats
    spreads: Floats
    owners: NDArray[np.int64]

    @classmethod
    def fit(cls, features: Sequence[Feature], inputs: Floats) -> Encoder:
        k = len(features)
        medians, means, spreads = np.zeros(k), np.zeros(k), np.ones(k)
        for j, feature in enumerate(features):
            known = inputs[~np.isnan(inputs[:, j]), j]
            if feature.is_numeric and len(known):
                medians[j], means[j] = np.median(known), known.mean()
                spreads[j] = known.std() or 1.0
        apart = k <= _MOST_APART
        widths = [_width(feature, apart) for feature in features]
        owners = np.repeat(np.arange(k), widths)
        return cls(tuple(features), medians, means, spreads, owners)

    def transform(self, inputs: Floats) -> Floats:
        """(instance, feature) original units -> (instance, column)."""
        if (
            all(feature.is_numeric for feature in self.features)
            and len(self.features) > _MOST_APART
        ):
            filled = np.where(np.isnan(inputs), self.medians, inputs)
            return np.asarray((filled - self.means) / self.spreads)
        return np.concatenate([self._columns(inputs[:, j], j) for j in range(inputs.shape[1])], 1)

    def _columns(self, values: Floats, j: int) -> Floats:
        feature, missing = self.features[j], np.isnan(values)
        if feature.is_numeric:
            filled = np.where(missing, self.medians[j], values)
            standard = (filled - self.means[j]) / self.spreads[j]
            apart = len(self.features) <= _MOST_APART
            return np.stack([standard, missing], axis=1) if apart else standard[:, None]
        width = _width(feature, apart=True)
        return np.asarray(values[:, None] == np.arange(width), np.float64)


def _width(feature: Feature, apart: bool) -> int:
    if feature.is_numeric:
        return 2 if apart else 1
    return max(len(feature.categories), 1)
