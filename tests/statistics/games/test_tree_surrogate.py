"""A surrogate of boosted trees, and the rest of the model."""

from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.statistics.games.tree_shapley import pairs_of_features
from deepseek_report.statistics.games.tree_surrogate import TreeSurrogate
from tests.enumerated import enumerated, enumerated_interactions

COLUMNS = 5


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rows = np.random.default_rng(3).normal(size=(40, COLUMNS))
    rows[::7, 2] = np.nan
    return rows


def wavy(rows: np.ndarray) -> np.ndarray:
    known = np.nan_to_num(rows, nan=-1.0)
    return np.sin(2 * known[:, 0]) * known[:, 1] + 0.5 * known[:, 2] - known[:, 3]


def test_its_values_are_those_of_all_coalitions_of_its_outputs(rows: np.ndarray) -> None:
    surrogate = TreeSurrogate.fitted(wavy, rows, rows=1000, seed=1)
    values = surrogate.values(rows[:4], rows)
    exact = enumerated(surrogate.outputs, rows[:4], rows)
    np.testing.assert_allclose(values, exact, atol=1e-9)
    assert surrogate.fidelity > 0.8


def test_a_line_is_reproduced_by_a_line(rows: np.ndarray) -> None:
    slopes = np.array([1.0, -2.0, 0.0, 0.5, 3.0])
    rows = rows[~np.isnan(rows).any(axis=1)]
    surrogate = TreeSurrogate.fitted(lambda table: table @ slopes, rows, rows=500, seed=1)
    assert surrogate.fidelity == pytest.approx(1)
    np.testing.assert_allclose(
        surrogate.values(rows, rows), slopes * (rows - rows.mean(axis=0)), atol=1e-9
    )


def test_trees_that_tell_nothing_count_next_to_nothing(rows: np.ndarray) -> None:
    def noise(table: np.ndarray) -> np.ndarray:
        return np.random.default_rng(len(table)).normal(size=len(table))

    surrogate = TreeSurrogate.fitted(noise, rows, rows=2000, seed=1)
    assert abs(surrogate.fidelity) < 0.05
    assert surrogate.weight < 0.2


def test_of_a_constant_nothing_is_told(rows: np.ndarray) -> None:
    surrogate = TreeSurrogate.fitted(lambda table: np.full(len(table), 0.3), rows, 500, seed=1)
    np.testing.assert_allclose(surrogate.values(rows, rows), 0, atol=1e-12)


def test_its_interactions_are_those_of_all_coalitions_of_its_outputs(rows: np.ndarray) -> None:
    surrogate = TreeSurrogate.fitted(wavy, rows, rows=1000, seed=1)
    features = np.array([3, 1, 0])
    values = surrogate.interactions(rows[:3], rows, features)
    exact = enumerated_interactions(surrogate.outputs, rows[:3], rows)
    for (first, second), own in zip(pairs_of_features(features), values, strict=True):
        np.testing.assert_allclose(own, exact[:, first, second], atol=1e-9)


@pytest.mark.parametrize("constant", [0.1, 2800.0, 0.0])
def test_what_does_not_vary_in_the_background_moves_no_output(constant: float) -> None:
    random = np.random.default_rng(1)
    scales = 10.0 ** random.integers(0, 5, size=23)
    background = random.integers(0, 4, size=(8, 23)) * scales
    background[:, [3, 20, 21]] = constant
    background[:3, 20] = np.nan
    surrogate = TreeSurrogate.fitted(
        lambda table: np.tanh((table / scales)[:, :3].sum(axis=1) / 20), background, 1000, seed=1
    )
    assert surrogate.slopes.any()
    rows = background.copy()
    rows[:, [3, 20, 21]] += 1000.0
    np.testing.assert_allclose(surrogate.outputs(rows), surrogate.outputs(background), atol=1e-9)
    assert np.abs(surrogate.values(rows, background)).max() < 2
