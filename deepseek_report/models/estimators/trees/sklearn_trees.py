"""Trees, forests and gradient boosting of scikit-learn, which compare in single precision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.trees import Nodes, TreeEnsemble, joined
from deepseek_report.errors import NotApplicableError


@dataclass(frozen=True)
class AveragedTrees:
    """A single tree, or a forest: the mean over trees of shares of classes, or of a number."""

    def read(self, estimator: Any) -> TreeEnsemble:
        """One output for each class of the estimator, or the number."""
        trees = [tree.tree_ for tree in getattr(estimator, "estimators_", [estimator])]
        decides = hasattr(estimator, "classes_")
        leaves = [_shares(tree.value[:, 0]) if decides else tree.value[:, 0] for tree in trees]
        nodes, roots = joined(
            [_nodes(tree, leaf / len(trees)) for tree, leaf in zip(trees, leaves, strict=True)]
        )
        return TreeEnsemble(
            nodes,
            roots,
            base=np.zeros(nodes.values.shape[1]),
            space="probability" if decides else "value",
            single_precision=True,
        )


@dataclass(frozen=True)
class GradientBoostedTrees:
    """`GradientBoostingClassifier` of two classes and `GradientBoostingRegressor`."""

    def read(self, estimator: Any) -> TreeEnsemble:
        """One output: log-odds of the second class, or the number.

        Raises
        ------
        NotApplicableError : the boosting starts from another model than a constant.
        """
        trees = [tree.tree_ for tree in estimator.estimators_[:, 0]]
        nodes, roots = joined([_nodes(t, t.value[:, 0] * estimator.learning_rate) for t in trees])
        # exp(−y F) is least where F is half of the log-odds (Friedman, Hastie & Tibshirani 2000)
        scale = 2.0 if estimator.loss == "exponential" else 1.0
        return TreeEnsemble(
            replace(nodes, values=scale * nodes.values),
            roots,
            base=scale * self._start(estimator),
            space="logit" if hasattr(estimator, "classes_") else "value",
            single_precision=True,
        )

    @staticmethod
    def _start(estimator: Any) -> Floats:
        starts = {"str", "DummyClassifier", "DummyRegressor"}
        if type(estimator.init_).__name__ not in starts:
            raise NotApplicableError(message("explainer_refusals.not_additive"))
        row = np.zeros((1, estimator.n_features_in_), dtype=np.float32)
        return np.asarray(estimator._raw_predict_init(row), dtype=np.float64).reshape(1)


def _nodes(tree: Any, values: Floats) -> Nodes:
    leaf = tree.children_left < 0
    return Nodes(
        feature=np.where(leaf, -1, tree.feature),
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        missing_left=tree.missing_go_to_left.astype(bool),
        values=values,
    )


def _shares(weights: Floats) -> Floats:
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
