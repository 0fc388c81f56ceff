"""Exact Shapley values of what the trees of a model add up to."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import TreeClassifier
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.games.tree_shapley import TreeValues, tree_shapley

#: Largest gap between the model's answer and that of its trees: as a share of the spread of
#: answers, and of their size, since boosting libraries add up in single precision.
_GAP_ALLOWED, _ROUNDING = 1e-4, 1e-6


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
    if ensemble.space == "logit":
        check_answers(1 / (1 + np.exp(-values.outputs)), answers)
        return values, ensemble.space
    check_answers(values.outputs, answers)
    return replace(values, outputs=answers), ensemble.space


def check_answers(of_trees: Floats, answers: Floats) -> None:
    """Raise NotApplicableError where trees give other answers than the model itself."""
    gap = np.abs(of_trees - answers).max(initial=0.0)
    spread, size = np.ptp(answers) if len(answers) else 0.0, np.abs(answers).max(initial=1.0)
    if gap > _GAP_ALLOWED * spread + _ROUNDING * size:
        raise NotApplicableError(message("explainer_refusals.not_additive"))
