"""The loss of one instance, and the statistic by which parts of the data are compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.statistics.excess import Moments, larger_mean_p_value, more_errors_p_value
from deepseek_report.statistics.intervals import (
    SHARE,
    mean_interval,
    newcombe,
    rate,
)

Limits = tuple[float | None, float | None]


class Loss(ABC):
    """How wrong one prediction is, and how the mean of it is estimated and compared.

    key : name of the mean in tables and scores. bounds : its least and greatest possible value.
    is_share : whether it is read as a percentage.
    least_part : instances that a part of the data needs unless the config says otherwise.
    prunes : whether a part of two conditions is left out where it is no worse than one of them
        alone, or where one of them stands in several listed parts already.
    interval : method of the mean's interval. in_unit : whether it has the target's unit.
    excess : what a part has that does worse than the rest. test : the test that says so.
    """

    key: ClassVar[str]
    bounds: ClassVar[Limits]
    is_share: ClassVar[bool]
    least_part: ClassVar[int]
    prunes: ClassVar[bool]
    interval: ClassVar[Text]
    in_unit: ClassVar[bool]
    excess: ClassVar[Text]
    test: ClassVar[Text]

    @abstractmethod
    def of(self, predictions: Predictions) -> Floats:
        """(instance,) loss of each prediction; 0 is perfect, larger is worse."""

    @abstractmethod
    def foreseen(self, predictions: Predictions) -> Floats:
        """(instance,) the loss that the model itself lets expect; NaN where it states none."""

    @abstractmethod
    def mean(self, losses: Floats) -> Estimate:
        """The mean of some (instance,) losses with its 95 % interval."""

    @abstractmethod
    def least_rest(self, least: int) -> int:
        """Instances that must lie outside of a part of at least `least` instances."""

    @abstractmethod
    def p_values(self, inside: Moments, outside: Moments) -> Floats:
        """(part,) one-sided test that the mean loss inside is not larger than outside.

        Inside and outside make up the same whole for all parts.
        """

    @abstractmethod
    def doubt(self, inside: Moments, outside: Moments) -> Floats:
        """(part,) how unsure it is that the part does worse; the lowest is listed first."""


class ErrorRate(Loss):
    """1 where the decision is wrong, 0 where it is right; parts are compared by counts."""

    key = "error_rate"
    bounds = SHARE
    is_share = True
    least_part = 50
    prunes = True
    interval = message("interval_methods.wilson")
    in_unit = False
    excess = message("excesses.more_errors")
    test = message("task_words.tests.fisher")

    def of(self, predictions: Predictions) -> Floats:
        return (~predictions.correct).astype(np.float64)

    def foreseen(self, predictions: Predictions) -> Floats:
        decided = predictions.decisions[:, None]
        stated = np.take_along_axis(predictions.probabilities, decided, axis=1)[:, 0]
        return np.asarray(1 - stated)

    def mean(self, losses: Floats) -> Estimate:
        return rate(round(float(losses.sum())), len(losses))

    def least_rest(self, least: int) -> int:
        return 1  # the test is exact, so that any rest will do

    def p_values(self, inside: Moments, outside: Moments) -> Floats:
        errors, sizes = (_counts(moments) for moments in (inside.sums, inside.sizes))
        total, n = errors + _counts(outside.sums), sizes + _counts(outside.sizes)
        return more_errors_p_value(errors, sizes, int(total[0]), int(n[0]))

    def doubt(self, inside: Moments, outside: Moments) -> Floats:
        low, _ = newcombe(inside.sums, inside.sizes, outside.sums, np.maximum(outside.sizes, 1))
        return -np.round(low, 12)


class AbsoluteError(Loss):
    """Distance between the predicted and the true number, in its unit."""

    key = "mae"
    bounds = (0.0, None)
    is_share = False
    least_part = 30
    prunes = False
    interval = message("interval_methods.normal")
    in_unit = True
    excess = message("excesses.larger_errors")
    test = message("task_words.tests.welch")

    def of(self, predictions: Predictions) -> Floats:
        return np.abs(predictions.errors)

    def foreseen(self, predictions: Predictions) -> Floats:
        return np.full(len(predictions), np.nan)

    def mean(self, losses: Floats) -> Estimate:
        mean, low, high = (float(end) for end in mean_interval(losses))
        return Estimate(mean, max(low, 0.0), high, len(losses), self.interval)

    def least_rest(self, least: int) -> int:
        return least  # Welch's test needs the spread on both sides

    def p_values(self, inside: Moments, outside: Moments) -> Floats:
        return larger_mean_p_value(inside, outside)

    def doubt(self, inside: Moments, outside: Moments) -> Floats:
        return self.p_values(inside, outside)


def _counts(sums: Floats) -> NDArray[np.int64]:
    return np.asarray(sums).round().astype(np.int64)
