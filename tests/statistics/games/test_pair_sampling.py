"""Sampled interaction values against their definition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from deepseek_report.statistics.games.pair_sampling import PairQuestions, PairValues
from deepseek_report.statistics.games.tree_shapley import pairs_of_features
from deepseek_report.statistics.games.tree_surrogate import TreeSurrogate
from tests.enumerated import enumerated_interactions

COLUMNS = 5
PAIRS = pairs_of_features(np.arange(COLUMNS))[:3]


def bent(rows: np.ndarray) -> np.ndarray:
    return np.tanh(rows[:, 0] * rows[:, 1] + rows[:, 2]) + 0.5 * rows[:, 3] * rows[:, 4]


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(30, COLUMNS))


@pytest.fixture(scope="module")
def surrogate(rows: np.ndarray) -> TreeSurrogate:
    return TreeSurrogate.fitted(bent, rows, rows=800, seed=1)


@pytest.fixture(scope="module")
def exact(rows: np.ndarray) -> np.ndarray:
    values = enumerated_interactions(bent, rows[:10], rows)
    return np.stack([values[:, i, j] for i, j in PAIRS])


@pytest.fixture(scope="module")
def known(rows: np.ndarray, surrogate: TreeSurrogate) -> np.ndarray:
    return surrogate.interactions(rows[:10], rows, np.arange(COLUMNS))[:3]


@pytest.fixture(scope="module")
def estimate_of(rows, surrogate, known) -> Callable[[int, int], PairValues]:
    def ask(draws: int, seed: int) -> PairValues:
        questions = PairQuestions(rows[:10], rows, PAIRS, draws)
        return questions.answered(bent, surrogate.outputs, known, seed)

    return ask


def holds(estimate: PairValues, exact: np.ndarray) -> np.ndarray:
    return np.abs(estimate.values - exact) <= 1.96 * estimate.standard_errors + 1e-12


def test_many_draws_come_to_the_value_of_the_definition(estimate_of, exact) -> None:
    estimate = estimate_of(4000, 0)
    assert np.abs(estimate.values - exact).max() < 0.05
    assert holds(estimate, exact).mean() > 0.8
    np.testing.assert_allclose(estimate.magnitudes, np.abs(exact), atol=0.05)


def test_intervals_hold_the_value_and_magnitudes_are_not_too_large(estimate_of, exact) -> None:
    estimates = [estimate_of(8, seed) for seed in range(120)]
    inside = [holds(estimate, exact) for estimate in estimates]
    assert 0.92 < np.mean(inside) < 0.98
    sizes = np.stack([estimate.magnitudes.mean(axis=1) for estimate in estimates])
    error = sizes.std(axis=0) / np.sqrt(len(sizes))
    true = np.abs(exact).mean(axis=1)
    assert (sizes.mean(axis=0) < true + 3 * error + 1e-12).all()
    assert sizes[:, 0].mean() > 0.9 * true[0]


def test_noise_alone_has_no_magnitude() -> None:
    draws = np.random.default_rng(1).normal(size=(1, 20_000, 4))
    estimate = PairValues.of_draws(draws)
    assert np.abs(estimate.values).mean() > 0.35
    assert abs(estimate.magnitudes.mean()) < 0.01


def test_a_surrogate_makes_the_errors_smaller(rows, estimate_of) -> None:
    with_it = estimate_of(16, 3).standard_errors
    questions = PairQuestions(rows[:10], rows, PAIRS, 16)
    nothing = np.zeros((3, 10))
    alone = questions.answered(bent, lambda table: np.zeros(len(table)), nothing, 3)
    assert with_it.mean() < 0.8 * alone.standard_errors.mean()


def test_of_an_additive_model_nothing_is_estimated_whatever_the_surrogate_says(
    rows, surrogate, known
) -> None:
    questions = PairQuestions(rows[:10], rows, PAIRS, 4)
    estimate = questions.answered(
        lambda table: np.sin(table).sum(axis=1), surrogate.outputs, known, 1
    )
    np.testing.assert_allclose(estimate.values, 0, atol=1e-12)


def test_the_model_is_asked_for_as_many_rows_as_are_said(rows, surrogate) -> None:
    counted = []

    def counting(table: np.ndarray) -> np.ndarray:
        counted.append(len(table))
        return bent(table)

    questions = PairQuestions(rows[:10], rows, PAIRS, 4)
    questions.answered(counting, surrogate.outputs, np.zeros((3, 10)), 1)
    assert sum(counted) == questions.rows == 480


def test_exact_values_have_no_error() -> None:
    values = PairValues.exact(np.array([[1.0, -2.0]]))
    assert values.magnitudes.tolist() == [[1.0, 2.0]]
    assert not values.standard_errors.any()
