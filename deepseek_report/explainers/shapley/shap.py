"""Shapley values of the target's probability, or of the number; with many players Owen values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation, Game
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.artifacts.protocols.models import ModelPart
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import differing
from deepseek_report.errors import NotApplicableError
from deepseek_report.explainers.attributions import Explainer, chunks, missing_capability
from deepseek_report.explainers.shapley.shap_players import Players, about_players, about_regression
from deepseek_report.explainers.shapley.shapley_engine import (
    ShapleyEngine,
    ShapSettings,
    planned_questions,
)
from deepseek_report.statistics.games.coalition_design import all_pairs
from deepseek_report.statistics.games.tree_shapley import tree_shapley
from deepseek_report.statistics.intervals import error_of_mean
from deepseek_report.statistics.resampling import batches_of

#: Of the size that the file names, the smallest and the largest that are offered. The error falls
#: with the root of the size: at most to an eighth, and more is a matter of `tolerance`.
_LEAST, _MOST = 0.25, 64
#: The most `rounds` that a configuration may ask for.
_MOST_ROUNDS = 1000


def _sizes(usual: int, most: int) -> Iterator[tuple[Turn, int]]:
    """Doubled sizes up to `most`, and when each is worth its price."""
    factor, last = _LEAST, 0
    while factor <= _MOST and last < most:
        size = min(max(round(factor * usual), 1), most)
        if size > last:
            larger = Turn.FINER if factor == 2 else Turn.FINEST
            turn = Turn.USUAL if factor <= 1 else larger
            yield (turn if last else Turn.ACCOUNT), size
        factor, last = 2 * factor, size


#: Players of which all coalitions can be asked for.
_MOST_EXACT = 16


@dataclass(frozen=True)
class Shap(ShapSettings, Explainer):
    """Shapley values: each feature's share of the distance from the average.

    "pairs" asks the model about coalitions of features in pairs with their complements, each
    pair against one background row, all sizes and all rows alike often, and regresses the outputs
    on who is in the coalition. The values are those against the whole background, whose mean
    output is the base value, and their standard error allows for every pair that was not asked
    about: 95 % intervals held the exact value in 95 to 96 % of simulations (docs/performance.md).
    `rounds` x `background_rows` sets how many rows of the model an instance gets, 2 (features - 1)
    each; with at most `exact_up_to` features it is all coalitions as often. With a `tolerance`
    more are asked for, twice as many each time, until no standard error exceeds it.

    In a table that has to be sampled, boosted trees are fitted first to the model's output at
    `surrogate_rows` mixtures of background rows. Their Shapley values are exact, and the pairs tell
    the values of what they miss, which is mostly little: the fewer pairs for the same error.

    In a text, an image or a series a whole player is taken away, a word, a patch or a window: words
    become the mask, all else its typical value. What a player is worth is spread evenly over its
    columns. With more than `permutation_up_to` players, or columns of a table, they are halved
    again and again (neighbours or correlated columns together), the parts of largest value first,
    until `max_evaluations` are spent: Owen values, against one background row a round. Which
    columns of a table stand together is decided by `screening` walks over training rows first.

    "surrogate" takes the values of these trees alone, and shares what they miss alike: the model
    is asked about `surrogate_rows` and the instances themselves, and the error is not estimated.

    For a model of decision trees "auto" takes "tree": the values follow exactly from the trees and
    all background rows, and the model is asked for its predictions alone. They explain what the
    trees add up to: the probability for forests, its log-odds for boosting.

    "exact" and "permutation" are the explainers of the shap package for tables, against `rounds` x
    `background_rows` training rows in turn, at even distances in the order of the model's output.
    The mean over the rows is reported, and by their spread its standard error.

    chunk : instances that are explained and stored at a time; a killed run goes on after them.

    Reference: Lundberg & Lee 2017, arXiv:1705.07874; Musco & Witter 2025, arXiv:2410.01917
    (leverage scores); Musco, Witter & Liu 2025, arXiv:2506.11849 (trees, and what they miss);
    Mitchell et al. 2022, arXiv:2104.12199 (orders); Lundberg et al. 2020,
    doi 10.1038/s42256-019-0138-9, and Nadel & Wettenstein 2025, arXiv:2511.09376 (trees); Owen
    1977, doi 10.1007/978-3-642-45494-3_7.
    """

    reveals = "aggregate"
    games = frozenset({"background", "baseline"})
    method = "shap"

    def explain(self, context: ExplainContext) -> Explanation:
        """Estimate Shapley values of the probability of the target, or of its log-odds.

        Returns values in the unit of `output_space`; base value plus their sum is the prediction.
        """
        classifier = context.classifier
        suited = self.playing(context.question).suited_to(
            classifier.capabilities, classifier.schema
        )
        if suited.algorithm == "tree":
            return suited._walked(context)
        if suited.algorithm in ("pairs", "surrogate"):
            return suited._regressed(context)
        players = len(classifier.schema.player_labels)
        if suited.algorithm == "exact" and players > _MOST_EXACT:
            raise NotApplicableError(
                message("explainer_refusals.too_many_players", players=players, most=_MOST_EXACT)
            )
        if suited.algorithm == "owen" or suited.reference == "baseline":
            return suited._of_players(context)
        return suited._sampled(context)

    def playing(self, question: Game) -> Shap:
        """With the reference that answers the question, where "auto" leaves it to that."""
        if self.reference != "auto" or question not in ("background", "baseline"):
            return self
        return replace(self, reference=question)

    def suited_to(self, capabilities: frozenset[Capability], schema: Schema) -> Shap:
        """With "auto" resolved: trees are walked, which always compares with background rows, and
        what is compared with is usual for such data where the question is not known.
        """
        kind = kind_of(schema)
        if self.screening and not kind.named_columns:
            return replace(self, screening=0).suited_to(capabilities, schema)
        reference = self.reference
        if reference == "auto":
            reference = kind.compared_with
        if self.algorithm == "auto" and "trees" in capabilities:
            return replace(self, algorithm="tree", reference="background")
        algorithm = self.resolved(len(schema.player_labels))
        return replace(self, algorithm=algorithm, reference=reference)

    def cheapest(self, capabilities: frozenset[Capability], schema: Schema) -> Shap:
        """The values of the trees that stand for most of the model, where a table must be sampled.

        Where nothing has to be sampled the method stays as it is.
        """
        suited = self.suited_to(capabilities, schema)
        sampled = len(schema.player_labels) > self.exact_up_to and suited.surrogate_rows > 0
        if suited.algorithm == "pairs" and suited.reference == "background" and sampled:
            return replace(suited, algorithm="surrogate")
        return suited

    @property
    def _game(self) -> Game:
        return "baseline" if self.reference == "baseline" else "background"

    def _walked(self, context: ExplainContext) -> Explanation:
        """Of the output that the trees add up to; all background rows stand for "left out".

        Raises NotApplicableError : the model has no trees for this target, or its output does not
        follow from the sum of its trees.
        """
        if "trees" not in context.classifier.capabilities:
            raise NotApplicableError(
                message("explainer_refusals.no_trees", model=context.classifier.name)
            )
        classifier = context.classifier
        before, ensemble = context.classifier.calls, classifier.trees
        space = ensemble.space
        context.progress.start("shap", 1)
        rows = classifier.columns(context.inputs), classifier.columns(context.background)
        is_drawn = bool(context.unseen(len(context.background)))
        batches = batches_of(len(context.background)) if is_drawn else []
        trees = tree_shapley(ensemble, *rows, context.target, batches)
        return self.of_trees(
            context,
            before,
            trees,
            space,
            message("explainer_refusals.not_additive"),
            context.background,
            variant=message("explainer_variants.trees", space=space),
            game="background",
            params={"algorithm": "tree", "background_rows": len(context.background)},
            notes=(
                message("explainer_notes.shap.independent"),
                message(
                    "explainer_notes.shap.trees",
                    rows=len(context.background),
                    space=space,
                    drawn=is_drawn,
                ),
            ),
        )

    def _regressed(self, context: ExplainContext) -> Explanation:
        before, n = context.classifier.calls, len(context.inputs)
        context.progress.start("shap", n)
        engine = ShapleyEngine(self, context)
        for part in chunks(n, self.chunk):
            engine.explain(part)
            context.progress.advance(part.stop - part.start)
        return self.explanation(
            context,
            before,
            values=engine.values,
            standard_error=engine.standard_error if engine.samples else None,
            predictions=engine.predictions,
            base_values=engine.base,
            variant=message("explainer_variants.shap_regression"),
            game=self._game,
            notes=about_regression(self, engine),
        )

    def _sampled(self, context: ExplainContext) -> Explanation:
        from deepseek_report.explainers.shapley.shap_rounds import Rounds, version

        before, n = context.classifier.calls, len(context.inputs)
        scores = context.output(context.background)
        chosen = self.chosen_rows(scores)
        own = context.background[chosen]
        unseen = (
            context.unseen(len(own)) if self.algorithm == "exact" else 1.0
        )  # else of orders too
        algorithm: Literal["exact", "permutation"] = (
            "exact" if self.algorithm == "exact" else "permutation"
        )
        context.progress.start("shap", n)
        values = np.zeros((len(own), *context.inputs.shape))
        rounds = Rounds(context, own[:, None], algorithm)
        for part in chunks(n, self.chunk):
            values[:, part] = rounds.values(part)
            context.progress.advance(part.stop - part.start)
        moves = differing(context.inputs, own, np.arange(values.shape[2]))
        values = np.where(moves, values, 0.0)
        return self.explanation(
            context,
            before,
            values=values.mean(axis=0),
            standard_error=_error(values, unseen),
            predictions=context.output(context.inputs),
            base_values=np.full(n, float(scores[chosen].mean())),
            variant=message(f"explainer_variants.shap_{algorithm}", version=version()),
            game="background",
            params=vars(self) | {"algorithm": algorithm, "rounds": self.sizes(len(scores))[0]},
            notes=(
                message("explainer_notes.shap.independent"),
                message("explainer_notes.shap.background", rows=len(own)),
            ),
        )

    def _of_players(self, context: ExplainContext) -> Explanation:
        before, n = context.classifier.calls, len(context.inputs)
        predictions = context.output(context.inputs)
        players = Players(self, context, predictions)
        context.progress.start("shap", n)
        values = np.empty((players.rounds, *context.inputs.shape))
        for index in range(n):
            values[:, index] = players.values(index)
            context.progress.advance()
        return self.explanation(
            context,
            before,
            values=values.mean(axis=0),
            standard_error=_error(values),
            predictions=predictions,
            base_values=players.base,
            variant=message(f"explainer_variants.players_{self.algorithm}"),
            game=self._game,
            params=vars(self) | {"rounds": players.rounds},
            notes=about_players(self, players),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        if self.algorithm == "tree":
            return n_instances
        algorithm = self.resolved(n_features)
        if algorithm in ("pairs", "surrogate"):
            at_reference = n_instances if self.reference == "baseline" else n_background
            rows = 1 if self.reference == "baseline" else n_background
            fitted = self.surrogate_rows if self.has_surrogate(n_features, rows) else 0
            pairs = self.levels(n_features, rows)[-1]
            return at_reference + fitted + n_instances * (1 + 2 * pairs)
        rounds, rows = self.sizes(n_background)
        if self.reference != "baseline" and algorithm != "owen":
            coalitions = 2**n_features if algorithm == "exact" else 2 * n_features + 1
            return n_background + n_instances * (1 + rounds * rows * coalitions)
        if self.reference == "baseline":
            rounds = 1 if algorithm == "exact" else self.rounds
        questions, before = 2**n_features if algorithm == "exact" else 2 * max(n_features - 1, 0), 0
        if algorithm == "owen":
            questions = 2 * self.cuts(n_features, rounds)
            before = planned_questions(self.screening, n_features)
        at_reference = n_instances if self.reference == "baseline" else n_background
        return n_instances * (1 + rounds * questions) + at_reference + before

    def offers(self, situation: Situation) -> Sequence[Offer]:
        """The sizes in which the values are worth their price, from the smallest to exact ones.

        Trees are walked, which is exact and costs one row an instance. Pairs of coalitions come
        with 1/4, 1/2, 1, 2, 4 … times the walks that the file names, until all pairs are asked
        about all rows; Owen values with as many evaluations, until every part is halved. What is
        left to the shap package has the size that the file names.
        """
        suited = self.suited_to(situation.capabilities, situation.schema)
        if suited.algorithm == "pairs":
            return self._sizes_of_pairs(suited, situation)
        if suited.algorithm == "owen":
            rounds = suited.rounds
            if suited.reference == "background":
                rounds, _ = suited.sizes(situation.background)
            all_halved = 2 * rounds * max(situation.players - 1, 1)
            return [
                Offer(
                    turn,
                    replace(self, max_evaluations=size),
                    message("recommendation.shap.owen", players=situation.players, rows=size),
                )
                for turn, size in _sizes(suited.max_evaluations, all_halved)
            ]
        why = message("recommendation.shap.package", algorithm=suited.algorithm)
        if suited.algorithm == "tree":
            why = message("recommendation.shap.trees", background=situation.background)
        return [Offer(Turn.ACCOUNT, self, why)]

    def _sizes_of_pairs(self, suited: Shap, situation: Situation) -> list[Offer]:
        rows = 1 if suited.reference == "baseline" else situation.background
        players = situation.players
        offers: list[Offer] = []
        for turn, rounds in _sizes(suited.rounds, _MOST_ROUNDS):
            size = replace(suited, rounds=rounds)
            pairs = size.levels(players, rows)[-1]
            if pairs >= rows * all_pairs(players):
                why = message("recommendation.shap.all", players=players, background=rows)
                return [*offers, Offer(turn, replace(self, rounds=rounds), why)]
            why = message("recommendation.shap.pairs", players=players, pairs=pairs)
            if size.has_surrogate(players, rows):
                why = message("recommendation.shap.surrogate", players=players, pairs=pairs)
            offers.append(Offer(turn, replace(self, rounds=rounds), why))
        return offers

    def refuses(self, model: ModelPart, nature: DataTraits) -> Message | None:
        if self.algorithm == "tree":
            return missing_capability(frozenset({"trees"}), model)
        return None


def _error(values: Floats, unseen: float = 1.0) -> Floats | None:
    """(instance, column) of (draw, instance, column); None where nothing is left to chance."""
    return error_of_mean(values, unseen) if unseen and len(values) > 1 else None
