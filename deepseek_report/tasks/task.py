"""What is predicted, as an object: every answer that depends on the task is given here once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import Target, TaskName
from deepseek_report.artifacts.score import Direction
from deepseek_report.artifacts.table import Column, estimate
from deepseek_report.tasks.comparisons import GapStatistic, RowMeasure
from deepseek_report.tasks.loss import Limits, Loss

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


Side = Literal["left", "right"]
Row = dict[str, object]
#: What gives a predictor's outputs on the validation part, and the model's predictions there.
Matched = Callable[[], tuple[Floats, Predictions]] | None
#: What the report calls the simple predictors that a model is compared with.
REFERENCES: dict[str, Message] = {
    "majority": message("predictor_names.majority"),
    "mean": message("predictor_names.mean"),
    "logistic_regression": message("predictor_names.logistic_regression"),
    "ridge": message("predictor_names.ridge"),
    "gradient_boosting": message("predictor_names.gradient_boosting"),
}


@dataclass(frozen=True)
class Measure:
    """A number that a model of this task is judged by.

    key : name of the score. direction : which way is better. bounds : least and greatest value.
    in_unit : whether it has the target's unit. is_share : whether it is read as a percentage.
    """

    key: str
    direction: Direction
    bounds: Limits = (None, None)
    in_unit: bool = False
    is_share: bool = False

    def column(self, prefix: str = "") -> Column:
        """Its column in a table; the ends of its interval begin with `prefix`, if there is one."""
        return estimate(self.key, "share" if self.is_share else "number", prefix=prefix)


@dataclass(frozen=True)
class Disturbed:
    """What perturbed inputs do to the predictions of some rows.

    held, moved : `Task.held` and `Task.moved` on the perturbed inputs. before : `Task.held` of the
    same rows on their own inputs. lost : by how much it is worse than that, paired.
    """

    held: Estimate
    moved: Estimate
    before: float
    lost: Estimate


@dataclass(frozen=True)
class Drawn:
    """A column of the tables on parts and groups as pictures show it.

    key : column of the value, and of its heading in `pictures.common.columns`. ends : the ends of
    its interval are `<ends>_low` and `<ends>_high`. is_share : whether it is read as a percentage.
    signed : whether 0 lies between two kinds of error.
    """

    key: str
    ends: str
    is_share: bool = False
    signed: bool = False

    @property
    def interval(self) -> tuple[str, str]:
        """The columns of the interval's ends."""
        return f"{self.ends}_low", f"{self.ends}_high"

    def of(self, cells: Mapping[str, object]) -> Estimate:
        """What a row with these cells has in the column."""
        low, high = self.interval
        return Estimate.of(cells.get(self.key), cells.get(low), cells.get(high))


