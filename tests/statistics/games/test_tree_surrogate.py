"""A surrogate of boosted trees, and the rest of the model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from deepseek_report.statistics.games.pair_sampling import PairQuestions, PairValues
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


# --- Interaction values that are sampled beside a surrogate, against their definition -------------


WIDTH = 5
PAIRS = pairs_of_features(np.arange(WIDTH))[:3]


def bent(table: np.ndarray) -> np.ndarray:
    return np.tanh(table[:, 0] * table[:, 1] + table[:, 2]) + 0.5 * table[:, 3] * table[:, 4]


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(30, WIDTH))


@pytest.fixture(scope="module")
def of_bent(table: np.ndarray) -> TreeSurrogate:
    return TreeSurrogate.fitted(bent, table, rows=800, seed=1)


@pytest.fixture(scope="module")
def exact(table: np.ndarray) -> np.ndarray:
    values = enumerated_interactions(bent, table[:10], table)
    return np.stack([values[:, i, j] for i, j in PAIRS])


@pytest.fixture(scope="module")
def known(table: np.ndarray, of_bent: TreeSurrogate) -> np.ndarray:
    return of_bent.interactions(table[:10], table, np.arange(WIDTH))[:3]


@pytest.fixture(scope="module")
def estimate_of(table, of_bent, known) -> Callable[[int, int], PairValues]:
    def ask(draws: int, seed: int) -> PairValues:
        questions = PairQuestions(table[:10], table, PAIRS, draws)
        return questions.answered(bent, of_bent.outputs, known, seed)

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


def test_a_surrogate_makes_the_errors_smaller(table, estimate_of) -> None:
    with_it = estimate_of(16, 3).standard_errors
    questions = PairQuestions(table[:10], table, PAIRS, 16)
    nothing = np.zeros((3, 10))
    alone = questions.answered(bent, lambda table: np.zeros(len(table)), nothing, 3)
    assert with_it.mean() < 0.8 * alone.standard_errors.mean()


def test_of_an_additive_model_nothing_is_estimated_whatever_the_surrogate_says(
    table, of_bent, known
) -> None:
    questions = PairQuestions(table[:10], table, PAIRS, 4)
    estimate = questions.answered(
        lambda table: np.sin(table).sum(axis=1), of_bent.outputs, known, 1
    )
    np.testing.assert_allclose(estimate.values, 0, atol=1e-12)


def test_the_model_is_asked_for_as_many_rows_as_are_said(table, of_bent) -> None:
    counted = []

    def counting(table: np.ndarray) -> np.ndarray:
        counted.append(len(table))
        return bent(table)

    questions = PairQuestions(table[:10], table, PAIRS, 4)
    questions.answered(counting, of_bent.outputs, np.zeros((3, 10)), 1)
    assert sum(counted) == questions.rows == 480


def test_exact_values_have_no_error() -> None:
    values = PairValues.exact(np.array([[1.0, -2.0]]))
    assert values.magnitudes.tolist() == [[1.0, 2.0]]
    assert not values.standard_errors.any()
