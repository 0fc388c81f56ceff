"""From probabilities to decisions: the rule of `Predictions`, and what thresholds do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.predictions import Predictions


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


def tally(truths: NDArray[np.bool_], scores: Floats, thresholds: Floats) -> Tally:
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
