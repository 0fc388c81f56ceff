"""Removing and inserting players in the order of their attributions.

A player is a feature of a table, a word, a patch or a window. What stands for those that are taken
away is decided by the game of the explanation that is judged. What is watched is the probability
of the decided class or, where the target is a number, how far the number lies from that of an
input without any player, in the direction of the prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Literal, get_args

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.explanation import CONTROL, Explanation, Game, OutputSpace
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import MOST_CELLS
from deepseek_report.data_kinds.replacement import ROWS_OF_AN_INSTANCE, Replacement, replacement_of
from deepseek_report.statistics.logistic import log_odds
from deepseek_report.statistics.ranking import thin
from deepseek_report.tasks import task_of

Mode = Literal["deletion", "insertion"]
#: Points of a curve, and as many as it has where none is drawn.
Steps = Annotated[int, Field(ge=2, le=1000)]
NO_STEPS = 2
#: What taking players away reads, whatever is judged by it.
CURVES = frozenset({"dataset", "predictions", "classifier", "background", "question", "seed"})
_SPACES: tuple[OutputSpace, ...] = get_args(OutputSpace)


def rank_features(explanation: Explanation, toward: Floats, schema: Schema) -> Ints:
    """Players from the one that speaks most for the outcome to the one that speaks most against.

    Unsigned methods rank by magnitude. Ties keep the order of the columns; players that are not
    there (words behind the end of a text) come last.

    explanation : of these instances.
    toward : (instance,) 1 where a positive attribution speaks for the outcome, else -1.
    schema : says which columns are one player.

    Returns (instance, player) positions of players.
    """
    values = kind_of(schema).by_player(explanation.values, explanation.inputs)
    speaks = values * toward[:, None] if explanation.signed else np.abs(values)
    return np.argsort(np.where(np.isnan(values), np.inf, -speaks), axis=1, kind="stable")


@dataclass(frozen=True)
class Perturbation:
    """Takes players away, as a game does, and watches the outcome.

    replacement : the instances, and what stands for their players.
    decided : (instance,) class decided for; not read where the target is a number.
    steps : points of the curve after the first, at most as many as there are players.
    spread : what distances of a number are divided by: the training labels' standard deviation.
    """

    classifier: Classifier
    replacement: Replacement
    decided: Ints
    steps: int
    spread: float = 1.0

    @property
    def schema(self) -> Schema:
        return self.classifier.schema

    @property
    def game(self) -> Game:
        return self.replacement.game

    @property
    def inputs(self) -> Floats:
        """(instance, column) as they are."""
        return self.replacement.inputs

    def at(self, chosen: Ints) -> Perturbation:
        """That of some of the instances; chosen : (chosen instance,) their positions."""
        kept = self.replacement.at(chosen)
        return replace(self, replacement=kept, decided=self.decided[chosen])

    @cached_property
    def _without_any(self) -> Floats:
        """(instance,) the number where all players are taken away."""
        return self._answer(~self.present, np.arange(len(self.inputs)))[:, 0]

    @cached_property
    def present(self) -> Bools:
        """(instance, player) what there is to take away; all else stays as it is."""
        return kind_of(self.schema).present(self.inputs)

    @cached_property
    def directions(self) -> Floats:
        """(instance,) 1 where a number lies above that without any player, else -1."""
        whole = self.classifier.probabilities(self.inputs)[:, 0]
        return np.where(whole >= self._without_any, 1.0, -1.0)

    def toward(self, target: int) -> Floats:
        """(instance,) 1 where what raises the output of `target` speaks for the outcome."""
        if not task_of(self.schema.target).decides:
            return self.directions
        return np.where(self.decided == target, 1.0, -1.0)

    @cached_property
    def counts(self) -> Ints:
        """(instance, point) how many players are replaced at each point: none … all there are."""
        players = self.present.sum(axis=1)
        return np.asarray((self.shares * players[:, None]).round().astype(np.int64))

    @cached_property
    def shares(self) -> Floats:
        """(point,) share of the players that were replaced or inserted."""
        most = int(self.present.sum(axis=1).max(initial=1))
        return np.asarray(thin(most + 1, self.steps + 1) / most)

    def curves(self, order: Ints, mode: Mode) -> Floats:
        """The outcome when the first players of the order are replaced (deletion) or are all that
        is kept (insertion).

        order : (instance, player) from `rank_features`.
        mode : "deletion" or "insertion".

        Returns (instance, point)
        """
        rank = np.argsort(order, axis=1)
        first = rank[:, None, :] < self.counts[:, :, None]
        kept = first if mode == "insertion" else ~first
        points = len(self.shares)
        of = np.repeat(np.arange(len(order)), points)
        return self.outcomes(kept.reshape(len(of), -1), of).reshape(-1, points)

    def outcomes(self, kept: Bools, of: Ints) -> Floats:
        """What is watched where only some players of an instance are kept.

        kept : (row, player) whether the player keeps its value; all others are taken away.
        of : (row,) whose players.

        Returns (row,) probabilities of the decided class, or signed distances of a number; on
        average over what may stand for the players that are taken away.
        """
        outputs = self._answer(kept | ~self.present[of], of)
        if task_of(self.schema.target).decides:
            return np.asarray(outputs[np.arange(len(of)), self.decided[of]])
        away = outputs[:, 0] - self._without_any[of]
        return np.asarray(away * self.directions[of] / self.spread)

    def outcomes_by_space(self, kept: Bools, of: Ints) -> Mapping[OutputSpace, Floats]:
        """{output that an attribution may be about: what is watched of it}, from the same answers.

        Of an explanation of log-odds the log-odds of the decided class are watched, of all others
        what `outcomes` gives. kept, of : see `outcomes`.
        """
        if not task_of(self.schema.target).decides:
            return dict.fromkeys(_SPACES, self.outcomes(kept, of))
        both = self.replacement.answers(
            self.classifier, lambda shares: np.concatenate([shares, log_odds(shares)], axis=1)
        )
        outputs = both(kept | ~self.present[of], of)
        classes, rows, own = outputs.shape[1] // 2, np.arange(len(of)), self.decided[of]
        spaces = dict.fromkeys(_SPACES, np.asarray(outputs[rows, own]))
        return {**spaces, "logit": np.asarray(outputs[rows, classes + own])}

    @cached_property
    def _answer(self) -> Callable[[Bools, Ints], Floats]:
        return self.replacement.answers(self.classifier)

    def areas(self, curves: Floats) -> Floats:
        """(instance,) area under each curve by the trapezoid rule; of probabilities in [0, 1]."""
        return np.asarray(np.trapezoid(curves, self.shares, axis=1))


def greedy_order(replacing: Perturbation, mode: Mode, looks: int | None = None) -> Ints:
    """Players in the order in which taking them away, or putting them back, moves the outcome most.

    Between two points of the curve as many players are taken as the curve takes there: those that
    move the outcome most alone, given all that were taken when that was last asked. The area under
    its curve is a bound that can be reached, since it is that of an order; the best of all orders
    may lie a little beyond.

    replacing : of the instances; it is asked about at most looks × players coalitions for each.
    mode : "deletion" or "insertion".
    looks : at how many points, spread evenly, what each player moves is asked anew; None: at all.

    Returns (instance, player) positions of players; those that are not there come last.
    """
    present = replacing.present
    taken, step = np.zeros_like(present), np.full(present.shape, np.inf)
    moved = np.full(present.shape, np.inf)
    points = replacing.counts.shape[1] - 1
    anew = np.arange(0, points, max(1, -(-points // (looks or points))))
    for point in range(points):
        wanted = replacing.counts[:, point + 1] - replacing.counts[:, point]
        left = present & ~taken & (wanted > 0)[:, None]
        if point in anew:
            moved = _moved(replacing, mode, taken, present & ~taken)
        outcomes = np.where(left, moved, np.inf)
        place = np.argsort(np.argsort(outcomes, axis=1, kind="stable"), axis=1)
        chosen = place < wanted[:, None]
        step[chosen] = (point * present.shape[1] + place)[chosen]
        taken |= chosen
    return np.argsort(step, axis=1, kind="stable")


def _moved(replacing: Perturbation, mode: Mode, taken: Bools, tried: Bools) -> Floats:
    """(instance, player) the outcome with one more player taken, the better the less; infinite
    where it is not tried.
    """
    outcomes = np.full(taken.shape, np.inf)
    sign = 1.0 if mode == "deletion" else -1.0
    of, player = np.nonzero(tried)
    size = max(1, MOST_CELLS // taken.shape[1])
    for start in range(0, len(of), size):
        rows, one_more = of[start : start + size], player[start : start + size]
        changed = taken[rows]
        changed[np.arange(len(rows)), one_more] = True
        kept = ~changed if mode == "deletion" else changed
        outcomes[rows, one_more] = sign * replacing.outcomes(kept, rows)
    return outcomes


def perturbation(
    context: MeasureContext,
    explanation: Explanation,
    steps: int,
    *,
    game: Game | None = None,
    sample: int = 0,
    draws: int = ROWS_OF_AN_INSTANCE,
) -> Perturbation:
    """The instances' players taken away as in a game, that of the explanation by default.

    Where several rows stand for what is taken away, the curves have fewer points in proportion, so
    that a curve takes as many rows of the model in every game. sample, draws : see
    `replacement_of`.

    Raises NotApplicableError : nothing is known here that plays that game.
    """
    train, target = context.dataset.train, context.dataset.schema.target
    replacement = replacement_of(
        game or context.game_of(explanation),
        context.classifier,
        explanation.inputs,
        context.background,
        training=train.inputs,
        sample=sample,
        draws=draws,
    )
    return Perturbation(
        classifier=context.classifier,
        replacement=replacement,
        decided=context.predictions.decisions[explanation.positions],
        steps=max(steps // replacement.draws, 2),
        spread=task_of(target).spread(train.labels),
    )


def order_of(explanation: Explanation, replacing: Perturbation) -> Ints:
    """(instance, player) the order in which an explanation takes players away.

    It speaks of the class that was decided for, where each instance was explained for that one;
    else what speaks against the explained class is taken to speak for whatever was decided.
    """
    if task_of(replacing.schema.target).decides:
        own = explanation.toward_each(replacing.decided)
        if own is not None:
            return rank_features(own, np.ones(len(own)), replacing.schema)
    return rank_features(explanation, replacing.toward(explanation.target), replacing.schema)


def by_game(
    context: MeasureContext, explanations: Mapping[str, Explanation]
) -> dict[Game, dict[str, Explanation]]:
    """{game: the explanations that play it by their names}; games as they come."""
    games: dict[Game, dict[str, Explanation]] = {}
    for name, explanation in explanations.items():
        games.setdefault(context.game_of(explanation), {})[name] = explanation
    return games


def areas_of(
    context: MeasureContext,
    name: str,
    explanation: Explanation,
    replacing: Perturbation,
    mode: Mode,
) -> Floats:
    """(instance,) areas under the curves of an explanation of the run.

    They are taken from its measurement, or those of the control from that of a method, where one of
    the same game and points was handed over.
    """
    held = [(name, explanation, "per_instance")]
    if explanation.method == CONTROL:
        held += [(method, other, "control") for method, other in context.explanations.items()]
    for method, other, array in held:
        measured = context.measured.get(ArtifactId.measure(mode, method))
        same = context.game_of(other) == replacing.game
        if same and measured is not None and array in measured.arrays:
            points = np.asarray(measured.tables["curve"]["removed_share"])
            if np.array_equal(points, replacing.shares):
                return np.asarray(measured.arrays[array])
    return replacing.areas(replacing.curves(order_of(explanation, replacing), mode))
