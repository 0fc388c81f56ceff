"""Exact Shapley values of a tree ensemble's output, by the shap package."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import TreeClassifier
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.errors import NotApplicableError
from deepseek_report.explainers.shapley.shap_package import shap

#: Largest gap between the sum of the trees' values and the output, as a share of its spread.
_GAP_ALLOWED = 1e-3


def tree_values(context: ExplainContext) -> tuple[Floats, float]:
    """Interventional Shapley values of the target's probability, or of the predicted number.

    All background rows stand for "left out".

    Returns
    -------
    (instance, feature) in units of the output, and the mean output of the background rows.

    Raises
    ------
    NotApplicableError : the model has no trees for this target, or its output is not the sum of
        its trees.
    """
    if "trees" not in context.classifier.capabilities:
        raise NotApplicableError(
            message("explainer_refusals.no_trees", model=context.classifier.name)
        )
    classifier = cast(TreeClassifier, context.classifier)
    explainer: Any = shap.TreeExplainer(
        classifier.trees,
        classifier.columns(context.background),
        feature_perturbation="interventional",
        model_output="raw" if context.is_number else "probability",
    )
    values = explainer.shap_values(classifier.columns(context.inputs), check_additivity=False)
    base = np.ravel(explainer.expected_value)
    if context.is_number:
        return np.asarray(values), float(base[0])
    return _of_target(np.asarray(values), base, context.target)


def check_additivity(values: Floats, base: float, outputs: Floats) -> None:
    """Raise NotApplicableError where base value and values do not sum to the outputs."""
    gap = np.abs(values.sum(axis=1) + base - outputs).max(initial=0.0)
    if gap > _GAP_ALLOWED * max(float(np.abs(outputs - base).max(initial=0.0)), 1e-3):
        raise NotApplicableError(message("explainer_refusals.not_additive"))


def _of_target(values: Floats, base: Floats, target: int) -> tuple[Floats, float]:
    """One class of what shap gives: all classes, or the second of two."""
    if values.ndim == 3:
        return values[:, :, target], float(base[target])
    if target == 1:
        return values, float(base[0])
    return -values, 1 - float(base[0])
