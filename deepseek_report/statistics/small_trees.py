"""A small regression tree over features, as nodes that can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.protocols.trees import CategorySplit, Nodes, TreeEnsemble, joined

if TYPE_CHECKING:
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
    from sklearn.tree import DecisionTreeRegressor
    from sklearn.tree._tree import Tree


@dataclass(frozen=True)
class SplitColumn:
    """What a column of the tree's input stands for.

    feature : position of the feature. category : position of the category that the column tells
    from all others; None for a number or an order, which are split at a value.
    """

    feature: int
    category: int | None = None


@dataclass(frozen=True)
class TreeNode:
    """One node. The left branch takes rows up to `split`, or those that are not the category.

    parent : place of the node above; -1 for the root. goes_left : whether it is the left branch of
    that. column, split : by what its rows are divided; None in a leaf. value : mean of the target.
    """

    parent: int
    goes_left: bool
    depth: int
    column: SplitColumn | None
    split: float
    value: float


def split_columns(categories: Sequence[int]) -> list[SplitColumn]:
    """One column a number or order, and one for each category of a feature without an order.

    categories : (feature,) how many categories a feature without an order has; 0 for the others.

    >>> [(column.feature, column.category) for column in split_columns([0, 2])]
    [(0, None), (1, 0), (1, 1)]
    """
    return [
        SplitColumn(feature, category)
        for feature, n in enumerate(categories)
        for category in (range(n) if n else [None])
    ]


def as_columns(inputs: Floats, columns: Sequence[SplitColumn]) -> Floats:
    """(row, column) what the tree reads; a missing category is none of them, and numbers keep NaN.

    inputs : (row, feature).
    """
    columns_of = [
        inputs[:, column.feature]
        if column.category is None
        else (inputs[:, column.feature] == column.category).astype(np.float64)
        for column in columns
    ]
    return np.column_stack(columns_of)


@dataclass(frozen=True)
class SmallTree:
    """A fitted tree. nodes : the root first, each after the one above it."""

    columns: tuple[SplitColumn, ...]
    nodes: tuple[TreeNode, ...]
    estimator: DecisionTreeRegressor

    @classmethod
    def fit(
        cls,
        inputs: Floats,
        outputs: Floats,
        columns: Sequence[SplitColumn],
        *,
        depth: int,
        leaves: int,
        fewest: int,
    ) -> SmallTree:
        """The tree that tells most of the outputs (row,), by CART.

        depth, leaves : at most. fewest : rows of a leaf.

        Reference: Breiman et al. 1984, Classification and Regression Trees.
        """
        from sklearn.tree import DecisionTreeRegressor

        estimator = DecisionTreeRegressor(
            max_depth=depth, max_leaf_nodes=leaves, min_samples_leaf=fewest, random_state=0
        ).fit(as_columns(inputs, columns), outputs)
        return cls(tuple(columns), _nodes(estimator.tree_, columns), estimator)

    def predict(self, inputs: Floats) -> Floats:
        """(row,) the value of the leaf of each row."""
        return np.asarray(self.estimator.predict(as_columns(inputs, self.columns)))

    def passes(self, inputs: Floats) -> Bools:
        """(row, node) which nodes each row comes through."""
        paths = self.estimator.decision_path(as_columns(inputs, self.columns))
        return np.asarray(paths.toarray() > 0)

    @property
    def leaves(self) -> Ints:
        """Places of the nodes that are not divided."""
        return np.flatnonzero([node.column is None for node in self.nodes])


def _nodes(tree: Tree, columns: Sequence[SplitColumn]) -> tuple[TreeNode, ...]:
    above = {0: (-1, False, 0)}
    nodes = []
    for place in range(tree.node_count):
        parent, goes_left, depth = above[place]
        left, right = int(tree.children_left[place]), int(tree.children_right[place])
        divided = left >= 0
        if divided:
            above[left], above[right] = (place, True, depth + 1), (place, False, depth + 1)
        nodes.append(
            TreeNode(
                parent,
                goes_left,
                depth,
                columns[int(tree.feature[place])] if divided else None,
                float(tree.threshold[place]) if divided else float("nan"),
                float(tree.value[place].ravel()[0]),
            )
        )
    return tuple(nodes)


@dataclass(frozen=True)
class HistogramNodes:
    """The nodes of a tree of scikit-learn's histogram boosting, (node,) each, by its own names."""

    value: Floats
    feature_idx: Ints
    num_threshold: Floats
    missing_go_to_left: Ints
    left: Ints
    right: Ints
    is_leaf: Ints
    is_categorical: Ints
    bitset_idx: Ints

    @classmethod
    def of(cls, tree: TreePredictor) -> HistogramNodes:
        return cls(**{field.name: tree.nodes[field.name] for field in fields(cls)})


def histogram_trees(estimator: BaseHistGradientBoosting) -> TreeEnsemble:
    """The trees of `HistGradientBoosting…`: log-odds of the second of two classes, or the number.

    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> numbers = np.arange(60.0)
    >>> fitted = HistGradientBoostingRegressor(max_iter=2).fit(numbers[:, None], numbers)
    >>> ensemble = histogram_trees(fitted)
    >>> len(ensemble.roots), ensemble.base.tolist()
    (2, [29.5])
    """
    columns = _Columns.of(estimator)
    nodes, roots = joined([_histogram_nodes(tree, columns) for (tree,) in estimator._predictors])
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
    def of(cls, estimator: BaseHistGradientBoosting) -> _Columns:
        categorical = estimator.is_categorical_
        if categorical is None:
            return cls(np.arange(estimator.n_features_in_))
        encoder = estimator._preprocessor.named_transformers_.encoder
        origins = np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])
        return cls(origins, tuple(np.asarray(v, dtype=np.float64) for v in encoder.categories_))


def _histogram_nodes(tree: TreePredictor, columns: _Columns) -> Nodes:
    nodes, bitsets = HistogramNodes.of(tree), tree.raw_left_cat_bitsets
    leaf, missing_left = nodes.is_leaf.astype(bool), nodes.missing_go_to_left.astype(bool)

    def split(node: int) -> CategorySplit:
        """Values that were unknown in training go where missing ones do."""
        values = columns.values[nodes.feature_idx[node]]
        values = values[~np.isnan(values)]
        places = np.arange(len(values))
        left = (bitsets[nodes.bitset_idx[node]][places // 32] >> (places % 32)) & 1 == 1
        return CategorySplit(values[left], values[~left], bool(missing_left[node]))

    return Nodes(
        feature=np.where(leaf, -1, columns.origins[nodes.feature_idx]),
        threshold=nodes.num_threshold,
        left=nodes.left.astype(np.int64),
        right=nodes.right.astype(np.int64),
        missing_left=missing_left,
        values=nodes.value[:, None],
        categories={
            node: split(node)
            for node in np.flatnonzero(~leaf & nodes.is_categorical.astype(bool)).tolist()
        },
    )
