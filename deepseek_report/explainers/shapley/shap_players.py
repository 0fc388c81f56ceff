"""Shapley and Owen values of players: words, patches, windows, or the columns of a wide table."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import Coalitions
from deepseek_report.data_kinds.players import spread_evenly
from deepseek_report.explainers.shapley import player_orders
from deepseek_report.explainers.shapley.partition import partition_order
from deepseek_report.explainers.shapley.screening import about_screening, elementary_effects
from deepseek_report.explainers.shapley.shap_settings import ShapSettings
from deepseek_report.explainers.shapley.shapley_engine import ShapleyEngine
from deepseek_report.explainers.shared.attributions import seed_of


class Players:
    """Estimates one instance after another; `references` stand for what is taken away.

    base : (instance,) output at the reference. rounds : how many estimates each instance gets.
    """

    def __init__(self, config: ShapSettings, context: ExplainContext, predictions: Floats) -> None:
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
    def variant(self) -> Message:
        return message(f"explainer_variants.players_{self.algorithm}")

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

    def values(self, index: int) -> Floats:
        """(round, column) for one instance; players that are not there get 0."""
        players = np.flatnonzero(self.present[index])
        values = np.zeros((self.rounds, self.present.shape[1]))
        if len(players):
            estimates = self._estimates(index, players)
            values[:, players] = estimates.values
            self.parts.append(estimates.parts)
        return spread_evenly(values, self.owners)

    def _estimates(self, index: int, players: Ints) -> player_orders.Estimates:
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
            return player_orders.all_coalitions(len(players), self.rounds, ask)
        rng = np.random.default_rng(seed_of(self.context.seed, self.context.draws[index]))
        if self.algorithm == "permutation":
            drawn = player_orders.random_orders(len(players), self.rounds, rng)
            return player_orders.every_share(drawn, ends, ask)
        kept = self.partition[self.present[index][self.partition]]
        local = np.searchsorted(players, kept)
        drawn = player_orders.flipped_orders(local, self.rounds, rng)
        cuts = self.config.cuts("owen", len(players), self.rounds)
        return player_orders.largest_shares(local, drawn, ends, cuts, ask)


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
            notes.append(about_screening(config.screening, total))
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
        return (*notes, message("explainer_notes.regression.complete"))
    if engine.surrogate is not None:
        rows, fidelity = settings.surrogate_rows, engine.surrogate.fidelity
        notes.append(message("explainer_notes.regression.surrogate", rows=rows, fidelity=fidelity))
    if settings.algorithm == "surrogate":
        return tuple(notes)
    pairs = float(np.mean(engine.pairs))
    return (*notes, message("explainer_notes.regression.pairs", pairs=pairs))
