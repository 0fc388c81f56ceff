"""Shapley values where what is left out is drawn given what stays: the conditional game."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.artifacts.protocols.models import ModelPart
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds.coalitions import differing, each_once, in_parts
from deepseek_report.errors import NotApplicableError
from deepseek_report.explainers.attributions import Explainer, chunks, missing_capability, seed_of
from deepseek_report.explainers.shapley import shap_players
from deepseek_report.statistics.games.coalition_design import random_orders
from deepseek_report.statistics.games.conditional_sampling import GaussianCopula
from deepseek_report.statistics.games.tree_shapley import path_shapley
from deepseek_report.statistics.intervals import error_of_mean
from deepseek_report.statistics.ranking import thin

#: Different orders of the players: instances that share them share their error.
_DESIGNS = 8
#: Columns of which the conditional distributions of all coalitions fit the memory.
_MOST_COLUMNS = 64
#: Leaves times cases up to which trees are walked.
_MOST_PATHS = 20_000_000


@dataclass(frozen=True)
class ConditionalShap(Explainer):
    """Conditional Shapley values: what is left out keeps to what goes with the features that stay.

    Where features are correlated, SHAP asks the model about combinations that do not occur. Here
    the features that are left out are drawn given the others, by a Gaussian copula of training
    rows. So a feature that the model does not use gets a share where it goes with one that the
    model uses: the values tell what knowing a feature says of the output, not what the model does
    with it. Categories without an order are ranked by what they go with; missing values count as
    the lowest.

    For a model of decision trees "auto" takes "trees": a feature that is left out follows the
    training rows in each node, by the conditions above it. It is exact for this rule, which comes
    near the conditional distribution where the trees asked for what goes together, and explains
    what the trees add up to.

    rounds : orders of the features, each with a draw and its mirror image, that are walked in both
    directions; of at most `exact_up_to` features all coalitions are asked about in each round. The
    mean over rounds is reported, and their spread as standard error. training_rows : to which the
    copula is fitted. chunk : instances that are asked about at a time.

    Reference: Aas, Jullum & Løland 2021, doi:10.1016/j.artint.2021.103502; Lundberg et al. 2020,
    doi:10.1038/s42256-019-0138-9 (trees).
    """

    reveals = "aggregate"
    modalities = frozenset({"table"})

    algorithm: Literal["auto", "trees", "copula"] = "auto"
    rounds: Annotated[int, Field(ge=2, le=1000)] = 16
    exact_up_to: Annotated[int, Field(ge=1, le=12)] = 5
    training_rows: Annotated[int, Field(ge=50, le=100_000)] = 2000
    chunk: Annotated[int, Field(ge=1)] = 16

    method = "conditional_shap"

    def explain(self, context: ExplainContext) -> Explanation:
        """Estimate the values of the probability of the target, or of the number.

        Raises NotApplicableError : there are too many columns for the copula, or too many trees, or
        these do not add up to the output.
        """
        capabilities, schema = context.classifier.capabilities, context.classifier.schema
        suited = self.suited_to(capabilities, schema)
        return suited._walked(context) if suited.algorithm == "trees" else suited._drawn(context)

    def suited_to(self, capabilities: frozenset[Capability], schema: Schema) -> ConditionalShap:
        """With "auto" resolved: trees are walked."""
        if self.algorithm != "auto":
            return self
        return replace(self, algorithm="trees" if "trees" in capabilities else "copula")

    def _walked(self, context: ExplainContext) -> Explanation:
        """NotApplicableError where the trees are too many, or do not add up to the output."""
        classifier = context.classifier
        before = context.classifier.calls
        context.progress.start(self.method, 1)
        rows = context.known_rows
        training = rows[thin(len(rows), self.training_rows)]
        ensemble = classifier.trees
        paths = int((ensemble.nodes.feature < 0).sum()) * len(context.inputs)
        if paths > _MOST_PATHS:
            raise NotApplicableError(
                message("explainer_refusals.too_many_leaves", paths=paths, most=_MOST_PATHS)
            )
        columns = classifier.columns(context.inputs), classifier.columns(training)
        trees = path_shapley(ensemble, *columns, context.target)
        return self.of_trees(
            context,
            before,
            trees,
            ensemble.space,
            message("explainer_refusals.sum_of_trees"),
            training,
            variant=message("explainer_variants.leaves", space=ensemble.space),
            game="conditional",
            notes=(
                message("explainer_notes.conditional.leaves", rows=len(training)),
                message("explainer_notes.conditional.unused"),
            ),
        )

    def _drawn(self, context: ExplainContext) -> Explanation:
        """By the copula; NotApplicableError where there are too many columns."""
        n, columns = context.inputs.shape
        if columns > _MOST_COLUMNS:
            raise NotApplicableError(
                message("explainer_refusals.too_many_columns", columns=columns, most=_MOST_COLUMNS)
            )
        before = context.classifier.calls
        context.progress.start(self.method, n)
        game = _Game.of(context, self)
        values = np.empty((self.rounds, n, columns))
        for part in chunks(n, self.chunk):
            for index in range(part.start, part.stop):
                values[:, index] = game.estimates(index).values
            context.progress.advance(part.stop - part.start)
        values = np.where(differing(context.inputs, game.learnt, np.arange(columns)), values, 0.0)
        return self.explanation(
            context,
            before,
            values=values.mean(axis=0),
            standard_error=error_of_mean(values),
            predictions=game.predictions,
            base_values=np.full(n, game.nothing.mean()),
            variant=message("explainer_variants.copula"),
            game="conditional",
            notes=(
                message("explainer_notes.conditional.given", rows=len(game.learnt)),
                message("explainer_notes.conditional.unused"),
                message("explainer_notes.players.spread", rounds=self.rounds),
            ),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        if self.algorithm == "trees":
            return n_instances
        few = n_features <= self.exact_up_to
        questions = 2**n_features if few else 2 * max(n_features - 1, 0)
        return 2 * self.rounds + n_instances * (1 + 2 * self.rounds * questions)

    def offers(self, situation: Situation) -> Sequence[Offer]:
        """The answer to another question than SHAP's, so never in its place."""
        suited = self.suited_to(situation.capabilities, situation.schema)
        reason = message(f"recommendation.conditional.{suited.algorithm}", rounds=self.rounds)
        return [Offer(Turn.SPARE, self, reason)]

    def refuses(self, model: ModelPart, nature: DataTraits) -> Message | None:
        if self.algorithm == "trees":
            return missing_capability(frozenset({"trees"}), model)
        return None


