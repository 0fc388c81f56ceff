"""Random errors in the inputs, as robustness makes them: noise, other categories, lost values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Schema

#: Which levels of the configuration a disturbance is made at.
Levels = Literal["noise", "swaps", "missing"]
#: (inputs (instance, column), training inputs (row, column), level, generator) -> inputs.
Disturb = Callable[[Floats, Floats, float, np.random.Generator], Floats]
#: Distance between the quartiles of a normal distribution with standard deviation 1.
_NORMAL_IQR = 1.3489795003921634


@dataclass(frozen=True)
class Disturbance:
    """One sort of random error that such data may have.

    name : key in tables. label : what a person calls it. levels : where its strengths come from.
    apply : makes it.
    """

    name: str
    label: str
    levels: Levels
    apply: Disturb


def robust_spread(values: Floats) -> float:
    """Distance between the quartiles over 1.349, the standard deviation where that is 0."""
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0
    low, high = np.quantile(known, [0.25, 0.75])
    return float((high - low) / _NORMAL_IQR or known.std())


def add_noise(
    schema: Schema, inputs: Floats, train: Floats, level: float, rng: np.random.Generator
) -> Floats:
    """Normal noise on every number, kept within the training range and whole where that is whole.

    level : standard deviation of the noise, in robust standard deviations of the feature.
    """
    noisy = inputs.copy()
    for j, feature in enumerate(schema.features):
        if feature.is_numeric and not np.all(np.isnan(train[:, j])):
            spread = robust_spread(train[:, j])
            moved = inputs[:, j] + level * spread * rng.standard_normal(len(inputs))
            noisy[:, j] = _possible(moved, inputs[:, j], train[:, j])
    return noisy


def _possible(moved: Floats, original: Floats, train: Floats) -> Floats:
    known = train[~np.isnan(train)]
    if np.all(known == np.round(known)):
        moved = np.round(moved)
    low = np.fmin(known.min(), original)
    return np.clip(moved, low, np.fmax(known.max(), original))


def swap_categories(
    schema: Schema, inputs: Floats, train: Floats, level: float, rng: np.random.Generator
) -> Floats:
    """Each category is, with this chance, replaced by one drawn from the training rows."""
    swapped = inputs.copy()
    for j, feature in enumerate(schema.features):
        if not feature.is_numeric:
            hit = rng.random(len(inputs)) < level
            swapped[hit, j] = rng.choice(train[:, j], size=int(hit.sum()))
    return swapped


def drop_values(inputs: Floats, level: float, rng: np.random.Generator) -> Floats:
    """Each value is, with this chance, made missing."""
    return np.where(rng.random(inputs.shape) < level, np.nan, inputs)
