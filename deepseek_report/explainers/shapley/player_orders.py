"""Shapley and Owen values of players by walking through orders of them, many rows per model call.

In one order the players come in one by one; what the output gains when a player comes in is its
share. The mean over orders is the Shapley value; over orders that keep the parts of a partition
together, the Owen value. Every order is walked in both directions (antithetic), which is exact up
to interactions of two players. A part that is not cut further is one player, with one share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.explainers.shapley.partition import middle_of

#: Which players stay (coalition, player) and the round that asks (coalition,) -> (coalition,).
Ask = Callable[[Bools, Ints], Floats]


@dataclass(frozen=True)
class Estimates:
    """(round, player) values, and the number of parts that got a value of their own."""

    values: Floats
    parts: int


def random_orders(count: int, rounds: int, rng: np.random.Generator) -> Ints:
    """(round, player) orders, all alike likely."""
    return rng.permuted(np.tile(np.arange(count), (rounds, 1)), axis=1)


def flipped_orders(order: Ints, rounds: int, rng: np.random.Generator) -> Ints:
    """(round, player) orders that keep every part of a partition together.

    The halves of each part are swapped with chance one half; `order` is that of the partition.
    """
    starts, stops = np.array([0]), np.array([len(order)])
    places = np.zeros((rounds, 1), dtype=np.int64)  # where each part begins in each round
    while (stops - starts > 1).any():
        middles = middle_of(starts, stops)
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

    Parameters
    ----------
    orders : array
        (round, player).
    ends : array
        (round, 2) output with none and with all of the players.
    ask : callable
        Answers all questions at once.
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
            middle = middle_of(start, stop)
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

    Parameters
    ----------
    order : array
        (player,) of the partition. orders : (round, player) from `flipped_orders`.
    ends : array
        (round, 2) output with none and with all of the players.
    expansions : int
        How many cuts, at most players − 1.
    """
    walk = _FlippedOrders(order, orders, ends)
    parts = {(0, len(order)): walk.share(0, len(order))}
    while expansions:
        chosen = _next_cut(parts)[:expansions]
        walk.learn(walk.cut_places(chosen), ask)
        for start, stop in chosen:
            middle = middle_of(start, stop)
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
    from math import comb

    kept = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    tiled = np.tile(kept.astype(bool), (rounds, 1))
    outputs = ask(tiled, np.repeat(np.arange(rounds), len(kept))).reshape(rounds, -1)
    sizes = kept.sum(axis=1)
    weights = np.array([1 / (count * comb(count - 1, k)) for k in range(count)])
    values = np.empty((rounds, count))
    for player in range(count):
        without = np.flatnonzero(kept[:, player] == 0)
        gain = outputs[:, without | (1 << player)] - outputs[:, without]
        values[:, player] = gain @ weights[sizes[without]]
    return Estimates(values, count)
