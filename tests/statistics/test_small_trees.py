"""Small trees: what they split at, and that they say what they fit."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.statistics.small_trees import SmallTree, as_columns, split_columns

COLUMNS = split_columns([0, 3])


def rows(n: int = 600) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.column_stack([rng.normal(size=n), rng.integers(0, 3, n)]).astype(float)


def steps(inputs: np.ndarray) -> np.ndarray:
    return 2.0 * (inputs[:, 0] > 0) + 1.0 * (inputs[:, 1] == 2)


def test_a_function_of_two_steps_is_found_exactly_with_its_splits() -> None:
    inputs = rows()
    tree = SmallTree.fit(inputs, steps(inputs), COLUMNS, depth=2, leaves=4, fewest=10)
    assert tree.predict(inputs) == pytest.approx(steps(inputs))
    root = tree.nodes[0]
    assert (root.column.feature, root.column.category) == (0, None)
    assert abs(root.split) < 0.05
    below = {(node.column.feature, node.column.category) for node in tree.nodes[1:] if node.column}
    assert below == {(1, 2)}
    assert sorted(tree.nodes[place].value for place in tree.leaves) == pytest.approx([0, 1, 2, 3])


def test_every_row_comes_through_the_root_and_one_leaf_whose_value_it_gets() -> None:
    inputs = rows()
    tree = SmallTree.fit(inputs, np.exp(inputs[:, 0]), COLUMNS, depth=4, leaves=8, fewest=20)
    passes = tree.passes(inputs)
    assert passes[:, 0].all()
    assert (passes[:, tree.leaves].sum(axis=1) == 1).all()
    own = tree.leaves[passes[:, tree.leaves].argmax(axis=1)]
    assert tree.predict(inputs) == pytest.approx([tree.nodes[place].value for place in own])
    assert len(tree.leaves) <= 8
    assert passes.sum(axis=0)[tree.leaves].min() >= 20


def test_a_missing_number_and_a_missing_category_find_a_leaf() -> None:
    inputs = rows()
    inputs[::7, 0], inputs[::5, 1] = np.nan, np.nan
    tree = SmallTree.fit(inputs, steps(inputs), COLUMNS, depth=3, leaves=6, fewest=10)
    assert np.isfinite(tree.predict(inputs)).all()
    assert (as_columns(inputs, COLUMNS)[::5, 1:] == 0).all()
