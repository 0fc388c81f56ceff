"""Rows of the tables on how well a model does, as rules, sections and pictures read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table_rows import Cells, From


@dataclass(frozen=True)
class OfBin:
    """A row on the cases whose predictions lie between two values.

    predicted : the mean of their predictions.
    """

    start: Annotated[float, From("from")]
    end: Annotated[float, From("to")]
    n: int
    predicted: float


@dataclass(frozen=True)
class IntervalCoverage:
    """Intervals of one level: a row of `prediction_intervals.coverage`.

    level : share that they are made to hold. half_width : in the unit of the target.
    """

    level: float
    half_width: float
    coverage: Estimate


@dataclass(frozen=True)
class GroupCoverage:
    """How often intervals hold in a group: a row of `prediction_intervals.by_group`."""

    attribute_label: str
    level: str
    coverage: Estimate
    high: float
    p_adjusted: float | None


@dataclass(frozen=True)
class CountedAlerts:
    """What a number of alerts holds: a row of `precision_at_capacity.capacities`."""

    alerts: int
    declared: bool
    per: str


@dataclass(frozen=True)
class ComparedPredictor:
    """A score of the model or of a simple predictor: a row of `baselines.comparison`."""

    predictor: str
    metric: str
    value: Estimate


@dataclass(frozen=True)
class SweptThreshold:
    """The rates at a threshold: a row of `threshold_sweep.sweep`."""

    threshold: float
    true_positive_rate: float
    false_positive_rate: float
    precision: float
    selection_rate: float
    balanced_accuracy: float
    cells: Cells


@dataclass(frozen=True)
class ThresholdStep:
    """The four counts at a threshold that a reader may step to: a row of `threshold_sweep.steps`.

    Rates are there at some of the steps.
    """

    threshold: float
    in_use: bool
    hits: int
    false_alarms: int
    missed: int
    rejected: int
    true_positive_rate: Annotated[Estimate | None, From(prefix="true_positive_rate")] = None
    false_positive_rate: Annotated[Estimate | None, From(prefix="false_positive_rate")] = None
    precision: Annotated[Estimate | None, From(prefix="precision")] = None
    accuracy: Annotated[Estimate | None, From(prefix="accuracy")] = None

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

    metric: str
    train: Annotated[Estimate, From(prefix="train", n="n_train")]
    test: Annotated[Estimate, From(prefix="test")]
    gap: Annotated[Estimate, From(prefix="gap")]
    constant: float | None
    n_train: int
    n: int
    cells: Cells


@dataclass(frozen=True)
class Confusion:
    """Cases with a label and a decision: a row of `confusion_matrix.matrix`."""

    actual: str
    decided: str
    n: int


@dataclass(frozen=True)
class ClassRecall:
    """How many cases of a class are found: a row of `confusion_matrix.classes`."""

    level: Annotated[str, From("class")]
    n: int
    recall: Annotated[Estimate, From(prefix="recall")]


@dataclass(frozen=True)
class FoldSpread:
    """A score over the folds: a row of `cross_validation.spread`."""

    metric: str
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

    metric: str
    folds: int
