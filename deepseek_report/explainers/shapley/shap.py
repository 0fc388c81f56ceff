"""Shapley values of the target's probability, or of the number; with many players Owen values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation, Game, OutputSpace
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.classifier import Capability, TreeClassifier
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.artifacts.protocols.models import ModelPlugin
from deepseek_report.artifacts.protocols.traits import ExplainerPart
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.explainers.attributions import chunks, missing_capability, subject
from deepseek_report.explainers.shapley.shap_players import Players, about_players, about_regression
from deepseek_report.explainers.shapley.shap_settings import ShapSettings, planned_questions
from deepseek_report.explainers.shapley.shapley_engine import ShapleyEngine
from deepseek_report.statistics.games.coalition_design import all_pairs
from deepseek_report.statistics.games.tree_shapley import TreeValues, tree_shapley

# The sizes in which Shapley values are worth their price, from the smallest to the exact ones.


def tree_values(context: ExplainContext) -> tuple[TreeValues, OutputSpace]:
    """Interventional Shapley values of the output of the target that the trees add up to.

    All background rows stand for "left out".

    Returns the values, and their unit: probability of the target, its log-odds, or the predicted
    number. The outputs are the model's own answers where it gives these in that unit.
    Raises NotApplicableError : the model has no trees for this target, or its output does not
    follow from the sum of its trees.
    """
    if "trees" not in context.classifier.capabilities:
        raise NotApplicableError(
            message("explainer_refusals.no_trees", model=context.classifier.name)
        )
    classifier = cast(TreeClassifier, context.classifier)
    ensemble = classifier.trees
    values = tree_shapley(
        ensemble,
        classifier.columns(context.inputs),
        classifier.columns(context.background),
        context.target,
    )
    answers = context.output(context.inputs)
    if not values.add_up(answers, ensemble.space):
        raise NotApplicableError(message("explainer_refusals.not_additive"))
    if ensemble.space != "logit":
        values = replace(values, outputs=answers)
    return values, ensemble.space


#: Of the size that the file names, the smallest and the largest that are offered. The error falls
#: with the root of the size: at most to an eighth, and more is a matter of `tolerance`.
_LEAST, _MOST = 0.25, 64
#: The most `rounds` that a configuration may ask for.
_MOST_ROUNDS = 1000


@dataclass(frozen=True)
class ShapSize:
    """When a size is worth its price, the fields that make it, and why."""

    turn: Turn
    fields: Mapping[str, Any]
    reason: Message


def shap_sizes(shap: ShapSettings, situation: Situation) -> list[ShapSize]:
    """The sizes of an explainer whose algorithm is chosen, see `Shap.suited_to`.

    Trees are walked, which is exact and costs one row an instance. Pairs of coalitions come with
    1/4, 1/2, 1, 2, 4 … times the walks that the file names, until all pairs are asked about all
    rows; Owen values with as many evaluations, until every part is halved. What is left to the shap
    package has the size that the file names.
    """
    if shap.algorithm == "pairs":
        return _of_pairs(shap, situation)
    if shap.algorithm == "owen":
        return _of_parts(shap, situation)
    why = message("recommendation.shap.package", algorithm=shap.algorithm)
    if shap.algorithm == "tree":
        why = message("recommendation.shap.trees", background=situation.background)
    return [ShapSize(Turn.ACCOUNT, {}, why)]


def _of_pairs(shap: ShapSettings, situation: Situation) -> list[ShapSize]:
    rows = 1 if shap.reference == "baseline" else situation.background
    sizes: list[ShapSize] = []
    for turn, rounds in _sizes(shap.rounds, _MOST_ROUNDS):
        why = _about_pairs(replace(shap, rounds=rounds), situation.players, rows)
        sizes.append(ShapSize(turn, {"rounds": rounds}, why))
        if why.id == "recommendation.shap.all":
            break
    return sizes


def _about_pairs(shap: ShapSettings, players: int, rows: int) -> Message:
    pairs = shap.levels(players, rows)[-1]
    if pairs >= rows * all_pairs(players):
        return message("recommendation.shap.all", players=players, background=rows)
    if shap.has_surrogate(players, rows):
        return message("recommendation.shap.surrogate", players=players, pairs=pairs)
    return message("recommendation.shap.pairs", players=players, pairs=pairs)


def _of_parts(shap: ShapSettings, situation: Situation) -> list[ShapSize]:
    rounds = shap.rounds
    if shap.reference == "background":
        rounds, _ = shap.sizes(situation.background)
    all_halved = 2 * rounds * max(situation.players - 1, 1)
    return [
        ShapSize(
            turn,
            {"max_evaluations": rows},
            message("recommendation.shap.owen", players=situation.players, rows=rows),
        )
        for turn, rows in _sizes(shap.max_evaluations, all_halved)
    ]


def _sizes(usual: int, most: int) -> Iterator[tuple[Turn, int]]:
    """Doubled sizes up to `most`, and when each is worth its price."""
    factor, last = _LEAST, 0
    while factor <= _MOST and last < most:
        size = min(max(round(factor * usual), 1), most)
        if size > last:
            yield (_turn(factor) if last else Turn.ACCOUNT), size
        factor, last = 2 * factor, size


def _turn(factor: float) -> Turn:
    if factor <= 1:
        return Turn.USUAL
    return Turn.FINER if factor == 2 else Turn.FINEST


#: Players of which all coalitions can be asked for.
_MOST_EXACT = 16


@dataclass(frozen=True)
class Shap(ShapSettings, ExplainerPart):
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

    "exact" and "permutation" are the explainers of the shap package for tables, once a round
    against backgrounds of `background_rows` training rows: interleaved systematic samples, ordered
    by the model's output. The mean over rounds is reported, and their spread as standard error.

    chunk : instances that are explained and stored at a time; a killed run goes on after them.

    Reference: Lundberg & Lee 2017, arXiv:1705.07874; Musco & Witter 2025, arXiv:2410.01917
    (leverage scores); Musco, Witter & Liu 2025, arXiv:2506.11849 (trees, and what they miss);
    Mitchell et al. 2022, arXiv:2104.12199 (orders); Lundberg et al. 2020,
    doi 10.1038/s42256-019-0138-9, and Nadel & Wettenstein 2025, arXiv:2511.09376 (trees); Owen
    1977, doi 10.1007/978-3-642-45494-3_7.
    """

    reveals = "aggregate"
    games = frozenset({"background", "baseline"})

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
            return suited._of_pairs(context)
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
        classifier = context.classifier
        before = classifier.calls
        context.progress.start("shap", 1)
        trees, space = tree_values(context)
        context.progress.advance()
        return Explanation(
            values=trees.values,
            predictions=trees.outputs,
            base_values=np.full(len(trees.values), trees.base),
            method="shap",
            variant=message("explainer_variants.trees", space=space),
            output_space=space,
            game="background",
            n_model_calls=classifier.calls - before,
            params={"algorithm": "tree", "background_rows": len(context.background)},
            notes=(
                message("explainer_notes.shap.independent"),
                message("explainer_notes.shap.trees", rows=len(context.background), space=space),
            ),
            **subject(context),
        )

    def _of_pairs(self, context: ExplainContext) -> Explanation:

        classifier, n = context.classifier, len(context.inputs)
        before = classifier.calls
        context.progress.start("shap", n)
        engine = ShapleyEngine(self, context)
        for part in chunks(n, self.chunk):
            engine.explain(part)
            context.progress.advance(part.stop - part.start)
        return Explanation(
            values=engine.values,
            standard_error=engine.standard_error if engine.samples else None,
            predictions=engine.predictions,
            base_values=engine.base,
            method="shap",
            variant=message("explainer_variants.shap_regression"),
            output_space=context.output_space,
            game=self._game,
            n_model_calls=classifier.calls - before,
            params=asdict(self),
            notes=about_regression(self, engine),
            **subject(context),
        )

    def _sampled(self, context: ExplainContext) -> Explanation:
        from deepseek_report.explainers.shapley.shap_rounds import Rounds, version

        classifier, n = context.classifier, len(context.inputs)
        before = classifier.calls
        backgrounds, base = self._backgrounds(context)
        algorithm: Literal["exact", "permutation"] = (
            "exact" if self.algorithm == "exact" else "permutation"
        )
        context.progress.start("shap", n)
        values = np.zeros((len(backgrounds), *context.inputs.shape))
        with _numpy_seed_restored():
            rounds = Rounds(context, backgrounds, algorithm)
            for part in chunks(n, self.chunk):
                values[:, part] = rounds.values(part)
                context.progress.advance(part.stop - part.start)
        return Explanation(
            values=values.mean(axis=0),
            standard_error=_standard_error(values),
            predictions=context.output(context.inputs),
            base_values=np.full(n, base),
            method="shap",
            variant=message(f"explainer_variants.shap_{algorithm}", version=version()),
            output_space=context.output_space,
            game="background",
            n_model_calls=classifier.calls - before,
            params=asdict(self) | {"algorithm": algorithm, "rounds": len(backgrounds)},
            notes=(message("explainer_notes.shap.independent"), _about_background(backgrounds)),
            **subject(context),
        )

    def _of_players(self, context: ExplainContext) -> Explanation:
        classifier, n = context.classifier, len(context.inputs)
        before = classifier.calls
        predictions = context.output(context.inputs)
        players = Players(self, context, predictions)
        context.progress.start("shap", n)
        values = np.empty((players.rounds, *context.inputs.shape))
        for index in range(n):
            values[:, index] = players.values(index)
            context.progress.advance()
        return Explanation(
            values=values.mean(axis=0),
            standard_error=_standard_error(values),
            predictions=predictions,
            base_values=players.base,
            method="shap",
            variant=players.variant,
            output_space=context.output_space,
            game=self._game,
            n_model_calls=classifier.calls - before,
            params=asdict(self) | {"rounds": players.rounds},
            notes=about_players(self, players),
            **subject(context),
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
        if self.reference == "baseline":
            rounds = 1 if algorithm == "exact" else self.rounds
        if self.reference == "baseline" or algorithm == "owen":
            questions = rounds * self.evaluations(algorithm, n_features, rounds)
            before = planned_questions(self.screening, n_features) if algorithm == "owen" else 0
            return (
                n_instances * (1 + questions)
                + (n_instances if self.reference == "baseline" else n_background)
                + before
            )
        coalitions = 2**n_features if algorithm == "exact" else 2 * n_features + 1
        return n_background + n_instances * (1 + rounds * rows * coalitions)

    def offers(self, situation: Situation) -> Sequence[Offer]:
        suited = self.suited_to(situation.capabilities, situation.schema)
        return [
            Offer(size.turn, replace(self, **size.fields), size.reason)
            for size in shap_sizes(suited, situation)
        ]

    def refuses(self, model: ModelPlugin, nature: DataTraits) -> Message | None:
        if self.algorithm == "tree":
            return missing_capability(frozenset({"trees"}), model)
        return None

    def _backgrounds(self, context: ExplainContext) -> tuple[Floats, float]:
        """(round, row, feature) and the model's mean output on all of them."""
        scores = context.output(context.background)
        chosen = self.chosen_rows(scores)
        return context.background[chosen], float(scores[chosen].mean())


def _standard_error(values: Floats) -> Floats | None:
    if len(values) < 2:
        return None
    return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(len(values)))


def _about_background(backgrounds: Floats) -> Message:
    rounds, rows, _ = backgrounds.shape
    return message("explainer_notes.shap.background", rounds=rounds, rows=rows)


@contextmanager
def _numpy_seed_restored() -> Iterator[None]:
    """Leave NumPy's global generator, from which shap draws, as it was."""
    state = np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
