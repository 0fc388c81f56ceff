"""Original features as a plain numeric matrix, for reference predictors and distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.schema import Feature

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Encoder:
    """Numeric features standardised, ordinal and categorical ones one-hot, missing kept apart.

    Statistics come from the inputs that it was fitted on. A missing number becomes the median with
    a column of its own; a missing category is a row of zeros.

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
        owners = [j for j, feature in enumerate(features) for _ in range(_width(feature))]
        return cls(tuple(features), medians, means, spreads, np.array(owners, np.int64))

    def transform(self, inputs: Floats) -> Floats:
        """(instance, feature) original units -> (instance, column)."""
        return np.concatenate([self._columns(inputs[:, j], j) for j in range(inputs.shape[1])], 1)

    def _columns(self, values: Floats, j: int) -> Floats:
        feature, missing = self.features[j], np.isnan(values)
        if feature.is_numeric:
            filled = np.where(missing, self.medians[j], values)
            return np.stack([(filled - self.means[j]) / self.spreads[j], missing], axis=1)
        return np.asarray(values[:, None] == np.arange(_width(feature)), np.float64)


def _width(feature: Feature) -> int:
    return 2 if feature.is_numeric else max(len(feature.categories), 1)
