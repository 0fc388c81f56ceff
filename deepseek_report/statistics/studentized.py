"""Intervals by the bootstrap of a number over its own standard error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats


@dataclass(frozen=True)
class Studentized:
    """A number with its standard error, on the sample and on its resamples.

    The distance from the sample's number, in standard errors of the resample, is nearly the same
    whatever the data, so that its quantiles give an interval that allows for skewness.

    value, error : of the sample. values, errors : (resample,).

    Reference: Hall 1988, doi:10.1214/aos/1176350933; Davison & Hinkley 1997, section 5.2.1.
    """

    value: float
    error: float
    values: Floats
    errors: Floats

    @property
    def is_defined(self) -> bool:
        """Whether the sample and every resample have a number that varies with the cases."""
        numbers = np.append(self.values, self.value)
        errors = np.append(self.errors, self.error)
        return bool(np.isfinite(numbers).all() and (errors > 1e-9 * abs(self.error)).all())

    def interval(self, level: float) -> tuple[float, float]:
        """The ends of an interval of a nominal level in (0, 1); the value lies within.

        >>> draws = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
        >>> Studentized(0.0, 0.5, draws, np.ones(5)).interval(0.5)
        (-0.5, 0.5)
        """
        distances = (self.values - self.value) / self.errors
        low, high = np.quantile(distances, [(1 - level) / 2, (1 + level) / 2])
        ends = self.value - max(high, 0.0) * self.error, self.value - min(low, 0.0) * self.error
        return float(ends[0]), float(ends[1])


def kurtosis(values: Floats) -> float:
    """Mean fourth power of the standardised values, 3 for normal ones; NaN where none vary.

    >>> round(kurtosis(np.array([-1.0, 1.0, -1.0, 1.0])), 2)
    1.0
    """
    centred = values - values.mean()
    variance = float(np.mean(centred**2))
    return float(np.mean(centred**4)) / variance**2 if variance > 0 else float("nan")
