"""Shapley and Owen values of players: words, patches, windows, or the columns of a wide table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import Coalitions, differing, spread_evenly
from deepseek_report.explainers.attributions import seed_of
from deepseek_report.explainers.shapley import shapley_engine
from deepseek_report.explainers.shapley.shapley_engine import ShapleyEngine, ShapSettings
from deepseek_report.statistics.games.coalition_design import random_orders
from deepseek_report.statistics.games.formula import coalitions, shapley_values

# Shapley and Owen values of players by walking through orders of them, many rows per model call.
# In one order the players come in one by one; what the output gains when a player comes in is its
# share. The mean over orders is the Shapley value; over orders that keep the parts of a partition
# together, the Owen value. Every order is walked in both directions (antithetic), which is exact up
# to interactions of two players. A part that is not cut further is one player, with one share.

#: Which players stay (coalition, player) and the round that asks (coalition,) -> (coalition,).
Ask = Callable[[Bools, Ints], Floats]


@dataclass(frozen=True)
class Estimates:
    """(round, player) values, and the number of parts that got a value of their own."""

    values: Floats
    parts: int


def flipped_orders(order: Ints, rounds: int, rng: np.random.Generator) -> Ints:
    """(round, player) orders that keep every part of a partition together.

    The halves of each part are swapped with chance one half; `order` is that of the partition.
    """
    starts, stops = np.array([0]), np.array([len(order)])
    places = np.zeros((rounds, 1), dtype=np.int64)  # where each part begins in each round
    while (stops - starts > 1).any():
        middles = shapley_engine.middle_of(starts, stops)
        first, second = middles - starts, stops - middles  # a single player has no second half
        swapped = rng.random(places.shape) < 0.5
        halves = np.stack([places + swapped * second, places + ~swapped * first], axis=2)
        bounds = np.stack([starts, middles, middles, stops], axis=1).reshape(-1, 2)
        some = bounds[:, 1] > bounds[:, 0]
        places = halves.reshape(rounds, -1)[:, some]
        starts, stops = bounds[some].T
    flipped = np.empty((rounds, len(order)), dtype=np.int64)
    np.put_along_axis(flipped, places, np.broadcast_to(order[starts], places.shape), axis=1)
    return flipped


def every_share(orders: Ints, ends: Floats, ask: Ask) -> Estimates:
    """Each player's share in every order; 2 (players − 1) questions a round.

    orders : (round, player).
    ends : (round, 2) output with none and with all of the players.
    ask : answers all questions at once.
    """
    rounds, count = orders.shape
    cuts = np.tile(np.arange(1, count), (rounds, 1))
    forward, backward = _outputs_at(orders, cuts, ask)
    grown = np.concatenate([ends[:, :1], forward, ends[:, 1:]], axis=1)
    shrunk = np.concatenate([ends[:, 1:], backward, ends[:, :1]], axis=1)
    shares = (np.diff(grown, axis=1) - np.diff(shrunk, axis=1)) / 2
    values = np.empty((rounds, count))
    np.put_along_axis(values, orders, shares, axis=1)
    return Estimates(values, count)


def _outputs_at(orders: Ints, cuts: Ints, ask: Ask) -> tuple[Floats, Floats]:
    """Outputs when the first players of each order are there, and when all but these are.

    orders : (round, player). cuts : (round, cut). Both results are (round, cut).
    """
    ranks = np.argsort(orders, axis=1)
    first = ranks[:, None, :] < cuts[:, :, None]
    kept = np.stack([first, ~first], axis=2)
    rounds = np.repeat(np.arange(len(orders)), 2 * cuts.shape[1])
    outputs = ask(kept.reshape(-1, orders.shape[1]), rounds).reshape(*cuts.shape, 2)
    return outputs[..., 0], outputs[..., 1]


class _FlippedOrders:
    """What is known of the flipped orders of one instance: outputs at the cuts made so far."""

    def __init__(self, order: Ints, orders: Ints, ends: Floats) -> None:
        self.order, self.orders = order, orders
        count = len(order)
        self.forward = np.full((len(orders), count + 1), np.nan)
        self.backward = self.forward.copy()
        self.forward[:, [0, count]] = ends
        self.backward[:, [0, count]] = ends[:, ::-1]
        self.ranks = np.argsort(orders, axis=1)

    def place(self, start: int, stop: int) -> Ints:
        """(round,) where the part begins in each order."""
        return np.asarray(self.ranks[:, self.order[start:stop]].min(axis=1))

    def share(self, start: int, stop: int) -> Floats:
        """(round,) what the output gains when the part comes in."""
        rounds, at = np.arange(len(self.orders)), self.place(start, stop)
        grown = self.forward[rounds, at + stop - start] - self.forward[rounds, at]
        lost = self.backward[rounds, at] - self.backward[rounds, at + stop - start]
        return np.asarray((grown + lost) / 2)

    def cut_places(self, parts: list[tuple[int, int]]) -> Ints:
        """(round, part) where each order is cut between the halves of a part."""
        places = []
        for start, stop in parts:
            middle = shapley_engine.middle_of(start, stop)
            places.append(np.maximum(self.place(start, middle), self.place(middle, stop)))
        return np.stack(places, axis=1)

    def learn(self, cuts: Ints, ask: Ask) -> None:
        forward, backward = _outputs_at(self.orders, cuts, ask)
        rounds = np.arange(len(self.orders))[:, None]
        self.forward[rounds, cuts], self.backward[rounds, cuts] = forward, backward


def largest_shares(order: Ints, orders: Ints, ends: Floats, expansions: int, ask: Ask) -> Estimates:
    """Owen values where `expansions` parts are cut in two, those with the largest values first.

    The parts that are left at the end share their value evenly among their players. With
    `expansions` = players − 1 every player has its own value. 2 questions a cut and round.

    order : (player,) of the partition. orders : (round, player) from `flipped_orders`.
    ends : (round, 2) output with none and with all of the players.
    expansions : how many cuts, at most players − 1.
    """
    walk = _FlippedOrders(order, orders, ends)
    parts = {(0, len(order)): walk.share(0, len(order))}
    while expansions:
        chosen = _next_cut(parts)[:expansions]
        walk.learn(walk.cut_places(chosen), ask)
        for start, stop in chosen:
            middle = shapley_engine.middle_of(start, stop)
            del parts[(start, stop)]
            for half in ((start, middle), (middle, stop)):
                parts[half] = walk.share(*half)
        expansions -= len(chosen)
    values = np.empty(orders.shape)
    for (start, stop), share in parts.items():
        values[:, order[start:stop]] = share[:, None] / (stop - start)
    return Estimates(values, len(parts))


def _next_cut(parts: Mapping[tuple[int, int], Floats]) -> list[tuple[int, int]]:
    """Parts of several players with the largest values, those within a quarter of the largest."""
    sizes = {part: abs(float(parts[part].mean())) for part in parts if part[1] - part[0] > 1}
    ordered = sorted(sizes, key=lambda part: (-sizes[part], part))
    least = sizes[ordered[0]] / 4
    return [part for part in ordered if sizes[part] >= least and (least or part == ordered[0])]


def all_coalitions(count: int, rounds: int, ask: Ask) -> Estimates:
    """Shapley values from their definition: every coalition is asked for, 2 ** players a round."""
    kept = coalitions(count)
    tiled = np.tile(kept, (rounds, 1))
    outputs = ask(tiled, np.repeat(np.arange(rounds), len(kept))).reshape(rounds, -1)
    return Estimates(shapley_values(outputs), count)


class Players:
    """Estimates one instance after another; `references` stand for what is taken away.

    base : (instance,) output at the reference. rounds : how many estimates each instance gets.
    present : (instance, player) which players it has that differ from a reference.
    """

    def __init__(self, config: ShapSettings, context: ExplainContext, predictions: Floats) -> None:
        self.config, self.context, self.predictions = config, context, predictions
        self.schema = context.classifier.schema
        self.kind = kind_of(self.schema)
        self.owners = self.schema.owners
        self.algorithm = config.algorithm
        self.present = self.kind.present(context.inputs)
        self.partition = np.arange(self.present.shape[1])
        if self.algorithm == "owen":
            walks, effects = config.screening, None
            if walks:
                effects = shapley_engine.elementary_effects(context, walks)
            together = config.permutation_up_to
            self.partition = shapley_engine.partition_order(
                self.schema, context.background, effects, together
            )
        self.parts: list[int] = []
        n, rows = len(context.inputs), context.background
        if config.reference == "baseline":
            self.rounds = 1 if self.algorithm == "exact" else config.rounds
            rows = self.kind.baseline(context.inputs, context.known_rows)
            self.base = context.output(rows)
            self.references = np.broadcast_to(rows[None], (self.rounds, *rows.shape))
            self.at_reference = np.tile(self.base, (self.rounds, 1))
        else:
            scores = context.output(rows)
            chosen = config.chosen_rows(scores, rows=1)
            self.rounds = len(chosen)
            shape = (self.rounds, *context.inputs.shape)
            self.references = np.broadcast_to(rows[chosen][:, None], shape)
            self.base = np.full(n, float(scores[chosen].mean()))
            self.at_reference = np.tile(scores[chosen][:, None], (1, n))
        references = self.references.swapaxes(0, 1)
        self.present = self.present & differing(context.inputs, references, self.owners)

    def values(self, index: int) -> Floats:
        """(round, column) for one instance; players that are not there get 0."""
        players = np.flatnonzero(self.present[index])
        values = np.zeros((self.rounds, self.present.shape[1]))
        if len(players):
            estimates = self._estimates(index, players)
            values[:, players] = estimates.values
            self.parts.append(estimates.parts)
        return spread_evenly(values, self.owners)

    def _estimates(self, index: int, players: Ints) -> Estimates:
        row, references = self.context.inputs[index], self.references[:, index]
        coalitions = Coalitions(self.context.classifier, row, self.owners, references)

        def ask(kept: Bools, rounds: Ints) -> Floats:
            whole = np.ones((len(kept), self.present.shape[1]), dtype=bool)
            whole[:, players] = kept
            return coalitions.probabilities(whole, rounds)[:, self.context.target]

        ends = np.stack(
            [self.at_reference[:, index], np.full(self.rounds, self.predictions[index])], axis=1
        )
        if self.algorithm == "exact":
            return all_coalitions(len(players), self.rounds, ask)
        rng = np.random.default_rng(seed_of(self.context.seed, self.context.draws[index]))
        if self.algorithm == "permutation":
            drawn = random_orders(len(players), self.rounds, rng)
            return every_share(drawn, ends, ask)
        kept = self.partition[self.present[index][self.partition]]
        local = np.searchsorted(players, kept)
        drawn = flipped_orders(local, self.rounds, rng)
        cuts = self.config.cuts(len(players), self.rounds)
        return largest_shares(local, drawn, ends, cuts, ask)


def about_players(config: ShapSettings, players: Players) -> tuple[Message, ...]:
    """What was taken away, what it was compared with, and how finely."""
    notes = []
    if config.reference == "baseline":
        notes.append(message(f"explainer_notes.players.becomes.{players.kind.name}"))
    else:
        notes.append(message("explainer_notes.players.replaced", rows=players.rounds))
    if players.present.shape[1] < len(players.owners):
        notes.append(message("explainer_notes.players.whole"))
    if players.algorithm == "owen" and players.parts:
        total, parts = players.present.shape[1], float(np.mean(players.parts))
        alike = message(f"explainer_notes.players.alike.{players.kind.name}")
        notes.append(
            message("explainer_notes.players.halved", alike=alike, total=total, parts=parts)
        )
        if config.screening:
            notes.append(shapley_engine.about_screening(config.screening, total))
    if players.rounds > 1:
        notes.append(message("explainer_notes.players.spread", rounds=players.rounds))
    return tuple(notes)


def about_regression(settings: ShapSettings, engine: ShapleyEngine) -> tuple[Message, ...]:
    """What was left out, what it was compared with, and how far the values can be relied on."""
    if settings.reference == "baseline":
        notes = [message(f"explainer_notes.players.becomes.{engine.kind.name}")]
    else:
        rows = engine.background_rows
        notes = [
            message("explainer_notes.shap.independent"),
            message("explainer_notes.regression.background", rows=rows),
        ]
    if engine.present.shape[1] < len(engine.owners):
        notes.append(message("explainer_notes.players.whole"))
    if engine.is_complete:
        return (*notes, message("explainer_notes.regression.complete", drawn=engine.is_drawn))
    if engine.surrogate is not None:
        rows, fidelity = settings.surrogate_rows, engine.surrogate.fidelity
        notes.append(message("explainer_notes.regression.surrogate", rows=rows, fidelity=fidelity))
    if settings.algorithm == "surrogate":
        return tuple(notes)
    pairs = float(np.mean(engine.pairs))
    about = {"pairs": pairs, "drawn": engine.is_drawn}
    return (*notes, message("explainer_notes.regression.pairs", **about))
