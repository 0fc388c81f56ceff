"""The loss of one instance, and the statistic by which parts of the data are compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.statistics.excess import Excess, larger_mean_p_value, larger_share_p_value
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.logistic import recalibrated
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks.decisions import calibration_subject

Limits = tuple[float | None, float | None]


class Loss(ABC):
    """How wrong one prediction is, and how the mean of it is estimated and compared.

    key : name of the mean in tables and scores. bounds : its least and greatest possible value.
    is_share : whether it is read as a percentage.
    least_part : instances that a part of the data needs unless the config says otherwise.
    interval : method of the mean's interval. in_unit : whether it has the target's unit.
    """

    key: ClassVar[str]
    bounds: ClassVar[Limits]
    is_share: ClassVar[bool]
    least_part: ClassVar[int]
    interval: ClassVar[Text]
    in_unit: ClassVar[bool]

    @abstractmethod
    def of(self, predictions: Predictions) -> Floats:
        """(instance,) loss of each prediction; 0 is perfect, larger is worse."""

    @abstractmethod
    def mean(
        self,
        losses: Floats,
        resampling: Resampling,
        inside: Bools | None = None,
        level: float = 0.95,
    ) -> Estimate:
        """The mean of (instance,) losses with its interval, which covers it so often.

        resampling : what the instances are of. inside : (instance,) those that are counted; all by
        default.
        """

    @abstractmethod
    def larger_p_value(self, losses: Floats, inside: Bools, resampling: Resampling) -> float:
        """One-sided test that the mean of the losses of a part is not larger than elsewhere."""

    @abstractmethod
    def expected(self, predictions: Predictions) -> Floats | None:
        """(instance,) the loss to be expected by what is stated of each case.

        None where nothing is stated of how far a prediction may be off.
        """

    @abstractmethod
    def excess(self, predictions: Predictions) -> Excess:
        """What each case loses beyond what was to be expected of it."""


class ErrorRate(Loss):
    """1 where the decision is wrong, 0 where it is right."""

    key = "error_rate"
    bounds = SHARE
    is_share = True
    least_part = 50
    interval = message("interval_methods.blaker")
    in_unit = False

    def of(self, predictions: Predictions) -> Floats:
        return (~predictions.correct).astype(np.float64)

    def mean(
        self,
        losses: Floats,
        resampling: Resampling,
        inside: Bools | None = None,
        level: float = 0.95,
    ) -> Estimate:
        return resampling.rate(losses > 0, inside, level)

    def larger_p_value(self, losses: Floats, inside: Bools, resampling: Resampling) -> float:
        """Fisher's: the chance of as many errors in a random part of the same size."""
        return larger_share_p_value(losses, inside, resampling)

    def expected(self, predictions: Predictions) -> Floats:
        """The chance of a wrong decision, by the probabilities calibrated on the whole."""
        p = predictions
        happened, stated = calibration_subject(p)
        chances = recalibrated(happened, stated)
        if p.probabilities.shape[1] != 2:
            return 1 - chances
        return np.where(p.decisions == p.explained, 1 - chances, chances)

    def excess(self, predictions: Predictions) -> Excess:
        """Squared error of the calibrated probability beyond the expected one, with two classes.

        It is (1 − 2p)(y − p), and grows where a rule is reversed whatever the threshold is. With
        more classes it is the chance that was given to the most probable one, less 1 where it is
        right.
        """
        happened, stated = calibration_subject(predictions)
        chances = recalibrated(happened, stated)
        two = predictions.probabilities.shape[1] == 2
        weights = 1 - 2 * chances if two else -np.ones(len(chances))
        return Excess.of_events(happened, chances, weights, Resampling.of(predictions))


class AbsoluteError(Loss):
    """Distance between the predicted and the true number, in its unit."""

    key = "mae"
    bounds = (0.0, None)
    is_share = False
    least_part = 30
    interval = message("interval_methods.students")
    in_unit = True

    def of(self, predictions: Predictions) -> Floats:
        return np.abs(predictions.errors)

    def mean(
        self,
        losses: Floats,
        resampling: Resampling,
        inside: Bools | None = None,
        level: float = 0.95,
    ) -> Estimate:
        own, among = (losses, None) if inside is None else (losses[inside], losses)
        drawn = resampling if inside is None else resampling.take(inside)
        mean = drawn.mean(own, self.interval, level, among)
        return replace(mean, low=max(mean.low or 0.0, 0.0))

    def larger_p_value(self, losses: Floats, inside: Bools, resampling: Resampling) -> float:
        return larger_mean_p_value(losses, inside, resampling=resampling)

    def expected(self, predictions: Predictions) -> None:
        return None

    def excess(self, predictions: Predictions) -> Excess:
        return Excess.over_mean(self.of(predictions), Resampling.of(predictions))
