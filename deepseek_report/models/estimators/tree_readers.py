"""Which reader knows the trees of which estimator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.trees import CategorySplit, Nodes, TreeEnsemble, joined
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.small_trees import HistogramTrees

#: Parts of `decision_type`: bits 0 and 1, and in bits 2 and 3 what counts as missing.
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NOTHING, _ZERO = 0, 1


@dataclass(frozen=True)
class LightgbmTrees:
    """`LGBMClassifier` of two classes and `LGBMRegressor`."""

    def read(self, estimator: Any) -> TreeEnsemble:
        """One output: log-odds of the second class, or the number.

        Raises NotApplicableError : the leaves hold linear models.
        """
        head, *blocks = estimator.booster_.model_to_string().split("\nTree=")
        nodes, roots = joined([_lightgbm_nodes(_fields(block)) for block in blocks])
        scale = 1 / len(blocks) if "\naverage_output" in head else 1.0
        ensemble = TreeEnsemble(
            nodes,
            roots,
            base=np.zeros(1),
            space="logit" if hasattr(estimator, "classes_") else "value",
            single_precision=False,
        )
        return ensemble.with_outputs(np.array([[scale * _steepness(_fields(head))]]))


def _steepness(head: Mapping[str, str]) -> float:
    """Of the logistic function that turns the sum into a probability; 1 for a number."""
    settings = dict(part.split(":", 1) for part in head["objective"].split() if ":" in part)
    return float(settings.get("sigmoid", 1.0))


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _lightgbm_nodes(tree: Mapping[str, str]) -> Nodes:
    """The inner nodes, then the leaves; a child that is a leaf is −1 − its number."""
    if tree.get("is_linear", "0") == "1":
        raise NotApplicableError(message("explainer_refusals.not_additive"))
    leaves = _numbers(tree, "leaf_value")
    feature, kinds = _wholes(tree, "split_feature"), _wholes(tree, "decision_type")
    threshold, missing, n = _numbers(tree, "threshold"), (kinds >> 2) & 3, len(feature)
    children = [_wholes(tree, name) for name in ("left_child", "right_child")]
    left, right = (np.where(child < 0, n - 1 - child, child) for child in children)
    default_left = (kinds & _DEFAULT_LEFT) > 0
    missing_left = np.where(missing == _NOTHING, threshold >= 0, default_left)  # read as 0
    categorical = (kinds & _CATEGORICAL) > 0
    more = len(leaves)
    return Nodes(
        feature=_padded(feature, more, -1),
        threshold=_padded(threshold, more, 0.0),
        left=_padded(left, more, -1),
        right=_padded(right, more, -1),
        missing_left=_padded(missing_left & ~categorical, more, False),
        values=np.concatenate([np.zeros(n), leaves])[:, None],
        zero_missing=_padded((missing == _ZERO) & ~categorical, more, False),
        categories={
            int(node): CategorySplit(
                _members(tree, int(threshold[node])), np.empty(0), others_left=False
            )
            for node in np.flatnonzero(categorical)
        },
    )


def _members(tree: Mapping[str, str], number: int) -> Floats:
    """The categories of a set, which is stored as words of 32 bits."""
    first, last = _wholes(tree, "cat_boundaries")[[number, number + 1]]
    words = _wholes(tree, "cat_threshold")[first:last]
    bits = (words[:, None] >> np.arange(32)) & 1
    return np.flatnonzero(bits.ravel()).astype(np.float64)


def _padded(values: Any, more: int, filling: Any) -> Any:
    return np.concatenate([values, np.full(more, filling)])


def _numbers(tree: Mapping[str, str], name: str) -> Floats:
    return np.array(tree.get(name, "").split(), dtype=np.float64)


def _wholes(tree: Mapping[str, str], name: str) -> Ints:
    return np.array(tree.get(name, "").split(), dtype=np.int64)


@dataclass(frozen=True)
class AveragedTrees:
    """A single tree, or a forest: the mean over trees of shares of classes, or of a number."""

    def read(self, estimator: Any) -> TreeEnsemble:
        """One output for each class of the estimator, or the number."""
        trees = [tree.tree_ for tree in getattr(estimator, "estimators_", [estimator])]
        decides = hasattr(estimator, "classes_")
        leaves = [_shares(tree.value[:, 0]) if decides else tree.value[:, 0] for tree in trees]
        nodes, roots = joined(
            [
                _sklearn_nodes(tree, leaf / len(trees))
                for tree, leaf in zip(trees, leaves, strict=True)
            ]
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

        Raises NotApplicableError : the boosting starts from another model than a constant.
        """
        trees = [tree.tree_ for tree in estimator.estimators_[:, 0]]
        nodes, roots = joined(
            [_sklearn_nodes(t, t.value[:, 0] * estimator.learning_rate) for t in trees]
        )
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


