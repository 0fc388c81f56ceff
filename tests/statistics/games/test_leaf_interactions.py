"""Exact interaction values of trees that are drawn at random, against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from deepseek_report.statistics.games import tree_shapley as shapley_module
from deepseek_report.statistics.games.tree_shapley import (
    pairs_of_features,
    tree_interactions,
    tree_shapley,
)
from tests.enumerated import enumerated_interactions
from tests.random_trees import drawn, ensemble_of, table, walked


@settings(max_examples=30, deadline=None)
@examples(st.integers(0, 10_000), st.integers(1, 8), st.integers(2, 6), st.integers(0, 1))
def test_values_are_those_of_the_definition(seed, depth, n_features, output) -> None:
    rng = np.random.default_rng(seed)
    ensemble = ensemble_of([drawn(rng, depth, n_features) for _ in range(3)])
    inputs, background = table(rng, 3, n_features), table(rng, 6, n_features)
    features = rng.permutation(n_features)
    values = tree_interactions(ensemble, inputs, background, output, features)
    exact = enumerated_interactions(lambda rows: walked(ensemble, rows, output), inputs, background)
    for (first, second), own in zip(pairs_of_features(features), values, strict=True):
        np.testing.assert_allclose(own, exact[:, first, second], atol=1e-9)


def test_values_do_not_depend_on_how_many_leaves_are_summed_at_once(monkeypatch) -> None:
    rng = np.random.default_rng(2)
    ensemble = ensemble_of([drawn(rng, 7, 9) for _ in range(3)])
    inputs, background = table(rng, 12, 9), table(rng, 10, 9)
    at_once = tree_interactions(ensemble, inputs, background, 0, np.arange(9))
    monkeypatch.setattr(shapley_module, "_NUMBERS", 1)
    one_by_one = tree_interactions(ensemble, inputs, background, 0, np.arange(9))
    np.testing.assert_allclose(at_once, one_by_one, atol=1e-12)


def test_some_features_have_the_values_that_they_have_among_all() -> None:
    rng = np.random.default_rng(3)
    ensemble = ensemble_of([drawn(rng, 6, 8) for _ in range(3)])
    inputs, background = table(rng, 5, 8), table(rng, 10, 8)
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
    rng = np.random.default_rng(5)
    ensemble = ensemble_of([drawn(rng, 1, 5) for _ in range(20)])
    inputs, background = table(rng, 6, 5), table(rng, 10, 5)
    assert np.abs(tree_shapley(ensemble, inputs, background, 0).values).max() > 0
    assert not tree_interactions(ensemble, inputs, background, 0, np.arange(5)).any()