class Task(ABC):
    """One kind of prediction: one of several classes, a number, or several labels.

    A task knows what counts as an error and how errors are compared (`loss`, `part_gaps`,
    `group_gaps`), what stands in the tables on parts and groups (`part_table`), which simple
    predictors a model is set against and by which numbers (`references`, `compared`, `gain`), and
    what a perturbation of the inputs is judged by (`held`, `moved`). Metrics, findings, sections
    and pictures ask it and do not branch. A new task is a module of this folder and its words.

    name : as the config and the schema call it, and as texts of the catalogs end that depend on it.
    """

    name: ClassVar[TaskName]
    #: Whether something is decided, so that there are decisions, probabilities and thresholds.
    decides: ClassVar[bool]
    #: Whether each of several labels is given or not, independently of the others.
    several: ClassVar[bool] = False
    #: Which cases are picked for the case pages, and within what the others are drawn.
    extreme: ClassVar[Text]
    within: ClassVar[Text]
    #: What explanations are for, what is watched while inputs are taken away, and its bounds.
    outcome: ClassVar[Text]
    watched: ClassVar[Text]
    watched_bounds: ClassVar[Limits]
    #: Unit of the loss that training minimises.
    fit_unit: ClassVar[Text]
    #: What the columns do that `telling` chooses.
    tells: ClassVar[Text]
    loss: ClassVar[Loss]
    #: Statistics by which parts of the data that are no groups of people are compared.
    part_gaps: ClassVar[tuple[GapStatistic, ...]]
    #: Statistics by which groups of people are compared where no decision is favourable.
    group_gaps: ClassVar[tuple[GapStatistic, ...]]
    #: Columns of the mean loss of a slice, of the expected one where something is stated, of that
    #: elsewhere, and of `slice_facts`.
    slice_table: ClassVar[tuple[Column, ...]]
    #: Columns of `part_facts`; the first is what parts are told apart by. Those of the picture.
    part_table: ClassVar[tuple[Column, ...]]
    parts_drawn: ClassVar[tuple[Drawn, ...]]
    #: Columns of `group_facts`, and of them those that a first and a second table show.
    group_table: ClassVar[tuple[Column, ...]]
    group_columns: ClassVar[tuple[str, ...]]
    group_quality: ClassVar[tuple[str, ...]] = ()
    groups_drawn: ClassVar[tuple[Drawn, ...]]
    #: {name in the config: the predictor that stands for it}, from the plainest on.
    references: ClassVar[Mapping[str, str]]
    #: Of these a gain is no finding: they cannot be beaten by much, or always are.
    not_told: ClassVar[frozenset[str]]
    compared: ClassVar[tuple[Measure, ...]]
    #: Measures by which runs on the same rows are compared, the main one first.
    by_rows: ClassVar[tuple[RowMeasure, ...]]
    #: By what a model is shown to do better than the best constant answer, and what that gets.
    skill: ClassVar[Measure]
    skill_of_constant: ClassVar[float]
    #: What a useful model gets at least; cases (of the rarest class) that would have shown it.
    useful_skill: ClassVar[float]
    cases_for_skill: ClassVar[int]
    gain: ClassVar[Measure]
    gain_reference: ClassVar[str] = ""
    #: Measures under perturbed inputs: what should hold, and what should not move.
    held: ClassVar[Measure]
    moved: ClassVar[Measure]

    def unit(self, target: Target, measure: Measure | GapStatistic | Loss | None = None) -> str:
        """The target's unit, "share" of what is read as a percentage, or nothing."""
        if measure is not None and measure.is_share:
            return "share"
        return (target.unit or "") if measure is None or measure.in_unit else ""

    def n_outputs(self, target: Target) -> int:
        """How many numbers a model gives: one a class, one a label, or the number itself."""
        return len(target.classes)

    # --- labels and outputs -----------------------------------------------------------------------

    @abstractmethod
    def display(self, target: Target, label: float) -> str:
        """A label as a person reads it: the name of a class, or a number with its unit."""

    @abstractmethod
    def strata(self, labels: Array, bands: int, side: Side = "right") -> Ints:
        """(instance,) the class, or the band of the number among `bands` of like size.

        side : to which band a number on an edge belongs, the one above ("right") or below.
        """

    @abstractmethod
    def spread(self, labels: Array) -> float:
        """By what outputs are divided to be compared: 1, or the standard deviation of a number."""

    @abstractmethod
    def stated(self, predictions: Predictions) -> Floats:
        """(instance,) what a person is told: the number, or the probability of the explained class
        of two, or the highest one of several.
        """

    @abstractmethod
    def happened(self, predictions: Predictions) -> Floats:
        """(instance,) what `stated` is about: 1 where it came true, else 0, or the number."""

    @abstractmethod
    def answers(self, predictions: Predictions) -> Floats:
        """(instance, output) the probabilities of the classes, or the number."""

    @abstractmethod
    def right_answers(self, predictions: Predictions) -> Floats:
        """(instance, output) what `answers` would best be: 1 for the label, else 0; the number."""

    @abstractmethod
    def fit_losses(self, outputs: Floats, labels: Array) -> Floats:
        """(instance,) the loss that training minimises, from (instance, output) raw outputs."""

    # --- parts and groups -------------------------------------------------------------------------

    @abstractmethod
    def slice_facts(self, predictions: Predictions, inside: Bools, among: Bools) -> Row:
        """What is told of a slice besides its mean loss; `inside` and `among` are (instance,).

        among : the cases that are counted, in the slice and elsewhere.
        """

    @abstractmethod
    def part_facts(self, predictions: Predictions, inside: Bools) -> Row:
        """What is told of a part of the data; its columns are those of `part_table`."""

    @abstractmethod
    def group_facts(self, predictions: Predictions, target: Target, inside: Bools) -> Row:
        """What is told of a group of people; its columns are those of `group_table`.

        Raises NotApplicableError : nobody declares which decision is favourable.
        """

    @abstractmethod
    def is_too_few(
        self, predictions: Predictions, target: Target, inside: Bools, floor: tuple[int, int]
    ) -> bool:
        """Whether a group is too small to be judged; `floor` is cases and expected events."""

    # --- simple predictors ------------------------------------------------------------------------

    @abstractmethod
    def telling(self, columns: Floats, labels: Array, most: int) -> Ints:
        """Positions of the columns that tell most of the labels, at most `most`, ascending."""

    @abstractmethod
    def constant(self, labels: Array, n_outputs: int) -> Floats:
        """(output,) the best answer that is the same for everyone."""

    @abstractmethod
    def linear_model(self, *, wide: bool, seed: int) -> BaseEstimator:
        """An unfitted linear model of scikit-learn; `wide` data get a stronger penalty."""

    @abstractmethod
    def boosted_model(self, labels: Array, categorical: Sequence[bool], seed: int) -> BaseEstimator:
        """An unfitted gradient boosting of scikit-learn.

        categorical : (column,) which columns hold codes of categories; empty where none does.
        """

    @abstractmethod
    def outputs(self, model: object, columns: Array, n_outputs: int) -> Floats:
        """(instance, output) what a fitted model of scikit-learn gives."""

    @abstractmethod
    def as_predictions(self, outputs: Floats, model: Predictions, matched: Matched) -> Predictions:
        """Outputs of a simple predictor as predictions for the rows that the model answered.

        matched : its outputs on the validation part and the model's predictions there, from which
        it learns how often to decide; None where it decides for one class always.
        """

    @abstractmethod
    def require_variety(self, labels: Array) -> None:
        """Refuse labels by which `what` cannot be judged, with the reason."""

    @abstractmethod
    def summary(self, predictions: Predictions, n_resamples: int, seed: int) -> dict[str, Estimate]:
        """{key: estimate} of every measure in `compared`."""

    @abstractmethod
    def gain_over(self, model: Predictions, other: Predictions) -> tuple[Estimate, float]:
        """By how much the model does better than another, paired, above 0 is better; p-value."""

    @abstractmethod
    def gain_note(self, reference: Text, n: int) -> Text:
        """What the gain over this predictor is, in a sentence."""

    @abstractmethod
    def reference_notes(self, n_rows: int, of: int, n_classes: int) -> tuple[Text, ...]:
        """How the simple predictors were trained, on how many of the training rows, and decide."""

    # --- perturbed inputs -------------------------------------------------------------------------

    @abstractmethod
    def order(self, labels: Array, rng: np.random.Generator) -> Ints:
        """A random order of all instances whose every beginning is like the whole."""

    @abstractmethod
    def effect(self, predictions: Predictions, rows: Ints, outputs: Floats) -> Disturbed:
        """What it does that the inputs of some rows are perturbed and give these outputs."""

    @abstractmethod
    def moved_if_smooth(self, predictions: Predictions, rows: Ints, level: float) -> float:
        """`moved` of a linear model that is as sharp, under normal noise on every input.

        Its outputs before the decision (log-odds, or the number) spread over the cases by σ. Noise
        of `level` standard deviations on each of its independent inputs moves them by `level` · σ.
        """
