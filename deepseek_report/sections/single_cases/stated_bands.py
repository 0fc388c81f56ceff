"""What happened to test cases that were stated about as likely as one case."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks.decisions import calibration_subject

#: Bands of about equal size, and the least number of test cases in one.
_BANDS, _LEAST = 10, 50
#: Widest band of probabilities that are about as likely.
_WIDEST = 0.25


@dataclass(frozen=True)
class StatedBand:
    """Test cases with a stated probability from `low` to `high`, and how often it happened."""

    low: float
    high: float
    happened: Estimate


class StatedBands:
    """The test part cut into bands of the stated probability.

    Of two classes the probability is that of the explained one, and it happened where the label is
    that class; of more it is that of the decision, and it happened where that is right.
    """

    def __init__(self, predictions: Predictions) -> None:
        happened, stated = calibration_subject(predictions)
        closed = np.flatnonzero(predictions.labels >= 0)
        order = closed[np.argsort(stated[closed], kind="stable")]
        self._happened: Bools = happened[order]
        self._drawn = Resampling.of(predictions).take(order)
        self._stated: Floats = stated[order]
        self._bands = max(min(_BANDS, len(order) // _LEAST), 0)

    def of(self, stated: float) -> StatedBand | None:
        """The band of such a case; None where too few are stated so, as in a small test part."""
        if not self._bands:
            return None
        n = len(self._stated)
        place = min(int(np.searchsorted(self._stated, stated)), n - 1)
        return self._all[place * self._bands // n]

    @cached_property
    def _all(self) -> list[StatedBand | None]:
        return [self._band(number) for number in range(self._bands)]

    def _band(self, number: int) -> StatedBand | None:
        n = len(self._stated)
        low, high = number * n // self._bands, (number + 1) * n // self._bands
        if self._stated[high - 1] - self._stated[low] > _WIDEST:
            return None
        inside = np.isin(np.arange(n), np.arange(low, high))
        return StatedBand(
            low=float(self._stated[low]),
            high=float(self._stated[high - 1]),
            happened=self._drawn.rate(self._happened, inside),
        )