def _sklearn_nodes(tree: Any, values: Floats) -> Nodes:
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


@dataclass(frozen=True)
class XgboostTrees:
    """`XGBClassifier` of two classes and `XGBRegressor`."""

    def read(self, estimator: Any) -> TreeEnsemble:
        """One output: log-odds of the second class, or the number."""
        learner = json.loads(bytes(estimator.get_booster().save_raw("json")))["learner"]
        model = learner["gradient_booster"]["model"]
        trees, best = model["trees"], learner["attributes"].get("best_iteration")
        if best is not None:
            trees = trees[: model["iteration_indptr"][int(best) + 1]]
        nodes, roots = joined([_xgboost_nodes(tree) for tree in trees])
        decides = hasattr(estimator, "classes_")
        start = np.ravel(json.loads(learner["learner_model_param"]["base_score"]))
        return TreeEnsemble(
            nodes,
            roots,
            base=np.log(start / (1 - start)) if decides else start.astype(np.float64),
            space="logit" if decides else "value",
            single_precision=True,
        )


def _xgboost_nodes(tree: Mapping[str, Any]) -> Nodes:
    """Values below a threshold go left: those up to the next lower number."""
    left = np.array(tree["left_children"], dtype=np.int64)
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    return Nodes(
        feature=np.where(left < 0, -1, np.array(tree["split_indices"], dtype=np.int64)),
        threshold=np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64),
        left=left,
        right=np.array(tree["right_children"], dtype=np.int64),
        missing_left=np.array(tree["default_left"], dtype=bool),
        values=conditions.astype(np.float64)[:, None],
        categories=_categories(tree),
    )


def _categories(tree: Mapping[str, Any]) -> dict[int, CategorySplit]:
    """The categories that are named go right, all others left."""
    values = np.array(tree["categories"], dtype=np.float64)
    starts, sizes = tree["categories_segments"], tree["categories_sizes"]
    none: Floats = np.empty(0)
    return {
        int(node): CategorySplit(none, values[start : start + size], others_left=True)
        for node, start, size in zip(tree["categories_nodes"], starts, sizes, strict=True)
    }


class TreeReader(Protocol):
    """Reads the trees of one form of estimators; no library is imported for it."""

    def read(self, estimator: Any) -> TreeEnsemble:
        """The fitted estimator's trees, with an output for each class, or a single one."""


#: By class of estimator, "Classifier" and "Regressor" left out.
_READERS: Mapping[str, TreeReader] = {
    "DecisionTree": AveragedTrees(),
    "ExtraTree": AveragedTrees(),
    "RandomForest": AveragedTrees(),
    "ExtraTrees": AveragedTrees(),
    "GradientBoosting": GradientBoostedTrees(),
    "HistGradientBoosting": HistogramTrees(),
    "XGB": XgboostTrees(),
    "LGBM": LightgbmTrees(),
}


def read_trees(estimator: Any) -> TreeEnsemble:
    """The trees of a fitted estimator whose class is in `TREES`."""
    name = type(estimator).__name__
    return _READERS[name.removesuffix("Classifier").removesuffix("Regressor")].read(estimator)
