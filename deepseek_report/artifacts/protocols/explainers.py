"""What an explainer gets and promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import ClassVar

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.explanation import Explanation, Game, OutputSpace
from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.protocols.classifier import Capability, Classifier
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.models import ModelPart
from deepseek_report.artifacts.protocols.progress import Progress, Silent
from deepseek_report.artifacts.protocols.traits import Part
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.seeds import content_keys


@dataclass(frozen=True)
class ExplainContext:
    """What an explainer may use.

    inputs : (instance, feature) to be explained; background : a seeded sample of training rows.
    target : position of the class to explain, 0 where the target is a number.
    positions : (instance,) where the instances stand in the test part; nothing is drawn by them.
    instance_ids : (instance,) which rows of the source these are, None where they are other rows.
    drawn_as : (instance, feature) rows whose random draws the instances get, None for their own.
        A metric that moves an instance a little gives the row before the move, so that what
        changes is the move and not the draws.
    training : (row, feature) of the training part, of which the background is a sample; None where
        it is not known, and the background stands for it.
    question : the game that the run asks about; a method that can play it does, and whatever it
        played stands in its `Explanation.game`.
    """

    classifier: Classifier
    inputs: Floats
    positions: Ints
    background: Floats
    target: int
    seed: int
    progress: Progress = field(default_factory=Silent)
    instance_ids: Ints | None = None
    drawn_as: Floats | None = None
    question: Game = "background"
    training: Floats | None = None

    @cached_property
    def draws(self) -> tuple[int, ...]:
        """One key an instance, of which alone its random draws are made, beside `seed`.

        It comes from the content of the row: a row is explained alike by whatever command, and
        whatever other rows are explained beside it.
        """
        return content_keys(self.inputs if self.drawn_as is None else self.drawn_as)

    @property
    def known_rows(self) -> Floats:
        """(row, column) from which is learnt what is typical, how often, and what goes together."""
        return self.background if self.training is None else self.training

    def unseen(self, rows: int) -> float:
        """Share of the known rows that so many drawn ones leave out: 0 where all are taken."""
        return max(1 - rows / max(len(self.known_rows), 1), 0.0)

    def output(self, rows: Floats) -> Floats:
        """(row,) what sampling methods explain: the target's probability, or the number."""
        return self.classifier.probabilities(rows)[:, self.target]

    @property
    def output_space(self) -> OutputSpace:
        return "value" if self.classifier.schema.target.is_number else "probability"

    def margin(self, rows: Floats) -> Floats:
        """(row,) what gradient methods explain: the target's log-odds, or the number."""
        return self.classifier.log_odds(rows, self.target)

    @property
    def margin_space(self) -> OutputSpace:
        return "value" if self.output_space == "value" else "logit"


class Turn(IntEnum):
    """When a recommender pays for an offer: from what an analysis cannot do without to what is
    spent where much may be spent.
    """

    CONTROL = 1
    """What every explanation must beat."""
    ACCOUNT = 2
    """An account of the whole output, exact where it can be, else in its smallest size."""
    SECOND = 3
    """A second opinion that rests on something else, at a small part of the price."""
    BESIDE = 4
    """A view that costs next to nothing, and shows something else beside these."""
    USUAL = 5
    """The size that its file names."""
    SURROGATE = 6
    """A second opinion at the price of the first, where nothing cheaper can give one."""
    FINER = 7
    """Twice the usual size."""
    SPARE = 8
    """A third opinion at the price of the first."""
    FINEST = 9
    """Any larger size."""


@dataclass(frozen=True)
class Situation:
    """What is explained, as far as an offer may hang on it.

    capabilities : of the model for these data. background : training rows that stand for an input.
    """

    capabilities: frozenset[Capability]
    schema: Schema
    background: int

    @property
    def players(self) -> int:
        """How many features, words, patches or windows are taken away; of texts at most."""
        return len(self.schema.player_labels)


@dataclass(frozen=True)
class Offer:
    """An explainer in one size, when it is worth its price, and why.

    alone : whether it may be the only explanation beside the control.
    """

    turn: Turn
    explainer: ExplainerPart
    reason: Message
    alone: bool = True


class ExplainerPart(Part):
    """Base of what explains a classifier on its original features.

    An algorithm may depend on the question of the run, the model and the data: `playing` and then
    `suited_to` make the choices that are left open.
    """

    samples: ClassVar[bool] = True
    """Whether the method draws at random. One that does is run again for another seed of the
    explainers; one that does not gets the same `ExplainContext.seed` in every run."""
    games: ClassVar[frozenset[Game] | None] = None
    """Games that it may play, by which `check` says whether the question of a run is answered; none
    for a method that takes nothing away, None where it does not say."""

    def explain(self, context: ExplainContext) -> Explanation:
        """The instances explained."""
        raise NotImplementedError

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        """How many rows the model will evaluate at most; rows that are alike may be asked once.

        `n_features` is how many things are taken away one by one: the features of a table, the
        players of a layout. For texts it is the most, since they differ in length.
        """
        raise NotImplementedError

    def refuses(self, model: ModelPart, nature: DataTraits) -> Text | None:
        """Why this method cannot explain the model of such data, or None if it can."""
        return None

    def playing(self, question: Game) -> ExplainerPart:
        """The same with what it leaves to the question of the run filled in."""
        return self

    def suited_to(self, capabilities: frozenset[Capability], schema: Schema) -> ExplainerPart:
        """The same with all choices made; its `planned_calls` are those of the run."""
        return self

    def cheapest(self, capabilities: frozenset[Capability], schema: Schema) -> ExplainerPart:
        """The same question to the model, answered as cheaply as the method can."""
        return self.suited_to(capabilities, schema)

    def offers(self, situation: Situation) -> Sequence[Offer]:
        """Its sizes and what they are worth, from the smallest to the largest one; the later takes
        the place of the earlier. Without any it is offered as it is, as a second opinion.
        """
        return ()
