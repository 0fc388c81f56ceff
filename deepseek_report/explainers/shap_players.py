"""Shapley and Owen values of players: words, patches, windows, or the columns of a wide table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.numbers import count
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.players import spread_evenly
from deepseek_report.explainers import orders
from deepseek_report.explainers.attributions import seed_of
from deepseek_report.explainers.partition import partition_order
from deepseek_report.explainers.screening import about_screening, elementary_effects
from deepseek_report.explainers.shap_settings import ShapSettings

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_VARIANTS = {
    "exact": "Shapley values from all coalitions of {}",
    "permutation": "Shapley values of {}, random orders walked both ways",
    "owen": "Owen values of {}, the largest parts halved first",
}


class Players:
    """Estimates one instance after another; `references` stand for what is taken away.

    base : (instance,) output at the reference. rounds : how many estimates each instance gets.
    """

    def __init__(self, config: ShapSettings, context: ExplainContext, predictions: Array) -> None:
        self.config, self.context, self.predictions = config, context, predictions
        self.schema = context.classifier.schema
        self.kind = kind_of(self.schema)
        self.owners = self.schema.owners
        self.algorithm = config.algorithm
        self.present = self.kind.present(context.inputs)
        self.partition = self._partition()
        self.parts: list[int] = []
        if config.reference == "baseline":
            self._compare_with_baseline()
        else:
            self._compare_with_rows()

    @property
    def variant(self) -> str:
        return _VARIANTS[self.algorithm].format(self.kind.nouns[1])

    def _partition(self) -> Ints:
        if self.algorithm != "owen":
            return np.arange(self.present.shape[1])
        config, effects = self.config, None
        if config.screening:
            effects = elementary_effects(self.context, config.screening)
        return partition_order(
            self.schema, self.context.background, effects, config.permutation_up_to
        )

    def _compare_with_baseline(self) -> None:
        context = self.context
        self.rounds = 1 if self.algorithm == "exact" else self.config.rounds
        rows = self.kind.baseline(context.inputs, context.background)
        self.base = context.output(rows)
        self.references = np.broadcast_to(rows[None], (self.rounds, *rows.shape))
        self.at_reference = np.tile(self.base, (self.rounds, 1))

    def _compare_with_rows(self) -> None:
        context, n = self.context, len(self.context.inputs)
        scores = context.output(context.background)
        chosen = self.config.chosen_rows(scores, rows=1)[:, 0]
        self.rounds = len(chosen)
        shape = (self.rounds, *context.inputs.shape)
        self.references = np.broadcast_to(context.background[chosen][:, None], shape)
        self.base = np.full(n, float(scores[chosen].mean()))
        self.at_reference = np.tile(scores[chosen][:, None], (1, n))

    def values(self, index: int) -> Array:
        """(round, column) for one instance; players that are not there get 0."""
        there = np.flatnonzero(self.present[index])
        found = np.zeros((self.rounds, self.present.shape[1]))
        if len(there):
            estimates = self._estimates(index, there)
            found[:, there] = estimates.values
            self.parts.append(estimates.parts)
        return spread_evenly(found, self.owners)

    def _estimates(self, index: int, there: Ints) -> orders.Estimates:
        def ask(kept: Bools, rounds: Ints) -> Array:
            whole = np.ones((len(kept), self.present.shape[1]), dtype=bool)
            whole[:, there] = kept
            return self._outputs(index, whole, rounds)

        ends = np.stack(
            [self.at_reference[:, index], np.full(self.rounds, self.predictions[index])], axis=1
        )
        if self.algorithm == "exact":
            return orders.all_coalitions(len(there), self.rounds, ask)
        position = int(self.context.positions[index])
        rng = np.random.default_rng(seed_of(self.context.seed, position))
        if self.algorithm == "permutation":
            drawn = orders.random_orders(len(there), self.rounds, rng)
            return orders.every_share(drawn, ends, ask)
        kept = self.partition[self.present[index][self.partition]]
        local = np.searchsorted(there, kept)
        drawn = orders.flipped_orders(local, self.rounds, rng)
        cuts = self.config.cuts("owen", len(there), self.rounds)
        return orders.largest_shares(local, drawn, ends, cuts, ask)

    def _outputs(self, index: int, kept: Bools, rounds: Ints) -> Array:
        """Outputs where the columns of players that are not kept are those of the reference."""
        row, references = self.context.inputs[index], self.references[:, index]
        size = max(1, _MOST_CELLS // len(row))
        found = [
            self.context.output(
                np.where(kept[part][:, self.owners], row, references[rounds[part]]),
            )
            for part in (slice(k, k + size) for k in range(0, len(kept), size))
        ]
        return np.concatenate(found) if found else np.zeros(0)


#: Numbers in one call of the model, so that a long series does not fill the memory.
_MOST_CELLS = 2**22


def about_players(config: ShapSettings, players: Players) -> tuple[str, ...]:
    """What was taken away, what it was compared with, and how finely."""
    name, many = players.kind.nouns
    words = players.kind.words
    notes = []
    if config.reference == "baseline":
        notes.append(
            f"A {name} that is left out becomes {words.substitute}; the values add up to the "
            "distance from the output for an input in which everything is left out."
        )
    else:
        notes.append(
            f"Columns that are left out are replaced by those of {players.rounds} training rows, "
            "one in each round, spread evenly over the range of the model's outputs."
        )
    if players.present.shape[1] < len(players.owners):
        notes.append(
            f"Each {name} was taken away as a whole; what it is worth is spread evenly over its "
            "columns, so that the sum is what counts."
        )
    if players.algorithm == "owen" and players.parts:
        total, parts = players.present.shape[1], float(np.mean(players.parts))
        notes.append(
            f"{count(total)} {many} are too many to tell apart one by one. They were halved again "
            f"and again, {words.alike} together and the parts of largest value first, until "
            f"{parts:.0f} parts had a value of their own; inside a part the value is spread evenly."
        )
        if config.screening:
            notes.append(about_screening(config.screening, total))
    if players.rounds > 1:
        notes.append(f"The standard error is the spread between {players.rounds} random orders.")
    return tuple(notes)
