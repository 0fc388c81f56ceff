"""What stands for the players that are taken away: the rows of a game, for whoever plays it.

An attribution says what a player adds compared with something, and a test of it must compare with
the same. Both get their rows here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.explanation import Game
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.seeds import content_keys
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import MOST_CELLS, PairedCoalitions, each_once, in_parts
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.games.conditional_sampling import GaussianCopula
from deepseek_report.statistics.ranking import systematic, thin

#: Background rows that stand for the players of one instance. Other instances get other rows, so
#: that all rows are used alike often, and a mean over instances is one over the whole background.
ROWS_OF_AN_INSTANCE = 2
#: Columns of which the conditional distributions are told, and rows that they are learnt from.
_MOST_COLUMNS, _MOST_TRAINING_ROWS = 64, 2000
#: Seed of the orders in which the columns of rows are dealt out anew.
_SEED = 20_261_129


@dataclass(frozen=True)
class Replacement(ABC):
    """What stands for the players of instances that are taken away.

    game : which one is played. inputs : (instance, column) as they are. owners : (column,) the
    player of each column.
    """

    game: Game
    inputs: Floats
    owners: Ints

    @property
    @abstractmethod
    def draws(self) -> int:
        """How many rows stand for what is taken away from one instance."""

    @property
    def is_sample(self) -> bool:
        """Whether other rows could have stood there as well."""
        return self.game != "baseline"

    @abstractmethod
    def rows(self, kept: Bools, of: Ints, draw: int) -> Floats:
        """(row, column) instances with their own columns where the player is kept.

        Parameters
        ----------
        kept : array
            (row, player).
        of : array
            (row,) positions of the instances.
        draw : int
            Which of the `draws`.
        """

    @abstractmethod
    def at(self, chosen: Ints) -> Replacement:
        """That of some of the instances; chosen : (chosen instance,) their positions."""

    def answers(
        self, classifier: Classifier, read: Callable[[Floats], Floats] = np.asarray
    ) -> Callable[[Bools, Ints], Floats]:
        """What a classifier says of coalitions.

        Parameters
        ----------
        read : callable
            What is made of (coalition, class) probabilities, or the number, before the mean.

        Returns
        -------
        A function of kept (coalition, player) and of which instance (coalition,) that gives what
        is read, on average over the draws.
        """

        def ask(kept: Bools, of: Ints) -> Floats:
            every = [self.rows(kept, of, draw) for draw in range(self.draws)]
            outputs = read(each_once(classifier.probabilities, np.concatenate(every)))
            return np.asarray(outputs.reshape(self.draws, len(of), -1).mean(axis=0))

        cells = len(self.owners) * self.draws
        return lambda kept, of: in_parts(ask, cells, kept, of)


@dataclass(frozen=True)
class FixedRows(Replacement):
    """The same rows whatever is kept.

    references : (draw, instance, column) the rows whose values take the place of an instance's own.
    """

    references: Floats

    @property
    def draws(self) -> int:
        return len(self.references)

    def rows(self, kept: Bools, of: Ints, draw: int) -> Floats:
        return np.where(kept[:, self.owners], self.inputs[of], self.references[draw][of])

    def at(self, chosen: Ints) -> FixedRows:
        return replace(self, inputs=self.inputs[chosen], references=self.references[:, chosen])

    def answers(
        self, classifier: Classifier, read: Callable[[Floats], Floats] = np.asarray
    ) -> Callable[[Bools, Ints], Floats]:
        if not classifier.mixes:
            return super().answers(classifier, read)
        every = [
            PairedCoalitions(classifier, self.inputs, self.owners, references)
            for references in self.references
        ]
        return lambda kept, of: np.mean(
            [read(pairs.probabilities(kept, of)) for pairs in every], axis=0
        )


@dataclass(frozen=True)
class ConditionalRows(Replacement):
    """Rows that go with what is kept, drawn by a Gaussian copula of training rows.

    scores : (instance, column) normal scores of the instances. drawn : (draw, instance, column)
    scores that know nothing, which serve all coalitions of an instance.
    """

    copula: GaussianCopula
    scores: Floats
    drawn: Floats

    @property
    def draws(self) -> int:
        return len(self.drawn)

    def rows(self, kept: Bools, of: Ints, draw: int) -> Floats:
        columns = kept[:, self.owners]
        every, which = np.unique(columns, axis=0, return_inverse=True)
        scores, away = self.drawn[draw][of], self.scores[of] - self.drawn[draw][of]
        size = max(1, MOST_CELLS // (8 * columns.shape[1] ** 2))
        for start in range(0, len(every), size):
            matrices = self.copula.conditioning(every[start : start + size])
            own = np.flatnonzero((which >= start) & (which < start + size))
            known = matrices[which[own] - start] @ away[own][:, :, None]
            scores[own] += known[:, :, 0]
        return np.where(columns, self.inputs[of], self.copula.values(scores))

    def at(self, chosen: Ints) -> ConditionalRows:
        return replace(
            self,
            inputs=self.inputs[chosen],
            scores=self.scores[chosen],
            drawn=self.drawn[:, chosen],
        )


def replacement_of(
    game: Game,
    classifier: Classifier,
    inputs: Floats,
    background: Floats,
    training: Floats | None = None,
    sample: int = 0,
    draws: int = ROWS_OF_AN_INSTANCE,
) -> Replacement:
    """What stands for the players of instances that are taken away in a game.

    game : see `Explanation.game`. inputs : (instance, column). background : (row, column) training
    rows that stand for a typical input. training : (row, column) of which these are a sample, by
    which it is told what is typical, and what goes with what; without it the background. sample :
    another number gives other rows, where the game has more of them, for what must be independent
    of those of sample 0. draws : how many rows stand for an instance's players, where the game has
    a choice of them.

    Raises NotApplicableError : nothing is known here that plays the game.
    """
    known_rows = background if training is None else training
    if game == "conditional":
        return _conditional(classifier.schema, inputs, known_rows, sample)
    if game not in _PLAYED:
        raise NotApplicableError(message("refusals.no_such_game", game=game))
    rows = known_rows if game == "baseline" else background
    references = _PLAYED[game](classifier, inputs, rows, sample, draws)
    return FixedRows(game, inputs, classifier.schema.owners, references)


def _conditional(schema: Schema, inputs: Floats, training: Floats, sample: int) -> ConditionalRows:
    """Pairs of a draw and its mirror image, by the content of each instance."""
    width = inputs.shape[1]
    if not kind_of(schema).named_columns or width > _MOST_COLUMNS:
        raise NotApplicableError(message("refusals.no_such_game", game="conditional"))
    nominal = np.array([feature.kind == "categorical" for feature in schema.features])
    rows = training[thin(len(training), _MOST_TRAINING_ROWS)]
    copula = GaussianCopula.fitted(rows, nominal)
    luck = [
        copula.draws(1, np.random.default_rng([_SEED, sample, key]))[0]
        for key in content_keys(inputs)
    ]
    mirrored = np.array(luck).reshape(len(inputs), width) * np.array([1.0, -1.0])[:, None, None]
    owners = schema.owners
    return ConditionalRows("conditional", inputs, owners, copula, copula.scores(inputs), mirrored)


def _baseline(
    classifier: Classifier, inputs: Floats, background: Floats, sample: int, draws: int
) -> Floats:
    del sample, draws
    return kind_of(classifier.schema).baseline(inputs, background)[None]


def _of_background(
    classifier: Classifier, inputs: Floats, background: Floats, sample: int, draws: int
) -> Floats:
    """(draw, instance, column) systematic samples of the rows, which differ in the output alike.

    Which sample an instance gets hangs on its content alone.
    """
    target = classifier.schema.target.explained
    scores = classifier.probabilities(background)[:, target]
    rows = min(draws, len(background))
    samples = systematic(scores, len(background) // rows, rows)
    own = (np.array(content_keys(inputs), dtype=np.int64) + sample) % len(samples)
    return np.asarray(background[samples[own].T])


def _of_neighbours(
    classifier: Classifier, inputs: Floats, background: Floats, sample: int, draws: int
) -> Floats:
    """The same of rows whose players were dealt out anew, each for itself."""
    owners, size = classifier.schema.owners, len(background)
    rng = np.random.default_rng(_SEED)
    order = np.argsort(rng.random((int(owners.max()) + 1, size)), axis=1)
    mixed = np.take_along_axis(background, order[owners].T, axis=0)
    return _of_background(classifier, inputs, mixed, sample, draws)


_PLAYED: dict[Game, Callable[[Classifier, Floats, Floats, int, int], Floats]] = {
    "background": _of_background,
    "baseline": _baseline,
    "neighbours": _of_neighbours,
}
