"""The sizes in which Shapley values are worth their price, from the smallest to the exact ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.classifier import TreeClassifier
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Situation, Turn
from deepseek_report.errors import NotApplicableError
from deepseek_report.explainers.shapley.coalition_design import all_pairs
from deepseek_report.explainers.shapley.shap_settings import ShapSettings
from deepseek_report.statistics.games.tree_shapley import TreeValues, tree_shapley


def tree_values(context: ExplainContext) -> tuple[TreeValues, OutputSpace]:
    """Interventional Shapley values of the output of the target that the trees add up to.

    All background rows stand for "left out".

    Returns
    -------
    The values, and their unit: probability of the target, its log-odds, or the predicted number.
    The outputs are the model's own answers where it gives these in that unit.

    Raises
    ------
    NotApplicableError : the model has no trees for this target, or its output does not follow from
        the sum of its trees.
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
