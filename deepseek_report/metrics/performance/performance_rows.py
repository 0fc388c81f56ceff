"""Rows of the tables on how well a model does, as rules, sections and pictures read them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import OF_TARGET
from deepseek_report.artifacts.table_rows import BARE_ENDS, HIDDEN, Cell


class OfBin:
    """A row on the cases whose predictions lie between two values.

    predicted : the mean of their predictions.
    """

    start: float
    end: float
    n: int
    predicted: float


@dataclass(frozen=True)
class IntervalCoverage:
    """Intervals of one level: a row of `prediction_intervals.coverage`.

    level : share that they are made to hold. half_width : in the unit of the target.
    """

    level: Annotated[float, "declared_share"]
    half_width: Annotated[float, "half_width", Cell(unit=OF_TARGET)]
    coverage: Annotated[Estimate, "share", BARE_ENDS]
    n: int


@dataclass(frozen=True)
class GroupCoverage:
    """How often intervals hold in a group: a row of `prediction_intervals.by_group`."""

    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    level: str
    coverage: Annotated[Estimate, "share", BARE_ENDS, Cell(unless="too_few")]
    n: int
    too_few: Annotated[bool, HIDDEN]
    p_value: Annotated[float, "p_value", HIDDEN]
    p_adjusted: Annotated[float | None, "p_value", HIDDEN]

    @property
    def high(self) -> float:
        """Upper end of the interval of how often they hold; NaN without one."""
        return math.nan if self.coverage.high is None else self.coverage.high


@dataclass(frozen=True)
class CountedAlerts:
    """What a number of alerts holds: a row of `precision_at_capacity.capacities`."""

    alerts: Annotated[int, Cell(mark="declared")]
    n: int
    precision: Annotated[Estimate, "share"]
    recall: Annotated[Estimate, "share"]
    declared: Annotated[bool, HIDDEN]
    per: Annotated[str, HIDDEN]
    periods: Annotated[int, HIDDEN]


@dataclass(frozen=True)
class ComparedPredictor:
    """A score of the model or of a simple predictor: a row of `baselines.comparison`."""

    predictor: str
    metric: Annotated[str, "metric"]
    value: Annotated[Estimate, BARE_ENDS]
    n: int


@dataclass(frozen=True)
class SweptThreshold:
    """The rates at a threshold: a row of `threshold_sweep.sweep`."""

    threshold: Annotated[float, "declared", Cell(mark="in_use")]
    true_positive_rate: Annotated[float, "share"]
    false_positive_rate: Annotated[float, "share"]
    precision: Annotated[float, "share"]
    balanced_accuracy: Annotated[float, "share"]
    accuracy: Annotated[float, "share", HIDDEN]
    selection_rate: Annotated[float, "share"]


@dataclass(frozen=True)
class ThresholdStep:
    """The four counts at a threshold that a reader may step to: a row of `threshold_sweep.steps`.

    Rates are there at some of the steps.
    """

    threshold: Annotated[float, HIDDEN]
    in_use: Annotated[bool, HIDDEN]
    hits: Annotated[int, HIDDEN]
    false_alarms: Annotated[int, HIDDEN]
    missed: Annotated[int, HIDDEN]
    rejected: Annotated[int, HIDDEN]
    true_positive_rate: Annotated[Estimate | None, "share", HIDDEN] = None
    false_positive_rate: Annotated[Estimate | None, "share", HIDDEN] = None
    precision: Annotated[Estimate | None, "share", HIDDEN] = None
    accuracy: Annotated[Estimate | None, "share", HIDDEN] = None

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Right and wrong decisions for the explained class, then against it."""
        return self.hits, self.false_alarms, self.missed, self.rejected

    @property
    def rates(self) -> tuple[Estimate | None, ...]:
        """True and false positive rate, precision and accuracy."""
        return self.true_positive_rate, self.false_positive_rate, self.precision, self.accuracy


@dataclass(frozen=True)
class TrainTestGap:
    """A measure in the training and in the test part: a row of `train_and_test.measures`."""

    metric: Annotated[str, "metric"]
    train: Annotated[Estimate, Cell(n="n_train")]
    test: Estimate
    gap: Estimate
    constant: Annotated[float | None, "share", HIDDEN]
    n_train: int
    n: int


@dataclass(frozen=True)
class Confusion:
    """Cases with a label and a decision: a row of `confusion_matrix.matrix`."""

    actual: str
    decided: str
    n: int
    share: Annotated[float, "share"]


@dataclass(frozen=True)
class ClassRecall:
    """How many cases of a class are found: a row of `confusion_matrix.classes`."""

    level: Annotated[str, Cell(column="class")]
    n: int
    recall: Annotated[Estimate, "share"]
    decided: int
    precision: Annotated[Estimate, "share"]


@dataclass(frozen=True)
class FoldSpread:
    """A score over the folds: a row of `cross_validation.spread`."""

    metric: Annotated[str, "metric"]
    predictor: str
    attribute: str
    level: str
    slice: str
    folds: int
    mean: float
    least: float
    greatest: float
    deviation: float | None

    def is_of(self, score: Score) -> bool:
        """Whether it is about what a score is about."""
        own = (self.metric, self.predictor, self.attribute, self.level, self.slice)
        return own == (score.metric, score.predictor, score.attribute, score.level, score.slice)


@dataclass(frozen=True)
class MeasuredFolds:
    """In how many folds a metric was measured: a row of `cross_validation.measured`."""

    metric: Annotated[str, "code"]
    folds: int
