"""Rows of the tables on where and why a model fails, as rules, sections and pictures read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.estimate import UNDEFINED, Estimate, finite
from deepseek_report.artifacts.table import Column
from deepseek_report.artifacts.table_rows import BARE_ENDS, HIDDEN, OPTIONAL, Cells
from deepseek_report.tasks import TASKS, of_some_task

#: What the tasks tell of a part of the data.
_OF_TASKS = of_some_task((task.part_table for task in TASKS.values()), unless="too_few")
#: What the tasks judge a disturbance by: what should hold, and what should not move.
_HELD = of_some_task([task.held.column()] for task in TASKS.values())
_MOVED = of_some_task([task.moved.column(task.moved.key)] for task in TASKS.values())


@dataclass(frozen=True)
class Slice:
    """A part of the data found by search: a row of `slices.slices`.

    features : names, joined by commas. kind : "unexpected", or "errors" that the stated
    probabilities expect. whole : whether it is all rows.
    cells : has the loss of the task, `rest_<loss>` elsewhere and `expected_<loss>`.
    """

    slice: str
    features: Annotated[str, HIDDEN]
    kind: Annotated[str, "slice_kind"]
    n: int
    share: Annotated[float, "share"]
    cells: Annotated[Cells, of_some_task(task.slice_table for task in TASKS.values())]
    whole: Annotated[bool, HIDDEN]
    surplus: Annotated[Estimate, HIDDEN]
    p_value: Annotated[float, "p_value", HIDDEN]
    p_adjusted: Annotated[float | None, "p_value"]

    def loss(self, key: str) -> Estimate:
        """The mean loss of this key in the slice."""
        return Estimate.of(self.cells[key], self.cells["low"], self.cells["high"], self.n)

    def rest(self, key: str) -> float:
        """The same in all other rows."""
        return float(self.cells[f"rest_{key}"])

    @property
    def missed_rate(self) -> float | None:
        """How often the explained class is missed; None of a number."""
        return finite(self.cells.get("missed_rate"))

    @property
    def rest_missed_rate(self) -> float | None:
        """The same in all other rows."""
        return finite(self.cells.get("rest_missed_rate"))

    @property
    def mean_error(self) -> float | None:
        """How much too high a number is predicted on average; None of classes."""
        return finite(self.cells.get("mean_error"))

    def expected(self, key: str) -> float | None:
        """What the stated probabilities let expect in the slice."""
        return finite(self.cells.get(f"expected_{key}"))


class OfLevel:
    """A row on the cases of one level of an attribute."""

    attribute: str
    level: str
    n: int


@dataclass(frozen=True)
class PartLevel(OfLevel):
    """A part of the data that is no group of people: a row of `part_performance.parts`.

    unforeseen : by how much more is decided wrongly than the probabilities let expect, and its
    p-value. cells : has the columns of the task.
    """

    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    level: str
    n: int
    cells: Annotated[Cells, _OF_TASKS]
    too_few: Annotated[bool, HIDDEN]
    missed_rate: Annotated[float | None, "share", HIDDEN]
    flagged_rate: Annotated[float | None, "share", HIDDEN]
    unforeseen: Annotated[float | None, HIDDEN]
    unforeseen_p: Annotated[float | None, "p_value", HIDDEN]


@dataclass(frozen=True)
class PeriodLevel(OfLevel):
    """What is stated of a period and what happened: a row of `period_drift.periods`."""

    attribute: Annotated[str, "attribute"]
    attribute_label: Annotated[str, HIDDEN]
    level: str
    n: int
    stated: Estimate
    happened: Estimate
    too_few: Annotated[bool, HIDDEN]


@dataclass(frozen=True)
class DriftTest:
    """The test of a drift of what is stated over periods: a row of `period_drift.tests`."""

    attribute: Annotated[str, "attribute"]
    p_value: Annotated[float | None, "p_value"]


@dataclass(frozen=True)
class Cohort:
    """A cohort beside all others: a row of `cohorts.cohorts`.

    origin : "all", "declared", or of a search "worst" or "best". cells : has those of the task.
    calibration_gap : what happened less what was stated; of numbers the mean error says it.
    """

    cohort: str
    origin: Annotated[str, HIDDEN]
    n: int
    share: Annotated[float, "share"]
    decided: Annotated[Estimate, "share"]
    cells: Annotated[Cells, _OF_TASKS]
    calibration_gap: Annotated[Estimate | None, "points", OPTIONAL]
    p_adjusted: Annotated[float | None, "p_value"]
    too_few: Annotated[bool, HIDDEN]


@dataclass(frozen=True)
class CohortDriver:
    """What a method attributes most to in a cohort: a row of `cohorts.drivers`."""

    explainer: Annotated[str, "explainer", HIDDEN]
    cohort: str
    origin: Annotated[str, HIDDEN]
    label: str
    mean_absolute: Annotated[Estimate, BARE_ENDS]
    n: int


@dataclass(frozen=True)
class LearntFrom:
    """A predictor fitted to some of the rows: a row of `learning_curve.curve`."""

    rows: int
    fraction: Annotated[float, "share", HIDDEN]
    roc_auc: Annotated[Estimate, BARE_ENDS]
    predictor: str


@dataclass(frozen=True)
class CopyComparison:
    """Test rows that are nearly training rows, beside the others: the row of `near_copies`.

    by_chance : whether too few other rows are left.
    flattered_low : by how much they flatter the loss at least; NaN where losses are not compared.
    """

    n: int
    near: int
    same_label: Annotated[float, "share"]
    other_same_label: Annotated[float, "share"]
    by_chance: Annotated[bool, HIDDEN]
    same_p_value: Annotated[float | None, "p_value", HIDDEN]
    near_loss: Annotated[float | None, HIDDEN]
    other_loss: Annotated[float | None, HIDDEN]
    loss_p_value: Annotated[float | None, "p_value", HIDDEN]
    flattered: Annotated[Estimate, HIDDEN]


@dataclass(frozen=True)
class RefitWithout:
    """What a refit without suspicious inputs scores: a row of `without_inputs.refits`."""

    inputs: str
    metric: Annotated[str, "metric"]
    score: float
    score_change: Estimate
    rows: int
    n: int


@dataclass(frozen=True)
class PerturbationEffect:
    """What a disturbance of the inputs does: a row of `robustness.perturbations`.

    level : how strong. cells : the score of the task under it, and what it moves. before : the
    score without it, lost : what it costs. smooth : what it does to a smooth model.
    """

    perturbation: Annotated[str, HIDDEN]
    label: str
    level: Annotated[float, "declared"]
    cells: Annotated[Cells, (*_HELD, *_MOVED)]
    before: Annotated[float | None, HIDDEN]
    lost: Annotated[Estimate, HIDDEN]
    smooth: Annotated[float | None, HIDDEN]
    n: int

    @property
    def held(self) -> Estimate:
        """The score that should hold."""
        return self._first_of(_HELD)

    @property
    def moved(self) -> Estimate:
        """What should not move."""
        return self._first_of(_MOVED)

    def _first_of(self, columns: Iterable[Column]) -> Estimate:
        """What the row has in the column of its task."""
        get = self.cells.get
        known = (Estimate.of(get(of.key), get(of.low), get(of.high), self.n) for of in columns)
        return next((each for each in known if each.is_defined), UNDEFINED)


@dataclass(frozen=True)
class RiskPattern:
    """Values that go with the explained class: a row of `risk_patterns.patterns`.

    rate, rest_rate : of that class in the pattern and elsewhere; stated : what the model states.
    """

    slice: str
    features: Annotated[str, HIDDEN]
    share: Annotated[float, "share"]
    n: int
    rate: Annotated[Estimate, "share"]
    stated: Annotated[float, "share"]
    rest_rate: Annotated[float, "share"]
    p_value: Annotated[float, "p_value", HIDDEN]
    p_adjusted: Annotated[float, "p_value"]
