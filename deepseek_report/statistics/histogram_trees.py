"""Histogram gradient boosting of scikit-learn, which compares in double precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.protocols.trees import CategorySplit, Nodes, TreeEnsemble, joined


@dataclass(frozen=True)
class HistogramTrees:
    """`HistGradientBoostingClassifier` of two classes and `HistGradientBoostingRegressor`.

    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> numbers = np.arange(60.0)
    >>> fitted = HistGradientBoostingRegressor(max_iter=2).fit(numbers[:, None], numbers)
    >>> ensemble = HistogramTrees().read(fitted)
    >>> len(ensemble.roots), ensemble.base.tolist()
    (2, [29.5])
    """

    def read(self, estimator: Any) -> TreeEnsemble:
        """One output: log-odds of the second class, or the number."""
        columns = _Columns.of(estimator)
        nodes, roots = joined([_nodes(tree, columns) for (tree,) in estimator._predictors])
        return TreeEnsemble(
            nodes,
            roots,
            base=np.asarray(estimator._baseline_prediction, dtype=np.float64).reshape(1),
            space="logit" if hasattr(estimator, "classes_") else "value",
            single_precision=False,
        )


@dataclass(frozen=True)
class _Columns:
    """What the trees see: categorical columns first, and of these the positions of the values.

    origins : (column of the trees,) column of the table. values : for each categorical column the
    values by position.
    """

    origins: Ints
    values: tuple[Floats, ...] = ()

    @classmethod
    def of(cls, estimator: Any) -> _Columns:
        categorical = estimator.is_categorical_
        if categorical is None:
            return cls(np.arange(estimator.n_features_in_))
        encoder = estimator._preprocessor.named_transformers_["encoder"]
        origins = np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])
        return cls(origins, tuple(np.asarray(v, dtype=np.float64) for v in encoder.categories_))


def _nodes(tree: Any, columns: _Columns) -> Nodes:
    nodes = tree.nodes
    leaf = nodes["is_leaf"].astype(bool)
    categorical = np.flatnonzero(~leaf & nodes["is_categorical"].astype(bool))
    return Nodes(
        feature=np.where(leaf, -1, columns.origins[nodes["feature_idx"]]),
        threshold=nodes["num_threshold"],
        left=nodes["left"].astype(np.int64),
        right=nodes["right"].astype(np.int64),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        values=nodes["value"][:, None],
        categories={
            int(node): _split(nodes[node], tree.raw_left_cat_bitsets, columns)
            for node in categorical
        },
    )


def _split(node: Any, bitsets: NDArray[np.uint32], columns: _Columns) -> CategorySplit:
    """Values that were unknown in training go where missing ones do."""
    values = columns.values[node["feature_idx"]]
    values = values[~np.isnan(values)]
    places = np.arange(len(values))
    left = (bitsets[node["bitset_idx"]][places // 32] >> (places % 32)) & 1 == 1
    return CategorySplit(values[left], values[~left], bool(node["missing_go_to_left"]))
