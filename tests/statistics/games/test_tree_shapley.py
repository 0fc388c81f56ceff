"""Exact values and interactions of trees that are drawn at random, against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from deepseek_report.artifacts.protocols.trees import Nodes, TreeEnsemble
from deepseek_report.statistics.games import tree_shapley as tree_games
from deepseek_report.statistics.games.tree_shapley import (
    leaf_values,
    leaves,
    pairs_of_features,
    tree_interactions,
    tree_shapley,
)
from tests.enumerated import enumerated, enumerated_interactions
from tests.random_trees import drawn, ensemble_of, table, walked, world


@settings(max_examples=40, deadline=None)
@examples(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 7), st.integers(0, 1))
def test_values_are_those_of_the_definition(seed, depth, n_features, output) -> None:
    ensemble, inputs, background = world(seed, 3, depth, n_features, 3, 6)
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
    ensemble, inputs, background = world(5, 2, 6, 5, 1100, 8)
    together = tree_shapley(ensemble, inputs, background, 1)
    few = tree_shapley(ensemble, inputs[1090:1095], background, 1)
    np.testing.assert_allclose(together.values[1090:1095], few.values, atol=1e-12)
    assert together.values.shape == (1100, 5)
    assert tree_shapley(ensemble, inputs[:0], background, 1).values.shape == (0, 5)


@settings(max_examples=30, deadline=None)
@examples(st.integers(0, 10_000), st.integers(1, 8), st.integers(2, 6), st.integers(0, 1))
def test_interactions_are_those_of_the_definition(seed, depth, n_features, output) -> None:
    rng = np.random.default_rng(seed)
    ensemble = ensemble_of([drawn(rng, depth, n_features) for _ in range(3)])
    inputs, background = table(rng, 3, n_features), table(rng, 6, n_features)
    features = rng.permutation(n_features)
    values = tree_interactions(ensemble, inputs, background, output, features)
    exact = enumerated_interactions(lambda rows: walked(ensemble, rows, output), inputs, background)
    for (first, second), own in zip(pairs_of_features(features), values, strict=True):
        np.testing.assert_allclose(own, exact[:, first, second], atol=1e-9)


def test_interactions_do_not_depend_on_how_many_leaves_are_summed_at_once(monkeypatch) -> None:
    ensemble, inputs, background = world(2, 3, 7, 9, 12, 10)
    at_once = tree_interactions(ensemble, inputs, background, 0, np.arange(9))
    monkeypatch.setattr(tree_games, "_NUMBERS", 1)
    one_by_one = tree_interactions(ensemble, inputs, background, 0, np.arange(9))
    np.testing.assert_allclose(at_once, one_by_one, atol=1e-12)


def test_some_features_have_the_values_that_they_have_among_all() -> None:
    ensemble, inputs, background = world(3, 3, 6, 8, 5, 10)
    every = tree_interactions(ensemble, inputs, background, 1, np.arange(8))
    some = tree_interactions(ensemble, inputs, background, 1, np.array([2, 5]))
    place = pairs_of_features(np.arange(8)).tolist().index([2, 5])
    np.testing.assert_allclose(some[0], every[place], atol=1e-12)


@pytest.mark.parametrize("n_features", [0, 1])
def test_fewer_than_two_features_have_no_pair(n_features) -> None:
    rng = np.random.default_rng(4)
    ensemble = ensemble_of([drawn(rng, 3, 4)])
    rows = table(rng, 5, 4)
    values = tree_interactions(ensemble, rows, rows, 0, np.arange(n_features))
    assert values.shape == (0, 5)


def test_stumps_have_no_interactions() -> None:
    ensemble, inputs, background = world(5, 20, 1, 5, 6, 10)
    assert np.abs(tree_shapley(ensemble, inputs, background, 0).values).max() > 0
    assert not tree_interactions(ensemble, inputs, background, 0, np.arange(5)).any()
