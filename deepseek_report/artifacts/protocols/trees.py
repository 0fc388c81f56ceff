"""The decision trees of a model as plain arrays, whatever library fitted them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.explanation import OutputSpace


@dataclass(frozen=True)
class CategorySplit:
    """Which values of a categorical column go left and which right.

    others_left : where values go that are in neither set.
    """

    left: Floats
    right: Floats
    others_left: bool

    def goes_left(self, values: Floats) -> Bools:
        """(row,) values of the column -> (row,)."""
        named = np.isin(values, self.right if self.others_left else self.left)
        return named ^ self.others_left


@dataclass(frozen=True)
class Nodes:
    """Nodes of one or several trees, by position.

    Parameters
    ----------
    feature : (node,)
        Column that the node asks about; -1 at a leaf.
    threshold : (node,)
        Values up to it go left.
    left, right : (node,)
        Positions of the children; of no meaning at a leaf.
    missing_left : (node,)
        Whether a missing value goes left.
    values : (node, output)
        What the tree adds to each output at a leaf.
    zero_missing : (node,)
        Whether 0 counts as missing; None where it nowhere does.
    categories : {node: its split}
        Nodes that ask for categories instead of comparing with the threshold.
    """

    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    missing_left: Bools
    values: Floats
    zero_missing: Bools | None = None
    categories: Mapping[int, CategorySplit] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.feature)

    def goes_left(self, nodes: Ints, columns: Floats) -> Bools:
        """(node, row): which rows go left at these nodes; columns is (feature, row)."""
        cells = columns[self.feature[nodes]]
        left = cells <= self.threshold[nodes, None]
        for place in np.flatnonzero(np.isin(nodes, list(self.categories))):
            left[place] = self.categories[int(nodes[place])].goes_left(cells[place])
        missing = np.isnan(cells)
        if self.zero_missing is not None:
            missing |= self.zero_missing[nodes, None] & (np.abs(cells) <= _ZERO)
        return np.where(missing, self.missing_left[nodes, None], left)


#: What lightgbm takes for 0.
_ZERO = 1e-35


@dataclass(frozen=True)
class TreeEnsemble:
    """Trees whose leaves add up to an output of the model.

    Parameters
    ----------
    nodes : Nodes
        All trees, one behind another.
    roots : (tree,)
        Position of each tree's root, ascending.
    base : (output,)
        What is added to the leaves.
    space : OutputSpace
        What the sum is: "probability" or log-odds ("logit") of each class, or the predicted number
        ("value").
    single_precision : bool
        Whether the trees round a column to single precision before they compare it.
    """

    nodes: Nodes
    roots: Ints
    base: Floats
    space: OutputSpace
    single_precision: bool

    def with_outputs(self, weights: Floats) -> TreeEnsemble:
        """The ensemble whose outputs are the present ones times (output, new output) weights."""
        nodes = replace(self.nodes, values=self.nodes.values @ weights)
        return replace(self, nodes=nodes, base=self.base @ weights)

    def read(self, rows: Floats) -> Floats:
        """(row, feature) -> (feature, row) as the trees compare them."""
        rounded = rows.astype(np.float32) if self.single_precision else rows
        return np.ascontiguousarray(rounded.T, dtype=np.float64)


def joined(trees: Sequence[Nodes]) -> tuple[Nodes, Ints]:
    """Several trees one behind another, and the positions of their roots."""
    roots = np.cumsum([0, *map(len, trees)])[:-1]
    shifts = np.repeat(roots, [len(tree) for tree in trees])
    zeros = [tree.zero_missing for tree in trees if tree.zero_missing is not None]
    nodes = Nodes(
        feature=np.concatenate([tree.feature for tree in trees]),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        left=np.concatenate([tree.left for tree in trees]) + shifts,
        right=np.concatenate([tree.right for tree in trees]) + shifts,
        missing_left=np.concatenate([tree.missing_left for tree in trees]),
        values=np.concatenate([tree.values for tree in trees]),
        zero_missing=np.concatenate(zeros) if zeros else None,
        categories={
            int(root) + node: split
            for root, tree in zip(roots, trees, strict=True)
            for node, split in tree.categories.items()
        },
    )
    return nodes, roots
