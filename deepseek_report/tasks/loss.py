"""The loss of one instance, and the statistic by which parts of the data are compared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.statistics.excess import Excess, larger_mean_p_value, larger_share_p_value
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.logistic import recalibrated
from deepseek_report.statistics.resampling import Resampling

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
        self, losses: Floats, rows: Resampling, inside: Bools | None = None, level: float = 0.95
    ) -> Estimate:
        """The mean of (instance,) losses with its interval, which covers it so often.

        rows : what the instances are of. inside : (instance,) those that are counted; all by
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
        self, losses: Floats, rows: Resampling, inside: Bools | None = None, level: float = 0.95
    ) -> Estimate:
        return rows.rate(losses > 0, inside, level)

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
        self, losses: Floats, rows: Resampling, inside: Bools | None = None, level: float = 0.95
    ) -> Estimate:
        own, among = (losses, None) if inside is None else (losses[inside], losses)
        drawn = rows if inside is None else rows.take(inside)
        mean = drawn.mean(own, self.interval, level, among)
        return replace(mean, low=max(mean.low or 0.0, 0.0))

    def larger_p_value(self, losses: Floats, inside: Bools, resampling: Resampling) -> float:
        return larger_mean_p_value(losses, inside, resampling=resampling)

    def expected(self, predictions: Predictions) -> None:
        return None

    def excess(self, predictions: Predictions) -> Excess:
        return Excess.over_mean(self.of(predictions), Resampling.of(predictions))


# From probabilities to decisions: the rule of `Predictions`, and what thresholds do.


def decide(probabilities: Floats, threshold: float | None, explained: int) -> Ints:
    """(instance, class) -> (instance,) decided class, by the rule of `Predictions.decisions`."""
    if threshold is None or probabilities.shape[1] != 2:
        return np.asarray(probabilities.argmax(axis=1))
    return np.where(probabilities[:, explained] >= threshold, explained, 1 - explained)


def at_threshold(p: Predictions, threshold: float) -> Predictions:
    """The same probabilities, decided by another threshold."""
    decisions = decide(p.probabilities, threshold, p.explained)
    return replace(p, decisions=decisions, threshold=threshold)


def calibration_subject(predictions: Predictions) -> tuple[Bools, Floats]:
    """(instance,) what was stated to happen, and with which probability.

    Of two classes that it is the explained one, else that the most probable one is right.
    """
    p = predictions
    if p.probabilities.shape[1] == 2:
        return p.truths, p.scores
    return p.probabilities.argmax(axis=1) == p.labels, p.probabilities.max(axis=1)


def effective_threshold(predictions: Predictions) -> float:
    """Probability of the explained class from which it is decided, with two classes."""
    return 0.5 if predictions.threshold is None else predictions.threshold


def threshold_for_share(scores: Floats, share: float) -> float:
    """The threshold at which this share of the scores is at or above it, as nearly as can be.

    The threshold lies midway between two neighbouring scores, so that it splits other data alike.
    """
    ordered = np.sort(scores)[::-1]
    k = int(np.clip(round(share * len(ordered)), 0, len(ordered)))
    if k == 0:
        return float(np.nextafter(ordered[0], 2.0))
    if k == len(ordered):
        return float(ordered[-1])
    return float((ordered[k - 1] + ordered[k]) / 2)


#: Steps between the least and the greatest score, and at every which of them intervals are made.
_STEPS, _EVERY = 100, 7


@dataclass(frozen=True)
class ThresholdSteps:
    """Thresholds that a reader may step through, each of which decides a case otherwise.

    thresholds : (step,) ascending; about a hundredth of the cases lies between two of them, and the
    threshold in use is among them as it is. with_interval : (step,) whether intervals are made
    there: at the one in use, and at every seventh from there. in_use : position of that one.
    """

    thresholds: Floats
    with_interval: Bools
    in_use: int

    @classmethod
    def of(cls, predictions: Predictions) -> ThresholdSteps:
        """Of two classes, from the scores of these predictions."""
        scores, used = np.sort(predictions.scores), effective_threshold(predictions)
        shares = np.arange(1, _STEPS) / _STEPS
        tried = np.array([used, *(threshold_for_share(scores, share) for share in shares)])
        _, first = np.unique(np.searchsorted(scores, tried), return_index=True)
        thresholds = tried[first]
        in_use = int(np.flatnonzero(first == 0)[0])
        with_interval = (np.arange(len(thresholds)) - in_use) % _EVERY == 0
        return cls(thresholds, with_interval, in_use)


@dataclass(frozen=True)
class Tally:
    """Counts at several thresholds: those decided for, and the truly positive among them.

    decided, hits : (threshold,). positives, n : of all instances.
    """

    decided: Ints
    hits: Ints
    positives: int
    n: int

    @property
    def true_positive_rate(self) -> Floats:
        return _divide(self.hits, self.positives)

    @property
    def false_positive_rate(self) -> Floats:
        return _divide(self.decided - self.hits, self.n - self.positives)

    @property
    def precision(self) -> Floats:
        return _divide(self.hits, self.decided)

    @property
    def accuracy(self) -> Floats:
        right = self.hits + (self.n - self.positives) - (self.decided - self.hits)
        return _divide(right, self.n)

    @property
    def balanced_accuracy(self) -> Floats:
        return (self.true_positive_rate + 1 - self.false_positive_rate) / 2


def tally(truths: Bools, scores: Floats, thresholds: Floats) -> Tally:
    """Count at each threshold how many scores reach it, and how many of these are positive."""
    every, positive = np.sort(scores), np.sort(scores[truths])
    return Tally(
        decided=len(every) - np.searchsorted(every, thresholds, side="left"),
        hits=len(positive) - np.searchsorted(positive, thresholds, side="left"),
        positives=len(positive),
        n=len(every),
    )


def _divide(part: Ints, whole: Ints | int) -> Floats:
    total = np.asarray(whole, np.float64)
    return np.where(total > 0, np.asarray(part) / np.maximum(total, 1), np.nan)
