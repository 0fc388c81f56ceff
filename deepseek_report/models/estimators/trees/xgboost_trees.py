"""Trees of xgboost, read from the JSON that its boosters are stored as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.protocols.trees import CategorySplit, Nodes, TreeEnsemble, joined


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
        nodes, roots = joined([_nodes(tree) for tree in trees])
        decides = hasattr(estimator, "classes_")
        start = np.ravel(json.loads(learner["learner_model_param"]["base_score"]))
        return TreeEnsemble(
            nodes,
            roots,
            base=np.log(start / (1 - start)) if decides else start.astype(np.float64),
            space="logit" if decides else "value",
            single_precision=True,
        )


def _nodes(tree: Mapping[str, Any]) -> Nodes:
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
