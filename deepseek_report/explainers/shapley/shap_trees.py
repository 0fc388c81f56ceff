"""Exact Shapley values of what the trees of a model add up to."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import TreeClassifier
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.errors import NotApplicableError
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