@dataclass
class _Game:
    """The conditional game of some instances, with draws that all of them share.

    learnt : (row, column) of the copula. scores : (instance, column) of the instances. drawn :
    (round, column) scores with nothing known. nothing : (round,) mean output at a draw and its
    mirror image. predictions : (instance,).
    """

    context: ExplainContext
    settings: ConditionalShap
    copula: GaussianCopula
    learnt: Floats
    scores: Floats
    drawn: Floats
    nothing: Floats
    predictions: Floats
    _matrices: dict[int, Floats] = field(default_factory=dict)

    @classmethod
    def of(cls, context: ExplainContext, settings: ConditionalShap) -> _Game:
        rows = context.known_rows
        rows = rows[thin(len(rows), settings.training_rows)]
        features = context.classifier.schema.features
        nominal = np.array([feature.kind == "categorical" for feature in features])
        copula = GaussianCopula.fitted(rows, nominal)
        drawn = copula.draws(settings.rounds, np.random.default_rng(context.seed))
        both = copula.values(np.concatenate([drawn, -drawn]))
        nothing = each_once(context.output, both).reshape(2, -1).mean(axis=0)
        scores, predictions = copula.scores(context.inputs), context.output(context.inputs)
        return cls(context, settings, copula, rows, scores, drawn, nothing, predictions)

    def estimates(self, index: int) -> shap_players.Estimates:
        """(round, column) values of one instance."""
        settings, columns = self.settings, self.scores.shape[1]
        design = seed_of(self.context.seed, self.context.draws[index]) % _DESIGNS

        def ask(kept: Bools, rounds: Ints) -> Floats:
            return self._answers(index, design, kept, rounds)

        if columns <= settings.exact_up_to:
            return shap_players.all_coalitions(columns, settings.rounds, ask)
        random = np.random.default_rng([self.context.seed, design, columns])
        ends = np.stack([self.nothing, np.full(settings.rounds, self.predictions[index])], axis=1)
        return shap_players.every_share(random_orders(columns, settings.rounds, random), ends, ask)

    def _answers(self, index: int, design: int, kept: Bools, rounds: Ints) -> Floats:
        """(coalition,) mean output where the others are drawn given those that stay."""
        if design not in self._matrices:
            self._matrices[design] = self.copula.conditioning(kept)
        matrices, row = self._matrices[design], self.context.inputs[index]
        sides = []
        for drawn in (self.drawn, -self.drawn):
            start = drawn[rounds]
            moved = np.einsum("qij,qj->qi", matrices, self.scores[index] - start)
            sides.append(np.where(kept, row, self.copula.values(start + moved)))
        answers = in_parts(
            lambda rows: each_once(self.context.output, rows), len(row), np.concatenate(sides)
        )
        return np.asarray(answers.reshape(2, -1).mean(axis=0))
