"""By what groups and other parts of the data are set against one another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools, Ints
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.statistics.gaps import Gap, RateTable, largest_gap, largest_mean_gap
from deepseek_report.statistics.intervals import SHARE
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
    def values(self, predictions: Predictions) -> NDArray[Any]:
        """(instance,) what the mean is taken of in each level."""

    @abstractmethod
    def judged(self, values: NDArray[Any], codes: Ints, n_levels: int, floor: Floor) -> Bools:
        """(level,) whether it holds enough to be judged; `codes` of −1 are in no level."""

    @abstractmethod
    def gap(
        self, values: NDArray[Any], codes: Ints, n_resamples: int, seed: int, resampling: Resampling
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

    def judged(self, values: NDArray[Any], codes: Ints, n_levels: int, floor: Floor) -> Bools:
        return _counts(values, codes, n_levels).enough(*floor)

    def gap(
        self, values: NDArray[Any], codes: Ints, n_resamples: int, seed: int, resampling: Resampling
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

    def values(self, predictions: Predictions) -> NDArray[Any]:
        return predictions.errors

    def judged(self, values: NDArray[Any], codes: Ints, n_levels: int, floor: Floor) -> Bools:
        return np.bincount(codes[codes >= 0], minlength=n_levels) >= floor[0]

    def gap(
        self, values: NDArray[Any], codes: Ints, n_resamples: int, seed: int, resampling: Resampling
    ) -> Gap:
        rng = np.random.default_rng([seed, len(self.name)])
        gap = largest_mean_gap(*resampling.per_unit_and_level(values, codes), n_resamples, rng)
        method, n = resampling.describe(gap.estimate.method), int((codes >= 0).sum())
        estimate = replace(gap.estimate, n=n, method=method)
        return replace(gap, estimate=estimate)


class AbsoluteErrorGap(MeanErrorGap):
    """Greatest difference between two levels in the mean absolute error."""

    name = "mae_gap"

    def values(self, predictions: Predictions) -> NDArray[Any]:
        return np.abs(predictions.errors)


def _counts(values: NDArray[Any], codes: Ints, n_levels: int) -> RateTable:
    inside = codes >= 0
    return RateTable(
        np.bincount(codes[inside & values], minlength=n_levels),
        np.bincount(codes[inside], minlength=n_levels),
    )
