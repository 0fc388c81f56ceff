"""Exact values of trees that are drawn at random, against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from deepseek_report.artifacts.protocols.trees import Nodes, TreeEnsemble
from deepseek_report.statistics.games import tree_shapley as tree_games
from deepseek_report.statistics.games.tree_shapley import leaf_values, leaves, tree_shapley
from tests.enumerated import enumerated
from tests.random_trees import drawn, ensemble_of, table, walked


@settings(max_examples=40, deadline=None)
@examples(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 7), st.integers(0, 1))
def test_values_are_those_of_the_definition(seed, depth, n_features, output) -> None:
    rng = np.random.default_rng(seed)
    ensemble = ensemble_of([drawn(rng, depth, n_features) for _ in range(3)])
    inputs, background = table(rng, 3, n_features), table(rng, 6, n_features)
    values = tree_shapley(ensemble, inputs, background, output)

    def sums(rows: np.ndarray) -> np.ndarray:
        return walked(ensemble, rows, output)

    np.testing.assert_allclose(values.outputs, sums(inputs), atol=1e-12)
    assert values.base == pytest.approx(sums(background).mean(), abs=1e-12)
    np.testing.assert_allclose(values.values, enumerated(sums, inputs, background), atol=1e-9)


@pytest.mark.parametrize("n_cases", [1, 30, 300])
def test_both_ways_to_pool_give_the_same(n_cases, monkeypatch) -> None:
    rng = np.random.default_rng(n_cases)
    ensemble = ensemble_of([drawn(rng, 10, 12) for _ in range(2)])
    columns = ensemble.read(table(rng, n_cases + 25, 12))
    lengths = set()
    for paths in leaves(ensemble, columns):
        worth = ensemble.nodes.values[paths.nodes, 0]
        lengths.add(paths.features.shape[1])
        by_way = []
        for way in ("_by_table", "_by_pairs"):
            with monkeypatch.context() as patch:
                only = getattr(tree_games, way)
                patch.setattr(tree_games, "_by_table", only)
                patch.setattr(tree_games, "_by_pairs", only)
                by_way.append(leaf_values(paths, worth, n_cases, 12))
        np.testing.assert_allclose(by_way[0], by_way[1], atol=1e-12)
    assert max(lengths) >= 8


def test_a_path_may_ask_about_more_features_than_a_machine_word_has_bits() -> None:
    """A chain of 70 conditions: x1 > 0 and x2 > 0 and …, so that the case has all and a row none.

    The value 1 at its end is reached by the whole coalition alone: each feature is worth 1/70.
    """
    n, inner = 70, np.arange(70)
    nodes = Nodes(
        feature=np.concatenate([inner, np.full(n + 1, -1)]),
        threshold=np.zeros(2 * n + 1),
        left=np.concatenate([inner + n, np.full(n + 1, -1)]),
        right=np.concatenate([[*range(1, n), 2 * n], np.full(n + 1, -1)]),
        missing_left=np.zeros(2 * n + 1, dtype=bool),
        values=np.eye(2 * n + 1)[:, -1:],
    )
    ensemble = TreeEnsemble(nodes, np.array([0]), np.zeros(1), "value", single_precision=False)
    values = tree_shapley(ensemble, np.ones((2, n)), -np.ones((3, n)), 0)
    np.testing.assert_allclose(values.values, 1 / n, atol=1e-12)
    np.testing.assert_allclose(values.outputs, 1)
    assert values.base == 0


def test_cases_do_not_depend_on_which_others_are_explained() -> None:
    rng = np.random.default_rng(5)
    ensemble = ensemble_of([drawn(rng, 6, 5) for _ in range(2)])
    inputs, background = table(rng, 1100, 5), table(rng, 8, 5)
    together = tree_shapley(ensemble, inputs, background, 1)
    few = tree_shapley(ensemble, inputs[1090:1095], background, 1)
    np.testing.assert_allclose(together.values[1090:1095], few.values, atol=1e-12)
    assert together.values.shape == (1100, 5)
    assert tree_shapley(ensemble, inputs[:0], background, 1).values.shape == (0, 5)
