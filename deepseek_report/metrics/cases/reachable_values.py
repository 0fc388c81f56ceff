"""The values that a feature of one person could take: direction, step and range are obeyed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Feature

#: Quantiles of the training part toward which a numeric feature is moved; the ends are the range.
_LEVELS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
#: A category must occur this often in the training part to be proposed.
_LEAST_COUNT = 10
#: A step that nobody declares is about this share of the range.
_STEP_SHARE = 0.01


@dataclass(frozen=True)
class Reach:
    """Where one feature can go.

    levels : (value,) values of the training part, ascending: quantiles of a number, categories that
    are documented and occur often. step : the unit of change of a number, 0 for categories.
    """

    feature: Feature
    levels: Floats
    step: float

    def values(self, start: float) -> list[float]:
        """The values that the feature of one row can move to, ascending, without its own.

        A missing value can become any usual one where no direction is declared: from nowhere no
        direction leads.
        """
        if math.isnan(start):
            return self.levels.tolist() if self.feature.direction == "either" else []
        if self.step:
            return self._stepped(start, self.levels)
        return [value for value in self.levels.tolist() if self._ahead(start, value)]

    def between(self, start: float, end: float, most: int) -> list[float]:
        """At most so many values strictly between start and end, nearest to the start first."""
        if math.isnan(start) or self.feature.kind == "categorical":
            return []
        if not self.step:
            low, high = sorted((start, end))
            inside = [value for value in self.levels.tolist() if low < value < high]
            return inside if start < end else inside[::-1]
        steps = round(abs(end - start) / self.step)
        counts = np.unique(np.linspace(1, max(steps - 1, 1), most).round())
        toward = math.copysign(self.step, end - start)
        low, high = self.levels[0], self.levels[-1]
        values = [_clean(start + count * toward) for count in counts if count < steps]
        return [value for value in values if low <= value <= high]

    def _stepped(self, start: float, levels: Floats) -> list[float]:
        """Whole steps from the start to about each level, within the range of the levels."""
        low, high = levels[0], levels[-1]
        counts = {round((level - start) / self.step) for level in levels.tolist()}
        values = sorted({_clean(start + count * self.step) for count in counts if count})
        return [value for value in values if low <= value <= high and self._ahead(start, value)]

    def _ahead(self, start: float, value: float) -> bool:
        if self.feature.direction == "increase":
            return value > start
        if self.feature.direction == "decrease":
            return value < start
        return value != start


def reach_of(feature: Feature, column: Floats) -> Reach:
    """Where a feature can go, from its values (row,) in the training part."""
    known = column[~np.isnan(column)]
    if not len(known):
        return Reach(feature, np.zeros(0), 0.0)
    if feature.is_numeric:
        levels = np.unique(np.quantile(known, _LEVELS, method="nearest"))
        return Reach(feature, levels, feature.step or _usual_step(known, levels))
    counts = np.bincount(known.astype(np.int64), minlength=len(feature.categories))
    documented = np.array([category.documented for category in feature.categories])
    frequent = counts >= min(_LEAST_COUNT, int(counts.max()))
    return Reach(feature, np.flatnonzero(frequent & documented).astype(np.float64), 0.0)


def _usual_step(known: Floats, levels: Floats) -> float:
    """About a hundredth of the range as 1, 2 or 5 times a power of ten; whole where values are."""
    size = _STEP_SHARE * float(levels[-1] - levels[0])
    if not size:
        return 1.0
    power = 10.0 ** math.floor(math.log10(size))
    step = max(factor * power for factor in (1, 2, 5) if factor * power <= size * (1 + 1e-9))
    return max(step, 1.0) if (known == np.round(known)).all() else step


def _clean(value: float) -> float:
    """Without what only binary arithmetic adds: 0.30000000000000004 is 0.3."""
    return float(f"{value:.12g}")
