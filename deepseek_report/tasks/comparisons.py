"""By what groups and other parts of the data are set against one another."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.score import Direction
from deepseek_report.statistics.gaps import Gap, RateTable, largest_gap, largest_mean_gap
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.paired import influence_difference, share_difference
from deepseek_report.statistics.ranking import macro_auc, paired_difference
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks.loss import Limits

#: Cases in a cell, and events if all rates were equal, below which a level is not judged.
Floor = tuple[int, int]


class GapStatistic(ABC):
    """The largest difference of one statistic between two levels of an attribute.

    name : of the score. bounds : its least and greatest possible value. in_unit : whether it has
    the unit of what is predicted. is_share : whether it is read as a percentage.
    corrected : whether the score's p-value is corrected (Holm) for all gaps of its table.
    events : what must be expected `min_events` times, or nothing.
    explained : how a reader takes the number, in sentences.
    """

    name: ClassVar[str]
    bounds: ClassVar[Limits]
    in_unit: ClassVar[bool]
    is_share: ClassVar[bool] = False
    corrected: ClassVar[bool]
    events: ClassVar[Text] = ""
    explained: ClassVar[Text] = ""

    @abstractmethod
    def values(self, predictions: Predictions) -> Array:
        """(instance,) what the mean is taken of in each level."""

    @abstractmethod
    def judged(self, values: Array, codes: Ints, n_levels: int, floor: Floor) -> Bools:
        """(level,) whether it holds enough to be judged; `codes` of −1 are in no level."""

    @abstractmethod
    def gap(
        self, values: Array, codes: Ints, n_resamples: int, seed: int, resampling: Resampling
    ) -> Gap:
        """The largest gap between the levels 0, 1, … of `codes`, at least two of them."""


class AccuracyGap(GapStatistic):
    """Greatest difference between two levels in the share that is decided correctly."""

    name = "accuracy_gap"
    bounds = SHARE
    in_unit = False
    corrected = True
    events = message("task_words.gaps.right_decisions")

    def values(self, predictions: Predictions) -> Bools:
        return predictions.correct

    def judged(self, values: Array, codes: Ints, n_levels: int, floor: Floor) -> Bools:
        return _counts(values, codes, n_levels).enough(*floor)

    def gap(
        self, values: Array, codes: Ints, n_resamples: int, seed: int, resampling: Resampling
    ) -> Gap:
        everyone = np.ones(len(codes), bool)
        table = RateTable.of(values, everyone, codes, int(codes.max()) + 1, resampling)
        return largest_gap([table], n_resamples, seed)


class MeanErrorGap(GapStatistic):
    """Greatest difference between two levels in the mean error: who is predicted too high."""

    name = "mean_error_gap"
    bounds = (0.0, None)
    in_unit = True
    corrected = False
    explained = message("notes.gaps.of_errors")

    def values(self, predictions: Predictions) -> Array:
        return predictions.errors

    def judged(self, values: Array, codes: Ints, n_levels: int, floor: Floor) -> Bools:
        return np.bincount(codes[codes >= 0], minlength=n_levels) >= floor[0]

    def gap(
        self, values: Array, codes: Ints, n_resamples: int, seed: int, resampling: Resampling
    ) -> Gap:
        rng = np.random.default_rng([seed, len(self.name)])
        gap = largest_mean_gap(*resampling.per_unit_and_level(values, codes), n_resamples, rng)
        method, n = resampling.describe(gap.estimate.method), int((codes >= 0).sum())
        estimate = replace(gap.estimate, n=n, method=method)
        return replace(gap, estimate=estimate)


class AbsoluteErrorGap(MeanErrorGap):
    """Greatest difference between two levels in the mean absolute error."""

    name = "mae_gap"

    def values(self, predictions: Predictions) -> Array:
        return np.abs(predictions.errors)


def _counts(values: Array, codes: Ints, n_levels: int) -> RateTable:
    inside = codes >= 0
    return RateTable(
        np.bincount(codes[inside & values], minlength=n_levels),
        np.bincount(codes[inside], minlength=n_levels),
    )


# Measures as a value and what each row adds to its error, so that runs can be paired by rows.


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
