"""Exact Shapley values of a tree ensemble's probability, by the shap package."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.protocols import ExplainContext, TreeClassifier
from deepseek_report.explainers.shap_rounds import shap

Array = NDArray[np.float64]


def tree_values(context: ExplainContext) -> tuple[Array, float]:
    """Interventional Shapley values of the target's probability against all background rows.

    Returns
    -------
    (instance, feature) in units of probability, and the mean probability of the background rows.
    """
    classifier = cast(TreeClassifier, context.classifier)
    explainer: Any = shap.TreeExplainer(
        classifier.trees,
        classifier.columns(context.background),
        feature_perturbation="interventional",
        model_output="probability",
    )
    found = explainer.shap_values(classifier.columns(context.inputs), check_additivity=False)
    return _of_target(np.asarray(found), np.ravel(explainer.expected_value), context.target)


def _of_target(values: Array, base: Array, target: int) -> tuple[Array, float]:
    """One class of what shap gives: all classes, or the second of two."""
    if values.ndim == 3:
        return values[:, :, target], float(base[target])
    if target == 1:
        return values, float(base[0])
    return -values, 1 - float(base[0])
