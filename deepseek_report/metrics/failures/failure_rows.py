"""Rows of the tables on where and why a model fails, as rules, sections and pictures read them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from deepseek_report.artifacts.estimate import UNDEFINED, Estimate, finite
from deepseek_report.artifacts.table_rows import Cells, From


@dataclass(frozen=True)
class Slice:
    """A part of the data found by search: a row of `slices.slices`.

    features : names, joined by commas. kind : "unexpected", or "errors" that the stated
    probabilities expect. whole : whether it is all rows.
    cells : has the loss of the task, `rest_<loss>` elsewhere and `expected_<loss>`.
    """

    slice: str
    n: int
    share: float
    p_adjusted: float | None
    cells: Cells
    features: str
    kind: str
    surplus: Annotated[Estimate, From(prefix="surplus")]
    whole: bool
    low: float = math.nan
    high: float = math.nan
    missed_rate: float | None = None
    rest_missed_rate: float | None = None
    mean_error: float | None = None

    def loss(self, key: str) -> Estimate:
        """The mean loss of this key in the slice."""
        return Estimate.of(self.cells[key], self.low, self.high, self.n)

    def rest(self, key: str) -> float:
        """The same in all other rows."""
        return float(self.cells[f"rest_{key}"])

    def expected(self, key: str) -> float | None:
        """What the stated probabilities let expect in the slice."""
        return finite(self.cells.get(f"expected_{key}"))


@dataclass(frozen=True)
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

    attribute_label: str
    too_few: bool
    cells: Cells
    missed_rate: float | None
    flagged_rate: float | None
    unforeseen: float | None
    unforeseen_p: float | None


@dataclass(frozen=True)
class PeriodLevel(OfLevel):
    """What is stated of a period and what happened: a row of `period_drift.periods`."""

    stated: Annotated[Estimate, From(prefix="stated")]
    happened: Annotated[Estimate, From(prefix="happened")]


@dataclass(frozen=True)
class DriftTest:
    """The test of a drift of what is stated over periods: a row of `period_drift.tests`."""

    attribute: str
    p_value: float | None


@dataclass(frozen=True)
class Cohort:
    """A cohort beside all others: a row of `cohorts.cohorts`.

    origin : "all", "declared", or of a search "worst" or "best". cells : has those of the task.
    """

    cohort: str
    origin: str
    n: int
    share: float
    p_adjusted: float | None
    too_few: bool
    cells: Cells


@dataclass(frozen=True)
class CohortDriver:
    """What a method attributes most to in a cohort: a row of `cohorts.drivers`."""

    explainer: str
    cohort: str
    origin: str
    cells: Cells


@dataclass(frozen=True)
class LearntFrom:
    """A predictor fitted to some of the rows: a row of `learning_curve.curve`."""

    rows: int
    predictor: str
    roc_auc: Estimate


@dataclass(frozen=True)
class CopyComparison:
    """Test rows that are nearly training rows, beside the others: the row of `near_copies`.

    by_chance : whether too few other rows are left.
    flattered_low : by how much they flatter the loss at least; NaN where losses are not compared.
    """

    n: int
    near: int
    same_label: float
    other_same_label: float
    by_chance: bool
    same_p_value: float | None
    near_loss: float | None
    other_loss: float | None
    loss_p_value: float | None
    flattered_low: float


@dataclass(frozen=True)
class RefitWithout:
    """What a refit without suspicious inputs scores: a row of `without_inputs.refits`."""

    inputs: str
    metric: str
    score: float
    score_change: Annotated[Estimate, From(prefix="score_change")]
    rows: int


@dataclass(frozen=True)
class PerturbationEffect:
    """What a disturbance of the inputs does: a row of `robustness.perturbations`.

    level : how strong. flipped : share of decisions that flip, or `change`: how far numbers move.
    before : the score without it, lost : what it costs. smooth : what it does to a smooth model.
    roc_auc, mae : the score under it.
    """

    perturbation: str
    label: str
    level: float
    cells: Cells
    before: float
    lost: Annotated[Estimate, From(prefix="lost")]
    smooth: float | None
    roc_auc: Estimate | None = None
    mae: Estimate | None = None
    flipped: Annotated[Estimate | None, From(prefix="flipped")] = None
    change: Annotated[Estimate | None, From(prefix="change")] = None

    @property
    def held(self) -> Estimate:
        """The score that should hold."""
        return self.roc_auc or self.mae or UNDEFINED

    @property
    def moved(self) -> Estimate:
        """What should not move."""
        return self.flipped or self.change or UNDEFINED


@dataclass(frozen=True)
class RiskPattern:
    """Values that go with the explained class: a row of `risk_patterns.patterns`.

    rate, rest_rate : of that class in the pattern and elsewhere; stated : what the model states.
    """

    slice: str
    n: int
    rate: Annotated[Estimate, From(prefix="rate")]
    stated: float
    rest_rate: float
