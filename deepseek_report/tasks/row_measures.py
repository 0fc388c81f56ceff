"""Measures as a value and what each row adds to its error, so that runs can be paired by rows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.score import Direction
from deepseek_report.statistics.paired import influence_difference, share_difference
from deepseek_report.statistics.ranking import macro_auc, paired_difference
from deepseek_report.statistics.resampling import Resampling


@dataclass(frozen=True)
class RowMeasure(ABC):
    """A number that a model is judged by, of which two models can be compared on the same rows.

    key : name of the score. direction : which way is better. is_share : whether it is read as a
    percentage. in_unit : whether it has the target's unit.
    """

    key: str
    direction: Direction
    is_share: bool = False
    in_unit: bool = False

    @abstractmethod
    def of(self, predictions: Predictions) -> tuple[float, Floats]:
        """The value, and the (instance,) influences whose squares add up to its variance."""

    def by_observation(self, predictions: Predictions) -> tuple[float, Floats]:
        """The value, and the influences of entities where rows are of some, else of rows."""
        value, influence = self.of(predictions)
        return value, Resampling.of(predictions).influences(influence)

    def difference(self, first: Predictions, other: Predictions) -> tuple[Estimate, float]:
        """First − other on the same rows with its 95 % interval, and the two-sided p-value."""
        return influence_difference(self.of(first), self.of(other), Resampling.of(first))


@dataclass(frozen=True)
class RankingMeasure(RowMeasure):
    """ROC AUC; with many classes the mean of each against the rest. Compared by DeLong."""

    def of(self, predictions: Predictions) -> tuple[float, Floats]:
        return macro_auc(predictions.labels, predictions.probabilities, predictions.explained)

    def difference(self, first: Predictions, other: Predictions) -> tuple[Estimate, float]:
        drawn = Resampling.of(first)
        return paired_difference(self.of(first), self.of(other), first.labels, drawn)


@dataclass(frozen=True)
class RightDecisions(RowMeasure):
    """Share of right decisions. Compared by McNemar, and by Newcombe with exact ends."""

    def of(self, predictions: Predictions) -> tuple[float, Floats]:
        return _mean(predictions.correct.astype(np.float64))

    def difference(self, first: Predictions, other: Predictions) -> tuple[Estimate, float]:
        return share_difference(first.correct, other.correct, Resampling.of(first))


@dataclass(frozen=True)
class MeanLoss(RowMeasure):
    """Mean of a loss of each row. losses : gives the (instance,) losses of predictions."""

    losses: Callable[[Predictions], Floats] = field(kw_only=True)

    def of(self, predictions: Predictions) -> tuple[float, Floats]:
        return _mean(self.losses(predictions))


@dataclass(frozen=True)
class RootMeanSquare(RowMeasure):
    """Root of the mean squared error of predicted numbers, by the delta method."""

    def of(self, predictions: Predictions) -> tuple[float, Floats]:
        square, influence = _mean(predictions.errors**2)
        root = math.sqrt(square)
        return root, influence / (2 * root) if root > 0 else influence


def _mean(values: Floats) -> tuple[float, Floats]:
    n = len(values)
    mean = float(values.mean())
    return mean, (values - mean) / math.sqrt(n * max(n - 1, 1))
