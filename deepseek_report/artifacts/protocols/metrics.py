"""What a metric gets and promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.conclusions import AlertCapacity, Expectations
from deepseek_report.artifacts.explanation import Explanation, Game
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.progress import Progress, Silent
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.split import Dataset

Scope = Literal["model", "explainer", "explainers"]


class ExplainAgain(Protocol):
    """Runs the judged explainer on other inputs, or on another model."""

    def __call__(
        self,
        classifier: Classifier,
        inputs: Floats,
        drawn_as: Floats | None = None,
        targets: Ints | None = None,
    ) -> Floats:
        """(instance, feature) values.

        drawn_as : (instance, feature) rows whose random draws the inputs get; their own without.
        targets : (instance,) the class that each is explained for; that of the run without.
        """


@dataclass(frozen=True)
class FitChange:
    """What is otherwise where the model is fitted anew.

    withheld : positions of inputs that have their typical value in every row, when the model is
    fitted and when it is asked, so that they tell it nothing. directions : (input,) 1 or −1 where
    the probability of class 1 of two may only rise or only fall with it, 0 where it is free; None:
    all are.
    """

    withheld: tuple[int, ...] = ()
    directions: Floats | None = None


#: Fitted as in the run.
NO_CHANGE = FitChange()


class Refits(Protocol):
    """Fits the run's model anew, as it was fitted, to rows of the training part."""

    @property
    def is_network(self) -> bool:
        """Whether a fit is a training over epochs."""

    @property
    def work(self) -> int:
        """Counted work of one fit: rows × trees of an estimator, of which one without trees
        counts as one, and rows × parameters × epochs of a network.
        """

    @property
    def most_work(self) -> int:
        """Counted work that all fits of one metric may cost together where nobody asks for more."""

    @property
    def keeps_directions(self) -> bool:
        """Whether a fit can keep the directions of a `FitChange`."""

    def __call__(
        self, rows: Ints, seed: int | None = None, change: FitChange = NO_CHANGE
    ) -> Classifier:
        """The model of these (row,) positions in the training part, drawn by this seed.

        Without a seed it is drawn by that of the run.
        """

    def checkpoints(self, count: int) -> Sequence[Classifier]:
        """The run's network at so many points of its training, evenly spread, before the end.

        The training is run again by the same seed and nothing of it is stored. Fewer where it ends
        early; none of an estimator.
        """

    def fitted_to(self, data: Dataset) -> Classifier:
        """The model fitted to the training part of other data of the same schema."""


@dataclass(frozen=True)
class FoldRun:
    """What the run comes to where other rows are tested, by a model fitted to others again.

    parts : the rows of the fold as a split of their own. threshold : None where there is none.
    scores : {metric: its scores of the model}. findings : ids of all findings on these scores.
    """

    parts: Dataset
    threshold: float | None
    scores: Mapping[str, Sequence[Score]]
    findings: frozenset[str]


class ReadsTexts(Protocol):
    """Cuts further texts as those of the data were cut."""

    def __call__(self, texts: Sequence[str]) -> Floats:
        """(text, column) as the model reads them; NotApplicableError where it cannot be told."""


class FoldRuns(Protocol):
    """Makes the run again in each fold of a cross-validation over all of its rows."""

    @property
    def drawn_by(self) -> Literal["random", "entities", "time"]:
        """What decides which rows are tested together, see `datasets.splitting.fold_rows`."""

    def __call__(self, folds: int, seed: int) -> Iterator[FoldRun]:
        """Fold by fold; each is a training by the settings and the seed of the run."""


class ExplainRows(Protocol):
    """An explainer of the run, in full or in its cheapest form, for other rows of the test part."""

    def planned_calls(self, rows: int, cheaply: bool) -> int:
        """How many rows the model evaluates at most for so many."""

    def explained(self, positions: Ints, cheaply: bool) -> Explanation:
        """Explain rows of the test part; positions : (row,)."""


@dataclass(frozen=True)
class MeasureContext:
    """What a metric may use. A metric names the fields it reads in its `reads`; where these are
    only `dataset`, `seed` and keys of blocks, it runs before there is a model and what else there
    is of a run is None.

    explanation : the one to judge (scope "explainer"); control : that of `random`, or None.
    explanations : all of them (scope "explainers"). explain : see `ExplainAgain`.
    explainers : {name: how it explains further rows} (scope "explainers").
    refits : fits the model anew; None where it came fitted and nothing says how.
    folds : makes the run again in each fold; None but for the metric that reads it.
    expectations : declared by `behaviour:` in the config. declared : {key: value} of the
    blocks of extensions that declare something; a metric names the key in its `reads`.
    capacity : declared by `decision.capacity`.
    measured : {id: measurement} of the metrics that it `takes`, such as `measures/deletion/random`.
    question : the game that the run asks about, in which an explanation without a game is judged.
    before : what a `Revision` hands over of the model before it; None without one.
    read_texts : reads further texts as the model does; None of data that are no texts.
    """

    dataset: Dataset
    predictions: Predictions
    validation_predictions: Predictions
    cases: Cases
    classifier: Classifier
    seed: int
    background: Floats
    explanation: Explanation | None = None
    control: Explanation | None = None
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    measured: Mapping[str, Measurement] = field(default_factory=dict)
    explain: ExplainAgain | None = None
    explainers: Mapping[str, ExplainRows] = field(default_factory=dict)
    refits: Refits | None = None
    folds: FoldRuns | None = None
    expectations: Expectations = ()
    declared: Mapping[str, Any] = field(default_factory=dict)
    capacity: AlertCapacity | None = None
    progress: Progress = field(default_factory=Silent)
    question: Game = "background"
    before: Any = None
    read_texts: ReadsTexts | None = None

    def game_of(self, explanation: Explanation) -> Game:
        """The game in which an explanation is judged: its own, else that of the run's question."""
        return explanation.game or self.question
