"""Trees that are drawn at random, and walked node by node."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.protocols.trees import CategorySplit, Nodes, TreeEnsemble, joined


def drawn(rng: np.random.Generator, depth: int, n_features: int) -> Nodes:
    """A tree whose inner nodes ask about features at random, some of them for categories."""
    feature, left, right, splits = [], [], [], {}

    def grow(level: int) -> int:
        node = len(feature)
        feature.append(-1)
        left.append(-1)
        right.append(-1)
        if level < depth and (level == 0 or rng.random() < 0.85):
            feature[node] = int(rng.integers(n_features))
            if rng.random() < 0.2:
                sets = rng.permutation([-1.0, 0.0, 1.0])
                splits[node] = CategorySplit(sets[:1], sets[1:2], bool(rng.integers(2)))
            left[node] = grow(level + 1)
            right[node] = grow(level + 1)
        return node

    grow(0)
    n = len(feature)
    return Nodes(
        np.array(feature),
        np.round(rng.normal(size=n), 1),
        np.array(left),
        np.array(right),
        rng.random(n) < 0.5,
        rng.normal(size=(n, 2)),
        zero_missing=rng.random(n) < 0.2,
        categories=splits,
    )


def ensemble_of(trees: list[Nodes]) -> TreeEnsemble:
    nodes, roots = joined(trees)
    return TreeEnsemble(nodes, roots, np.array([0.3, -2.0]), "value", single_precision=False)


def world(
    seed: int, trees: int, depth: int, n_features: int, n_cases: int, n_background: int
) -> tuple[TreeEnsemble, np.ndarray, np.ndarray]:
    """An ensemble, the cases and the background."""
    rng = np.random.default_rng(seed)
    ensemble = ensemble_of([drawn(rng, depth, n_features) for _ in range(trees)])
    return ensemble, table(rng, n_cases, n_features), table(rng, n_background, n_features)


def walked(ensemble: TreeEnsemble, rows: np.ndarray, output: int) -> np.ndarray:
    """(row,) the output, node by node from its definition."""
    nodes, sums = ensemble.nodes, np.full(len(rows), ensemble.base[output])
    for place, row in enumerate(rows):
        for root in ensemble.roots:
            node = int(root)
            while nodes.feature[node] >= 0:
                node = int((nodes.left if _goes_left(nodes, node, row) else nodes.right)[node])
            sums[place] += nodes.values[node, output]
    return sums


def _goes_left(nodes: Nodes, node: int, row: np.ndarray) -> bool:
    value = row[nodes.feature[node]]
    if np.isnan(value) or (value == 0 and nodes.zero_missing[node]):
        return bool(nodes.missing_left[node])
    if node not in nodes.categories:
        return bool(value <= nodes.threshold[node])
    split = nodes.categories[node]
    if split.others_left:
        return value not in set(split.right)
    return value in set(split.left)


def table(rng: np.random.Generator, n: int, n_features: int) -> np.ndarray:
    """Rows with ties, zeros and missing values."""
    rows = np.round(rng.normal(size=(n, n_features)), 0)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    return rows
